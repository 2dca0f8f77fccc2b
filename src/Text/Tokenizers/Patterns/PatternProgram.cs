namespace Lorikeet.Text.Tokenizers;

/// <summary>Steps of the pattern matcher.</summary>
internal enum PatternOp : byte
{
    /// <summary>Success.</summary>
    Match,

    /// <summary>One code point of Set.</summary>
    Set,

    /// <summary>Set repeated A..B times (B -1: no limit), as many as possible, giving back one by one.</summary>
    LoopGreedy,

    /// <summary>The same, never giving back.</summary>
    LoopPossessive,

    /// <summary>The same, as few as possible.</summary>
    LoopLazy,

    /// <summary>Go on at A, on failure at B.</summary>
    Split,

    /// <summary>Go on at A.</summary>
    Jump,

    /// <summary>Condition A (an AnchorKind) on the position.</summary>
    Anchor,

    /// <summary>The program at the next step up to its Match must match here; go on at A.</summary>
    LookAhead,

    /// <summary>The same, must not match.</summary>
    LookAheadNot,

    /// <summary>The same, B code points further back.</summary>
    LookBehind,

    /// <summary>The same, must not match.</summary>
    LookBehindNot,

    /// <summary>The program at the next step matches once and for all; go on at A where it ended.</summary>
    Atomic,

    /// <summary>Remembers the position in register A.</summary>
    Mark,

    /// <summary>Goes on at B if nothing was consumed since Mark A (an empty round ends a loop).</summary>
    ExitIfEmpty,
}

/// <summary>One step.</summary>
internal sealed class PatternStep
{
    public PatternOp Op { get; init; }

    public int A { get; set; }

    public int B { get; set; }

    public CodePointSet? Set { get; init; }

    /// <summary>Split: what the way through A can begin with.</summary>
    public FirstSet FirstA { get; set; } = FirstSet.Anything;

    /// <summary>Split: what the way through B can begin with.</summary>
    public FirstSet FirstB { get; set; } = FirstSet.Anything;
}

/// <summary>Which code points a part of a pattern can begin with (ASCII exactly, others as a whole).</summary>
/// <param name="Low">U+0000..U+003F.</param>
/// <param name="High">U+0040..U+007F.</param>
/// <param name="Other">Anything above may begin it.</param>
/// <param name="Empty">It may match without consuming, so nothing is excluded.</param>
internal readonly record struct FirstSet(ulong Low, ulong High, bool Other, bool Empty)
{
    public static readonly FirstSet Anything = new(~0UL, ~0UL, true, true);

    public static readonly FirstSet Nothing = new(0, 0, false, false);

    public bool MayBegin(int c) => Empty || (c >= 0x80 ? Other : ((c < 64 ? Low : High) >> (c & 63) & 1) != 0);

    public FirstSet Or(FirstSet other) => new(Low | other.Low, High | other.High, Other || other.Other, Empty || other.Empty);

    /// <summary>What this and then <paramref name="next"/> can begin with.</summary>
    public FirstSet Then(FirstSet next) =>
        Empty ? new FirstSet(Low | next.Low, High | next.High, Other || next.Other, next.Empty) : this;

    public static FirstSet Of(PatternNode node)
    {
        switch (node)
        {
            case PatternNode.Set set:
                return new FirstSet(set.Members.Ascii(0), set.Members.Ascii(1), true, false);
            case PatternNode.Sequence sequence:
                FirstSet all = Nothing with { Empty = true };
                foreach (PatternNode part in sequence.Parts)
                {
                    all = all.Then(Of(part));
                }

                return all;
            case PatternNode.Alternation alternation:
                FirstSet any = Nothing;
                foreach (PatternNode choice in alternation.Choices)
                {
                    any = any.Or(Of(choice));
                }

                return any;
            case PatternNode.Repeat repeat:
                FirstSet body = Of(repeat.Body);
                return repeat.Min == 0 ? body with { Empty = true } : body;
            case PatternNode.Atomic atomic:
                return Of(atomic.Body);
            default:
                return Nothing with { Empty = true };
        }
    }
}
