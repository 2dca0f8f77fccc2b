namespace Lorikeet.Training.Config;

/// <summary>The parts that method freeze trains.</summary>
public sealed record FreezeSection
{
    /// <summary>Names of towers (vision, connector, language) or ranges of layers; everything else stays frozen.</summary>
    public IReadOnlyList<string> Train { get; init; } = [];
}
