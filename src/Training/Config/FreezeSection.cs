namespace Lorikeet.Training.Config;

/// <summary>The parts that method freeze trains.</summary>
public sealed record FreezeSection
{
    /// <summary>Towers (vision, connector, language), ranges of their layers (language.layers.4-7), modules or parameters by name; everything else stays frozen.</summary>
    public IReadOnlyList<string> Train { get; init; } = [];
}
