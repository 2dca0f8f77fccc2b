using Lorikeet.Cli.Terminal;

namespace Lorikeet.Cli.Tests.Terminal;

public sealed class RowProgressTests
{
    [Fact]
    public void Without_a_terminal_a_line_comes_every_few_seconds_with_the_time_left()
    {
        var clock = new HandClock();
        var test = new TestHost(clock: clock);
        var progress = new RowProgress(test.Host);
        progress.Report("checking train", 1, 1000);
        clock.Move(4);
        progress.Report("checking train", 150, 1000);
        Assert.Equal("", test.Messages);
        clock.Move(2);
        progress.Report("checking train", 200, 1000);
        clock.Move(1);
        progress.Report("checking train", 250, 1000);
        Assert.Equal("checking train 200/1,000, 33 rows/s, ETA 24 s\n", test.Messages);
        clock.Move(100);
        progress.Report("checking train", 1000, 1000);
        progress.Report("checking eval", 1, 10);
        Assert.Equal("checking train 200/1,000, 33 rows/s, ETA 24 s\n", test.Messages);
    }

    [Fact]
    public void On_a_terminal_the_line_is_drawn_anew_and_taken_away()
    {
        var clock = new HandClock();
        var test = new TestHost(isLive: true, clock: clock);
        var progress = new RowProgress(test.Host);
        progress.Report("checking train", 1, 10);
        clock.Move(1);
        progress.Report("checking train", 2, 10);
        clock.Move(1);
        progress.Report("checking train", 4, 10);
        progress.Erase();
        progress.Erase();
        Assert.Equal(2, test.Messages.Split("\u001b[1A").Length - 1);
        Assert.EndsWith("\u001b[1A\r\u001b[0J", test.Messages, StringComparison.Ordinal);
        Assert.Contains("4/10, 2 rows/s, ETA 3.0 s", test.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void Text_of_a_data_set_cannot_steer_the_terminal()
    {
        Assert.Equal("a␛[31m␍␊b␉\uFFFD\uFFFD猫 [red]", SafeText.Of("a\u001b[31m\r\nb\t\u009b\u202e猫 [red]"));
        Assert.Equal("a\nb\tc␇", SafeText.Of("a\nb\tc\a", keepsLines: true));
    }
}
