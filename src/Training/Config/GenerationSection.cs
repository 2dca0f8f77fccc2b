using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>How replies are generated; the keys of transformers' GenerationConfig.</summary>
public sealed record GenerationSection
{
    /// <summary>Longest reply in tokens.</summary>
    [Bounds(Min = 1)]
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Divides the logits before sampling; 0 takes the likeliest token (greedy).</summary>
    [Bounds(Min = 0)]
    public double Temperature { get; init; }

    /// <summary>Only the k likeliest tokens; 0 or null: all.</summary>
    [Bounds(Min = 0)]
    public int? TopK { get; init; }

    /// <summary>Only the likeliest tokens that together reach this probability.</summary>
    [Bounds(Above = 0, Max = 1)]
    public double? TopP { get; init; }

    /// <summary>Only tokens at least this likely compared with the likeliest.</summary>
    [Bounds(Min = 0, Max = 1)]
    public double? MinP { get; init; }

    /// <summary>Only the most typical tokens that together reach this probability.</summary>
    [Bounds(Above = 0, Max = 1)]
    public double? TypicalP { get; init; }

    /// <summary>Divides the logits of tokens that already occurred; 1 or null: off.</summary>
    [Bounds(Above = 0)]
    public double? RepetitionPenalty { get; init; }
}
