using System.Diagnostics;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Hub;

/// <summary>pull as a process of its own: killed in the middle, and two at a time.</summary>
[Trait("tier", "slow")]
public sealed class KilledPullTests : IDisposable
{
    private const int Kills = 6;
    private const int Bytes = 40 << 20;

    private readonly FakeHub _hub = new("tiny/model");
    private readonly string _home = Directory.CreateTempSubdirectory("lorikeet-pull-").FullName;
    private readonly FakeFile _weights;
    private long _sent;

    public KilledPullTests()
    {
        _hub.Add("config.json", "{}");
        _hub.Add("tokenizer.json", "{}");
        _weights = _hub.AddLarge("model.safetensors", Bytes);
        _hub.Interfere = (request, answer) =>
        {
            if (request.IsStore)
            {
                answer.Pause = TimeSpan.FromMilliseconds(1);
                answer.OnSent = count => Interlocked.Add(ref _sent, count);
            }

            return null;
        };
    }

    private string Repository => Path.Combine(_home, "hub", "models--tiny--model");

    private string Visible => Path.Combine(Repository, "snapshots", _hub.Commit, "model.safetensors");

    [Fact]
    public async Task A_pull_that_is_killed_again_and_again_ends_with_the_same_bytes_and_fetches_little_twice()
    {
        for (int kill = 1; kill <= Kills; kill++)
        {
            using Process process = Start();
            long enough = _sent + (Bytes / (Kills + 2));
            while (_sent < enough && !process.HasExited)
            {
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }

            Assert.False(process.HasExited, "the pull should still be under way");
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.False(File.Exists(Visible));
        }

        (int code, string said) = await Ends(Start());
        Assert.True(code == ExitCodes.Done, said);
        Assert.Contains("going on after", said, StringComparison.Ordinal);
        Assert.Equal(_weights.Content, File.ReadAllBytes(Visible));

        // Each kill costs at most what had not been recorded: 4 MiB of each of two ranges, and what was in the pipe.
        Assert.InRange(_sent, Bytes, Bytes + (Kills * (10L << 20)));
        Assert.DoesNotContain(Directory.EnumerateFiles(Repository, "*", SearchOption.AllDirectories), f => Path.GetFileName(f).Contains("lorikeet", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_processes_fetch_a_file_once()
    {
        (int Code, string Said)[] ends = await Task.WhenAll(Ends(Start()), Ends(Start()));
        Assert.All(ends, end => Assert.True(end.Code == ExitCodes.Done, end.Said));
        Assert.Equal(_weights.Content, File.ReadAllBytes(Visible));
        Assert.Equal(Bytes, _sent);
    }

    public void Dispose()
    {
        _hub.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    private Process Start()
    {
        var start = new ProcessStartInfo("dotnet", [typeof(CliHost).Assembly.Location, "pull", "tiny/model"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["HF_HOME"] = _home;
        start.Environment["HF_ENDPOINT"] = _hub.Endpoint.AbsoluteUri;
        start.Environment.Remove("HF_HUB_CACHE");
        start.Environment.Remove("HF_HUB_OFFLINE");
        return Process.Start(start)!;
    }

    private static async Task<(int Code, string Said)> Ends(Process process)
    {
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            string error = await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, error + await output);
        }
    }
}
