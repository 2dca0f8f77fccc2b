using System.Globalization;
using System.Text;

namespace Lorikeet.Models;

/// <summary>Where one image token of the old text went; all in UTF-16 units.</summary>
/// <param name="OldStart">Start in the old text.</param>
/// <param name="OldLength">Length in the old text.</param>
/// <param name="NewStart">Start in the new text.</param>
/// <param name="NewLength">Length in the new text.</param>
public readonly record struct TextMove(int OldStart, int OldLength, int NewStart, int NewLength);

/// <summary>A kind of image token in a text.</summary>
/// <param name="Token">The token as the template writes it.</param>
/// <param name="Noun">What it stands for, for messages: picture, video.</param>
/// <param name="Count">How many of these the sample has.</param>
/// <param name="Replacement">The text in place of a token, by its number.</param>
public sealed record Placeholder(string Token, string Noun, int Count, Func<int, string> Replacement);

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

    /// <summary>Replaces each image token of a text.</summary>
    /// <param name="text">The rendered chat template.</param>
    /// <param name="token">The token that stands for a picture.</param>
    /// <param name="pictures">Pictures of the sample.</param>
    /// <param name="replacement">The text in place of a picture's token.</param>
    /// <exception cref="InvalidDataException">Another number of tokens than of pictures.</exception>
    public static ExpandedText Replace(string text, string token, int pictures, Func<int, string> replacement)
    {
        ArgumentNullException.ThrowIfNull(replacement);
        return Replace(text, new Placeholder(token, "picture", pictures, replacement));
    }

    /// <summary>Replaces image tokens of several kinds.</summary>
    /// <param name="text">The rendered chat template.</param>
    /// <param name="kinds">The kinds; no token is part of another one.</param>
    /// <exception cref="InvalidDataException">Another number of tokens of a kind than there is to replace them.</exception>
    public static ExpandedText Replace(string text, params IReadOnlyList<Placeholder> kinds)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(kinds);
        var found = new List<(int At, Placeholder Kind, int Number)>();
        foreach (Placeholder kind in kinds)
        {
            List<int> places = Occurrences(text, kind.Token);
            if (places.Count != kind.Count)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                    $"the text has {places.Count} {kind.Token} tokens, but the sample has {kind.Count} {kind.Noun}s; " +
                    $"each {kind.Noun} needs exactly one token (a literal {kind.Token} in a message counts as one)."));
            }

            found.AddRange(places.Select((at, i) => (at, kind, i)));
        }

        var expanded = new StringBuilder(text.Length);
        var moves = new List<TextMove>(found.Count);
        int done = 0;
        foreach ((int at, Placeholder kind, int number) in found.OrderBy(f => f.At))
        {
            expanded.Append(text, done, at - done);
            string put = kind.Replacement(number);
            moves.Add(new TextMove(at, kind.Token.Length, expanded.Length, put.Length));
            expanded.Append(put);
            done = at + kind.Token.Length;
        }

        expanded.Append(text, done, text.Length - done);
        return new ExpandedText(expanded.ToString(), moves);
    }

    /// <summary>A token a number of times.</summary>
    public static string Repeat(string token, int count) => new StringBuilder(token.Length * count).Insert(0, token, count).ToString();

    private static List<int> Occurrences(string text, string token)
    {
        var found = new List<int>();
        for (int at = text.IndexOf(token, StringComparison.Ordinal); at >= 0; at = text.IndexOf(token, at + token.Length, StringComparison.Ordinal))
        {
            found.Add(at);
        }

        return found;
    }
}
