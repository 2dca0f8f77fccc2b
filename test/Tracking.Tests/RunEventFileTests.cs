using System.Text;

namespace Lorikeet.Tracking.Tests;

public sealed class RunEventFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-events-").FullName;

    private string Path => System.IO.Path.Combine(_folder, RunEventFile.Name);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_was_written_is_read_back_while_the_file_is_still_open()
    {
        using var file = new RunEventFile(Path, 1, TimeProvider.System);
        file.On(new RunStarted { Steps = 2 });
        file.On(Step(1));
        file.On(new Progressed { Activity = "evaluating" });
        file.On(Step(2));
        var history = RunHistory.Read(Path);
        Assert.Empty(history.Complaints);
        Assert.Equal([typeof(RunStarted), typeof(StepTaken), typeof(StepTaken)], history.Events.Select(e => e.GetType()));
        Assert.All(history.Events, e => Assert.True(e.Time > DateTimeOffset.UnixEpoch));
    }

    [Fact]
    public void Of_the_steps_every_so_many_are_written_and_the_first_and_the_last()
    {
        using (var file = new RunEventFile(Path, 4, TimeProvider.System))
        {
            for (int step = 1; step <= 10; step++)
            {
                file.On(Step(step, steps: 10));
            }
        }

        Assert.Equal([1, 4, 8, 10], RunHistory.Read(Path).Events.Cast<StepTaken>().Select(s => s.Step));
    }

    [Fact]
    public void A_resumed_run_replaces_the_steps_it_takes_again()
    {
        using (var file = new RunEventFile(Path, 1, TimeProvider.System))
        {
            RunEvent[] events = [new RunStarted(), Step(1), Step(2), new Evaluated { Step = 2 }, new CheckpointSaved { Step = 2 }, Step(3), Step(4)];
            Array.ForEach(events, file.On);
        }

        using (var file = new RunEventFile(Path, 1, TimeProvider.System))
        {
            file.On(new RunStarted { ResumedFromStep = 2 });
            file.On(Step(3, loss: 9));
        }

        var left = RunHistory.Read(Path).Events;
        Assert.Equal([1, 2, 3], left.OfType<StepTaken>().Select(s => s.Step));
        Assert.Equal(9, left.OfType<StepTaken>().Last().Loss);
        Assert.Single(left.OfType<CheckpointSaved>());
    }

    [Fact]
    public void An_evaluation_that_came_again_counts_once()
    {
        using (var file = new RunEventFile(Path, 1, TimeProvider.System))
        {
            RunEvent[] events =
            [
                new RunStarted(), Step(1), new CheckpointSaved { Step = 1 },
                new RunStarted { ResumedFromStep = 1 }, new SampleGenerated { Step = 1, Index = 1, Reply = "first" }, new Evaluated { Step = 1, Loss = 5 },
                new RunStarted { ResumedFromStep = 1 }, new SampleGenerated { Step = 1, Index = 1, Reply = "again" }, new SampleGenerated { Step = 1, Index = 2 }, new Evaluated { Step = 1, Loss = 6 },
                Step(2), new Evaluated { Step = 2, Loss = 4 },
            ];
            Array.ForEach(events, file.On);
        }

        var left = RunHistory.Read(Path).Events;
        Assert.Equal([(1L, 6.0), (2L, 4.0)], left.OfType<Evaluated>().Select(e => (e.Step, e.Loss)));
        Assert.Equal([(1L, "again"), (2L, "")], left.OfType<SampleGenerated>().Select(s => (s.Index, s.Reply)));
    }

    [Fact]
    public void Half_a_line_is_reported_and_costs_nothing_else()
    {
        using (var file = new RunEventFile(Path, 1, TimeProvider.System))
        {
            file.On(Step(1));
        }

        File.AppendAllText(Path, "{\"v\":1,\"type\":\"st");
        Assert.Equal([$"{Path}:2: not complete; the run may be writing it, or has died in it"], RunHistory.Read(Path).Complaints);
        using (var file = new RunEventFile(Path, 1, TimeProvider.System))
        {
            file.On(Step(2));
        }

        var history = RunHistory.Read(Path);
        Assert.Equal([1, 2], history.Events.Cast<StepTaken>().Select(s => s.Step));
        Assert.StartsWith($"{Path}:2: no run event: ", Assert.Single(history.Complaints), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_without_end_does_not_fill_the_memory()
    {
        File.WriteAllText(Path, new string('x', RunHistory.MaxLine + 5) + "\n" + Encoding.UTF8.GetString(RunEventJson.Write(Step(1))) + "\n");
        var history = RunHistory.Read(Path);
        Assert.Single(history.Events);
        Assert.EndsWith(":1: longer than 1048576 bytes", Assert.Single(history.Complaints), StringComparison.Ordinal);
    }

    [Fact]
    public void Events_are_stamped_once_for_all_listeners()
    {
        var heard = new List<RunEvent>();
        var stamped = StampedEvents.For(TimeProvider.System, new Listener(heard.Add), new Listener(heard.Add));
        stamped.On(new Noted());
        stamped.On(new Noted { ElapsedS = 7, Time = DateTimeOffset.UnixEpoch });
        Assert.Equal(heard[0], heard[1]);
        Assert.True(heard[0].ElapsedS > 0 && heard[0].Time > DateTimeOffset.UnixEpoch);
        Assert.Equal((7, DateTimeOffset.UnixEpoch), (heard[2].ElapsedS, heard[2].Time));
    }

    [Fact]
    public void The_time_left_follows_the_recent_steps_and_leaves_out_the_first()
    {
        var eta = new EtaEstimator();
        Assert.Null(eta.Until(10));
        eta.Add(new StepTaken { Step = 1, ElapsedS = 60 });
        Assert.Null(eta.Until(10));
        eta.Add(new StepTaken { Step = 2, ElapsedS = 62 });
        eta.Add(new StepTaken { Step = 3, ElapsedS = 64 });
        Assert.Equal(TimeSpan.FromSeconds(14), eta.Until(10));
        Assert.Equal(TimeSpan.Zero, eta.Until(3));
        for (int step = 4; step <= 200; step++)
        {
            eta.Add(new StepTaken { Step = step, ElapsedS = 64 + ((step - 3) * 10) });
        }

        Assert.Equal(TimeSpan.FromSeconds(10), eta.Until(201));
    }

    private sealed class Listener(Action<RunEvent> heard) : IRunListener
    {
        public void On(RunEvent happened) => heard(happened);
    }

    private static StepTaken Step(long step, long steps = 1000, double loss = 1) => new() { Step = step, Steps = steps, Loss = loss };
}
