using Lorikeet.Tensors;
using Lorikeet.Tracking;

namespace Lorikeet.Training;

/// <summary>What a run needs from outside: the device, the clock, who listens.</summary>
public sealed record RunEnvironment
{
    /// <summary>Where tensors live.</summary>
    public required Parameters Parameters { get; init; }

    /// <summary>Hears of every event, besides the run's own event file.</summary>
    public required IRunListener Listener { get; init; }

    /// <summary>The kernels' path, for checkpoints.</summary>
    public required string InstructionSet { get; init; }

    /// <summary>Whether products of bfloat16 run on hardware: then <c>compute: auto</c> uses them for models stored in 16 bits.</summary>
    public bool HasFastBf16 { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Finds the directory that <c>model.path</c> means; it may name a repository of the hub.</summary>
    public Func<string, string> LocateModel { get; init; } = static path => path;

    /// <summary>The machine's name, for trackers.</summary>
    public string Host { get; init; } = "local";

    /// <summary>The program's version.</summary>
    public string Version { get; init; } = "";

    /// <summary>Who runs this, told to others that want the same output directory.</summary>
    public string Owner { get; init; } = "another run of this program";

    /// <summary>Told how far the writing of checkpoints and results is; for tests of what a crash leaves behind.</summary>
    public Action<WritePoint>? Reached { get; init; }
}

/// <summary>What to do with a directory that already holds a run.</summary>
public enum UsedDirectory
{
    /// <summary>Refuse.</summary>
    Refuse,

    /// <summary>Go on from its newest good checkpoint.</summary>
    Resume,

    /// <summary>Start anew and remove what is there.</summary>
    Overwrite,
}
