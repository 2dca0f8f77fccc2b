using System.Text.Json.Nodes;

namespace Lorikeet.Tracking.Tests;

/// <summary>A run's events without a run, and a folder for what trackers write.</summary>
internal sealed class TestRun : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("lorikeet-track-").FullName;

    public StillClock Clock { get; } = new();

    public TrackedRun About => new()
    {
        Name = "tiny",
        OutputDir = Folder,
        RunFile = "train:\n  seed: 7\n",
        Config = new JsonObject { ["train"] = new JsonObject { ["seed"] = 7 }, ["method"] = "lora" },
        Host = "host-1",
        Clock = Clock,
    };

    public static SampleGenerated Sample(long step, string reply) => new()
    {
        Step = step,
        Index = 1,
        Origin = "eval.jsonl:1",
        Images = ["a.png"],
        Prompt = "What is it?",
        Reference = "A thing.",
        Reply = reply,
        Tokens = 3,
    };

    /// <summary>Steps first..last with an evaluation and a checkpoint after every second one.</summary>
    public static void Play(IRunListener tracker, long resumedFrom, long last, long steps = 100)
    {
        tracker.On(new RunStarted { Steps = steps, ResumedFromStep = resumedFrom, Family = "tiny", Lorikeet = "1.2.3" });
        for (long step = resumedFrom + 1; step <= last; step++)
        {
            tracker.On(new StepTaken { Step = step, Steps = steps, Loss = 10.0 / step, LearningRate = 0.5, GradNorm = 2, Epoch = step / 10.0, TokensPerS = 4, ElapsedS = step });
            if (step % 2 == 0)
            {
                tracker.On(Sample(step, $"reply {step}"));
                tracker.On(new Evaluated { Step = step, Loss = 5.0 / step, Samples = 6, Seconds = 2, Epoch = step / 10.0, Metrics = new Dictionary<string, double> { ["exact_match"] = 0.25 }, ElapsedS = step });
                tracker.On(new CheckpointSaved { Step = step });
            }
        }
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>A clock that stands still until it is moved.</summary>
internal sealed class StillClock : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}
