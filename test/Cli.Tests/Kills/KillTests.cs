using System.Diagnostics;

namespace Lorikeet.Cli.Tests.Kills;

/// <summary>
/// A run that is killed again and again, at random moments and at every point of a checkpoint's write, ends in the bytes of a run that
/// was left alone; also when the number of threads changes in between. The tests of this class kill more than fifty times.
/// </summary>
[Trait("tier", "slow")]
public sealed class KillTests
{
    [Theory]
    [InlineData("a LoRA adapter", "", 12, 1)]
    [InlineData("an rsLoRA adapter in bfloat16", "--model.compute=bfloat16 --lora.use_rslora=true", 12, 2)]
    [InlineData("packs of samples", "--data.packing=true --data.max_length=1500", 10, 5)]
    [InlineData("a run that stops early", "--train.early_stopping_patience=3 --train.learning_rate=0.2", 6, 6)]
    [InlineData("chosen parts", "--method=freeze --freeze.train=[connector]", 10, 3)]
    [InlineData("the whole model", "--method=full", 10, 4)]
    public void Killed_at_random_moments_a_run_ends_in_the_same_bytes(string what, string settings, int kills, int seed)
    {
        using var folder = new KilledFolder(settings);
        long began = Stopwatch.GetTimestamp();
        KilledFolder.Outcome expected = Whole(folder);
        double whole = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        folder.Clear();

        var random = new Random(seed);
        int done = 0, starts = 0;
        while (done < kills)
        {
            Assert.True(++starts < 20 * kills, $"{what}: only {done} of {starts} starts could be killed");
            using Child child = ChildProgram.Start([.. folder.Arguments, "--resume"], threads: random.Next(1, 4));
            TimeSpan time = TimeSpan.FromMilliseconds(whole * random.NextDouble());
            bool isAsked = random.Next(5) == 0;
            if (isAsked)
            {
                child.StopAfter(time);
            }
            else if (child.KillAfter(time))
            {
                done++;
                continue;
            }

            // A request that comes before anybody listens to it ends the process as the system does: 143.
            Said said = child.End();
            if (isAsked && said.Code is ExitCodes.Interrupted or 143)
            {
                continue;
            }

            Assert.True(said.Code == ExitCodes.Done, said.Messages);
            folder.Read().MustEqual(expected);
            folder.Clear();
        }

        Finish(folder).MustEqual(expected);
    }

    [Fact]
    public void Killed_at_every_point_of_its_writes_a_run_ends_in_the_same_bytes()
    {
        using var folder = new KilledFolder("");
        KilledFolder.Outcome expected = Whole(folder);
        folder.Clear();
        string[] points = ["before-staging:1", "mid-file:2", "before-manifest:1", "before-rename:2", "after-rename:1", "before-prune:1", "after-prune:2", "mid-file:1", "before-rename:1", "before-final:1", "mid-final:1", "after-final:1"];
        foreach (string point in points)
        {
            using Child child = ChildProgram.Start([.. folder.Arguments, "--resume"], threads: 1 + (point.Length % 3), fault: $"kill@{point}");
            Said said = child.End();
            Assert.True(said.Code == 137, $"{point}: ended with {said.Code}\n{said.Messages}");
        }

        Finish(folder).MustEqual(expected);
    }

    private static KilledFolder.Outcome Whole(KilledFolder folder)
    {
        using Child child = ChildProgram.Start(folder.Arguments);
        Said said = child.End();
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        KilledFolder.Outcome whole = folder.Read();
        Assert.Equal(Enumerable.Range(1, whole.Steps.Length).Select(s => (long)s), whole.Steps.Select(s => s.Step));
        Assert.NotEmpty(whole.Replies);
        return whole;
    }

    private static KilledFolder.Outcome Finish(KilledFolder folder)
    {
        using Child child = ChildProgram.Start([.. folder.Arguments, "--resume"], threads: 3);
        Said said = child.End();
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        return folder.Read();
    }
}
