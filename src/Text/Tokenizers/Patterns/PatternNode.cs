namespace Lorikeet.Text.Tokenizers;

/// <summary>How a repetition takes its matches.</summary>
internal enum RepeatKind
{
    Greedy,
    Lazy,
    Possessive,
}

/// <summary>Conditions on a position.</summary>
internal enum AnchorKind
{
    TextStart,
    TextEnd,
    TextEndOrFinalNewline,
    LineStart,
    LineEnd,
    WordBoundary,
    NotWordBoundary,
    SearchStart,
}

/// <summary>Syntax tree of a pattern.</summary>
internal abstract record PatternNode
{
    /// <summary>One code point of a set.</summary>
    internal sealed record Set(CodePointSet Members) : PatternNode;

    /// <summary>One after the other; none is the empty pattern.</summary>
    internal sealed record Sequence(IReadOnlyList<PatternNode> Parts) : PatternNode;

    /// <summary>The first that leads to a match.</summary>
    internal sealed record Alternation(IReadOnlyList<PatternNode> Choices) : PatternNode;

    /// <summary>Min to Max times (Max -1: no limit).</summary>
    internal sealed record Repeat(PatternNode Body, int Min, int Max, RepeatKind Kind) : PatternNode;

    /// <summary>Looks ahead or behind without consuming.</summary>
    internal sealed record Look(PatternNode Body, bool Ahead, bool Negative) : PatternNode;

    /// <summary>A group whose first match is final.</summary>
    internal sealed record Atomic(PatternNode Body) : PatternNode;

    /// <summary>A condition on the position.</summary>
    internal sealed record Anchor(AnchorKind Kind) : PatternNode;
}
