using Lorikeet.Cli.Hub;
using Lorikeet.Hub;

namespace Lorikeet.Cli.Tests.Hub;

/// <summary>The lines that a pull shows.</summary>
public sealed class PullDisplayTests
{
    private static readonly string Commit = new('c', 40);

    [Fact]
    public void Elsewhere_than_on_a_terminal_a_line_comes_every_few_seconds_with_speed_and_time_left()
    {
        var clock = new HandClock();
        var test = new TestHost(clock: clock);
        var display = new PullDisplay(test.Host);
        display.On(new PullPlanned(Commit, 2, 80 << 20, 20 << 20, 3));
        Assert.Equal($"commit {Commit}: 2 files to fetch, 80 MiB, going on after 20 MiB of an earlier try, 3 here already\n", test.Messages);
        clock.Move(1);
        display.On(new PullAdvanced(4 << 20));
        Assert.DoesNotContain("ETA", test.Messages, StringComparison.Ordinal);
        clock.Move(4);
        display.On(new PullAdvanced(16 << 20));
        Assert.EndsWith("\n40 MiB of 100 MiB (40 %)  4 MiB/s  ETA 15 s  0/2 files\n", test.Messages, StringComparison.Ordinal);
        display.On(new PullFileDone("config.json", 100));

        // The connection becomes slower: the speed is that of the last seconds.
        clock.Move(10);
        display.On(new PullAdvanced(10 << 20));
        Assert.EndsWith("\n50 MiB of 100 MiB (50 %)  1 MiB/s  ETA 50 s  1/2 files\n", test.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void On_a_terminal_the_line_is_redrawn_in_place_and_notes_stay_above_it()
    {
        var clock = new HandClock();
        var test = new TestHost(isLive: true, clock: clock);
        var display = new PullDisplay(test.Host);
        display.On(new PullPlanned(Commit, 1, 1000, 0, 0));
        clock.Move(1);
        display.On(new PullAdvanced(500));
        clock.Move(1);
        display.On(new PullNote("the connection broke"));
        display.On(new PullAdvanced(250));
        Assert.Contains("500 B of 1000 B (50 %)", test.Messages, StringComparison.Ordinal);
        Assert.Contains("\u001b[1A\r\u001b[0Jnote: the connection broke\n", test.Messages, StringComparison.Ordinal);
        Assert.Contains("750 B of 1000 B (75 %)", test.Messages, StringComparison.Ordinal);
    }
}
