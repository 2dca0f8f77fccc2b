using Lorikeet.Tracking;
using Lorikeet.Tracking.TensorBoard;
using Lorikeet.Tracking.Wandb;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>Who hears a run's events: the run file's trackers, then the caller. A tracker is one line here.</summary>
internal sealed class RunTrackers : IDisposable
{
    private readonly IReadOnlyList<IRunListener> _trackers;
    private readonly RunEnvironment _environment;

    private RunTrackers(IReadOnlyList<IRunListener> trackers, RunEnvironment environment)
    {
        (_trackers, _environment) = (trackers, environment);
        Listener = StampedEvents.For(environment.Clock, [.. trackers, environment.Listener]);
    }

    /// <summary>Passes events on to all of them.</summary>
    public IRunListener Listener { get; }

    /// <summary>What the user may want to do with what was written, one sentence each.</summary>
    public IEnumerable<string> Hints => _trackers.Select(tracker => tracker switch
    {
        TensorBoardTracker { Directory: { } directory } => $"curves: tensorboard --logdir {directory}",
        WandbTracker { Directory: { } directory } => $"W&B: upload with: wandb sync {directory}",
        _ => null,
    }).OfType<string>();

    /// <summary>Opens the trackers of a run file; the output directory exists.</summary>
    /// <param name="config">The run file.</param>
    /// <param name="resolved">Its text with all keys.</param>
    /// <param name="environment">The clock, the caller's listener.</param>
    public static RunTrackers Open(RunConfig config, string resolved, RunEnvironment environment)
    {
        string output = config.Train.OutputDir!;
        var about = new TrackedRun
        {
            Name = NameOf(config),
            OutputDir = output,
            RunFile = resolved,
            Config = RunConfigJson.Write(config),
            LoggingSteps = config.Train.LoggingSteps,
            Host = environment.Host,
            Clock = environment.Clock,
        };
        IRunListener? Tracker(Reporter reporter) => reporter switch
        {
            Reporter.None => null,
            Reporter.Jsonl => new RunEventFile(Path.Combine(output, RunEventFile.Name), config.Train.LoggingSteps, environment.Clock),
            Reporter.Tensorboard => new TensorBoardTracker(about, config.Train.LoggingDir),
            Reporter.Wandb => new WandbTracker(about, Wandb(config.Wandb)),
            _ => throw new NotSupportedException($"reporting to {reporter}"),
        };
        return new RunTrackers([.. config.ReportTo.Distinct().Select(Tracker).OfType<IRunListener>()], environment);
    }

    /// <summary>The run's name for people.</summary>
    public static string NameOf(RunConfig config) => config.Train.RunName ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(config.Train.OutputDir!));

    /// <summary>Tells each of them how the run failed, as far as it can still be written: a full disk must not hide itself behind a second error.</summary>
    public void Fail(RunFailed failed)
    {
        foreach (IRunListener listener in _trackers.Append(_environment.Listener))
        {
            try
            {
                listener.On(failed);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The failure itself is on its way to the user; the next listener may still be able to write.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable tracker in _trackers.OfType<IDisposable>())
        {
            tracker.Dispose();
        }
    }

    private static WandbOptions Wandb(WandbSection section) => new()
    {
        Project = section.Project,
        Entity = section.Entity,
        Name = section.Name,
        Group = section.Group,
        JobType = section.JobType,
        Notes = section.Notes,
        Tags = section.Tags,
    };
}
