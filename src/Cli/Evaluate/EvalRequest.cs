using Lorikeet.Evaluation;
using Lorikeet.Tensors;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Evaluate;

/// <summary>What the user asked eval for; null leaves a choice to the run file or the default.</summary>
internal sealed record EvalRequest
{
    public required string Target { get; init; }

    public string? Adapter { get; init; }

    public (string A, string B)? Compare { get; init; }

    public string? Data { get; init; }

    public string? ImageRoot { get; init; }

    public string? Format { get; init; }

    public string? Prompt { get; init; }

    public long? MaxSamples { get; init; }

    public IReadOnlyList<string>? Metrics { get; init; }

    public double NumericTolerance { get; init; }

    public int? MaxNewTokens { get; init; }

    public double? Temperature { get; init; }

    public IReadOnlyList<string> Stop { get; init; } = [];

    public ulong Seed { get; init; }

    public int? BatchSize { get; init; }

    public bool? SkipBadRows { get; init; }

    public Compute? Compute { get; init; }

    /// <summary>What computes; null: the run's.</summary>
    public DeviceChoice? Device { get; init; }

    public int Resamples { get; init; }

    public string? Output { get; init; }

    public UsedFolder Used { get; init; }
}
