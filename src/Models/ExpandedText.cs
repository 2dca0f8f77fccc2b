namespace Lorikeet.Models;

/// <summary>Where one image token of the old text went; all in UTF-16 units.</summary>
/// <param name="OldStart">Start in the old text.</param>
/// <param name="OldLength">Length in the old text.</param>
/// <param name="NewStart">Start in the new text.</param>
/// <param name="NewLength">Length in the new text.</param>
public readonly record struct TextMove(int OldStart, int OldLength, int NewStart, int NewLength);

/// <summary>A text whose image tokens are replaced, with the way from old to new positions.</summary>
/// <param name="Text">The new text.</param>
/// <param name="Moves">The replacements, in order.</param>
public sealed record ExpandedText(string Text, IReadOnlyList<TextMove> Moves)
{
    /// <summary>
    /// The position in the new text of a position in the old one, so that spans (of answers, say) found before the expansion stay true. A
    /// position inside an image token goes to the start of its replacement, the one behind it to the end.
    /// </summary>
    /// <param name="old">A position from 0 to the old text's length, in UTF-16 units.</param>
    public int MapOffset(int old)
    {
        int shift = 0;
        foreach (var move in Moves)
        {
            if (old < move.OldStart + move.OldLength)
            {
                return old <= move.OldStart ? old + shift : move.NewStart;
            }
            shift += move.NewLength - move.OldLength;
        }
        return old + shift;
    }
}
