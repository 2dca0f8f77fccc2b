using System.Diagnostics;
using System.Globalization;
using Lorikeet.Tracking;
using Lorikeet.Training;

namespace Lorikeet.Cli.Tests.Kills;

/// <summary>Signals, full disks, read-only folders and a second process: a clear message, the right exit code, and nothing lost.</summary>
[Trait("tier", "slow")]
public sealed class SurroundingsTests : IDisposable
{
    private readonly KilledFolder _folder = new("");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_termination_request_saves_a_checkpoint_and_ends_with_130()
    {
        using Child child = ChildProgram.Start([.. _folder.Arguments, "--train.save_steps=100", "--train.load_best_model_at_end=false"]);
        WaitForStep(1);
        Signal(child, "TERM");
        Said said = child.End();
        Assert.Equal(130, said.Code);
        Assert.Single(Checkpoint.List(_folder.Output));
        Assert.True(Assert.Single(History().OfType<RunFinished>()).Interrupted);
        Assert.Contains("--resume", said.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_request_ends_the_process_at_once()
    {
        using Child child = ChildProgram.Start([.. _folder.Arguments, "--train.max_steps=100000"]);
        WaitForStep(1);
        child.Process.Refresh();
        Signal(child, "INT");
        Signal(child, "TERM");
        long began = Stopwatch.GetTimestamp();
        Said said = child.End();
        Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(10), "took too long");
        Assert.Equal(130, said.Code);
    }

    [Fact]
    public void A_second_process_is_told_who_is_there_and_the_first_goes_on()
    {
        using Child first = ChildProgram.Start(_folder.Arguments);
        WaitForStep(1);
        using Child second = ChildProgram.Start([.. _folder.Arguments, "--resume"]);
        Said refused = second.End();
        Assert.Equal(ExitCodes.Input, refused.Code);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"in use by process {first.Process.Id} on "), refused.Messages, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Done, first.End().Code);
        Assert.Equal(KilledFolder.Steps, History().OfType<StepTaken>().Count());
    }

    [Fact]
    public void A_limit_of_file_sizes_is_an_error_that_names_the_file()
    {
        using Child child = ChildProgram.StartAfter("ulimit -f 16", _folder.Arguments);
        Said said = child.End();
        Assert.True(said.Code == ExitCodes.Input, $"{said.Code}: {said.Messages}");
        Assert.Contains("checkpoint-1: the checkpoint cannot be written: ", said.Messages, StringComparison.Ordinal);
        Assert.Contains("too large", said.Messages, StringComparison.OrdinalIgnoreCase);
        MustGoOn();
    }

    [Fact]
    public void A_disk_that_fills_up_keeps_its_last_checkpoint()
    {
        Directory.CreateDirectory(_folder.Output);
        Mount("size=1200k");
        try
        {
            using Child child = ChildProgram.Start([.. _folder.Arguments, "--train.save_total_limit=null", "--train.load_best_model_at_end=false"]);
            Said said = child.End();
            Assert.True(said.Code == ExitCodes.Input, $"{said.Code}: {said.Messages}");
            Assert.Contains("No space left on device", said.Messages, StringComparison.Ordinal);
            Assert.Equal([], Directory.GetFileSystemEntries(_folder.Output, ".*"));
            (_, string path) = Checkpoint.List(_folder.Output)[0];
            Assert.Null(Checkpoint.Damage(path));
        }
        finally
        {
            Unmount();
        }
    }

    [Fact]
    public void A_read_only_folder_is_refused_before_anything_is_loaded()
    {
        Directory.CreateDirectory(_folder.Output);
        Mount("size=1m,ro");
        try
        {
            using Child child = ChildProgram.Start(_folder.Arguments);
            Said said = child.End();
            Assert.Equal(ExitCodes.Input, said.Code);
            Assert.Contains($"{_folder.Output}: cannot be written to: ", said.Messages, StringComparison.Ordinal);
            Assert.Contains("Choose another train.output_dir.", said.Messages, StringComparison.Ordinal);
        }
        finally
        {
            Unmount();
        }
    }

    private void MustGoOn()
    {
        using Child child = ChildProgram.Start([.. _folder.Arguments, "--resume"]);
        Said said = child.End();
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.Equal(KilledFolder.Steps, History().OfType<StepTaken>().Count());
        Assert.Equal([], Directory.GetFileSystemEntries(_folder.Output, ".*"));
    }

    private IReadOnlyList<RunEvent> History() => RunHistory.Read(Path.Combine(_folder.Output, RunEventFile.Name)).Events;

    private void WaitForStep(int step)
    {
        long began = Stopwatch.GetTimestamp();
        while (!File.Exists(Path.Combine(_folder.Output, RunEventFile.Name)) || !History().OfType<StepTaken>().Any(e => e.Step >= step))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2), "no step came");
            Task.Delay(10, TestContext.Current.CancellationToken).Wait(TestContext.Current.CancellationToken);
        }
    }

    private static void Signal(Child child, string name) => Assert.Equal(0, Run("kill", $"-{name}", child.Process.Id.ToString(CultureInfo.InvariantCulture)));

    private void Mount(string options)
    {
        if (Run("mount", "-t", "tmpfs", "-o", options, "tmpfs", _folder.Output) != 0)
        {
            Assert.Skip("a small file system cannot be mounted here (that takes root)");
        }
    }

    private void Unmount() => Assert.Equal(0, Run("umount", _folder.Output));

    private static int Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
