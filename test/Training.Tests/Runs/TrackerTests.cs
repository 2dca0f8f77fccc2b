using Lorikeet.Tracking;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>What runs leave for other programs; the formats themselves are tested beside the trackers.</summary>
public sealed class TrackerTests
{
    private static readonly string[] All = ["--report_to=[jsonl, tensorboard, wandb]", "--train.run_name=first", "--wandb.project=p"];

    [Fact]
    public void A_run_writes_to_every_tracker_that_it_names()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 2, settings: All);
        tiny.Train(UsedDirectory.Resume, settings: All);
        Assert.Equal(2, Directory.GetFiles(Assert.Single(Directory.GetDirectories(Path.Combine(tiny.Output, "runs")))).Length);
        string[] offline = Directory.GetDirectories(Path.Combine(tiny.Output, "wandb"), "offline-run-*");
        Assert.Equal(2, offline.Length);
        Assert.Single(offline.Select(path => path[^8..]).Distinct());
        Assert.All(offline, path => Assert.True(new FileInfo(Path.Combine(path, $"run-{path[^8..]}.wandb")).Length > 1000));
        Assert.Contains("\nlora:\n  value: {\"r\":4,\"lora_alpha\":8,", File.ReadAllText(Path.Combine(offline[0], "files", "config.yaml")), StringComparison.Ordinal);

        var history = RunHistory.Read(Path.Combine(tiny.Output, RunEventFile.Name));
        Assert.Empty(history.Complaints);
        Assert.Equal([1, 2, 3, 4], history.Events.OfType<StepTaken>().Select(s => s.Step));
        Assert.Equal([2, 2, 2, 4, 4, 4], history.Events.OfType<SampleGenerated>().Select(s => s.Step));
        Assert.Equal(["first", "first"], history.Events.OfType<RunStarted>().Select(s => s.Name));
    }

    [Fact]
    public void Starting_anew_removes_the_curves_of_before_and_keeps_what_waits_for_its_upload()
    {
        using var tiny = new TinyRun();
        tiny.Train(settings: [.. All, "--train.max_steps=1"]);
        tiny.Train(UsedDirectory.Overwrite, settings: [.. All, "--train.max_steps=1"]);
        Assert.Single(Directory.GetFiles(Path.Combine(tiny.Output, "runs"), "*", SearchOption.AllDirectories));
        Assert.Equal(2, Directory.GetDirectories(Path.Combine(tiny.Output, "wandb")).Select(path => path[^8..]).Distinct().Count());
    }

    [Fact]
    public void Event_files_go_where_logging_dir_says()
    {
        using var tiny = new TinyRun();
        string logs = Path.Combine(tiny.Folder, "logs");
        tiny.Train(settings: ["--report_to=tensorboard", $"--train.logging_dir={logs}", "--train.max_steps=1"]);
        Assert.StartsWith("events.out.tfevents.", Path.GetFileName(Assert.Single(Directory.GetFiles(logs))), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(tiny.Output, RunEventFile.Name)));
    }

    [Fact]
    public void A_failed_run_is_told_with_its_last_step_and_exit_code()
    {
        using var tiny = new TinyRun();
        Assert.Throws<TrainingDivergedException>(() => tiny.Train(settings: ["--train.learning_rate=1e30", "--train.max_grad_norm=0", "--train.lr_scheduler_type=constant", "--train.eval_strategy=no"]));
        var failed = Assert.IsType<RunFailed>(RunHistory.Read(Path.Combine(tiny.Output, RunEventFile.Name)).Events[^1]);
        Assert.Equal(3, failed.ExitCode);
        Assert.True(failed.Step >= 1);
    }
}
