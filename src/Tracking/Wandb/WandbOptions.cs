namespace Lorikeet.Tracking.Wandb;

/// <summary>Where a run belongs in Weights and Biases; the names of wandb.init.</summary>
public sealed record WandbOptions
{
    /// <summary>The project.</summary>
    public string Project { get; init; } = "lorikeet";

    /// <summary>The user or team; null leaves it to the account that uploads.</summary>
    public string? Entity { get; init; }

    /// <summary>The run's name; null for the name of the run.</summary>
    public string? Name { get; init; }

    /// <summary>The group of runs that it belongs to.</summary>
    public string? Group { get; init; }

    /// <summary>The kind of job.</summary>
    public string? JobType { get; init; }

    /// <summary>A description.</summary>
    public string? Notes { get; init; }

    /// <summary>Words to find it by.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];
}
