using System.Globalization;

namespace Lorikeet.Data.Sampling;

/// <summary>
/// A part of a data set as the <c>datasets</c> library writes it: <c>train</c>, <c>train[:6%]</c>, <c>train[100:200]</c>,
/// <c>train[-10%:]</c>, several joined by <c>+</c>. The split's name is not looked at: the file that it slices is given elsewhere.
/// Source: <c>ReadInstruction</c> of datasets (percentages round to the nearest row, half to even; a boundary beyond the end is an
/// error).
/// </summary>
public sealed class SplitSlice
{
    private readonly string _text;
    private readonly IReadOnlyList<Part> _parts;

    private SplitSlice(string text, IReadOnlyList<Part> parts)
    {
        _text = text;
        _parts = parts;
    }

    /// <summary>The whole data set.</summary>
    public static SplitSlice All { get; } = new("train", [new Part(null, null, false)]);

    /// <summary>Reads a slice.</summary>
    /// <exception cref="InvalidDataException">The text is no slice.</exception>
    public static SplitSlice Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new SplitSlice(text, [.. text.Split('+').Select(part => ParsePart(text, part.Trim()))]);
    }

    /// <summary>The row ranges [From, To) that the slice selects among <paramref name="count"/> rows, in the order written.</summary>
    /// <exception cref="InvalidDataException">A boundary lies beyond the rows there are, or nothing is selected.</exception>
    public IReadOnlyList<(long From, long To)> Resolve(long count)
    {
        var ranges = new List<(long From, long To)>();
        foreach (Part part in _parts)
        {
            long from = part.From is { } f ? Row(f, part.Percent, count) : 0;
            long to = part.To is { } t ? Row(t, part.Percent, count) : count;
            if (to > from)
            {
                ranges.Add((from, to));
            }
        }

        return ranges.Count > 0 ? ranges : throw new InvalidDataException(FormattableString.Invariant($"train_split '{_text}' selects none of {count} rows; expected at least one."));
    }

    /// <inheritdoc/>
    public override string ToString() => _text;

    private long Row(long boundary, bool percent, long count)
    {
        long row = percent ? (long)Math.Round(boundary * count / 100.0, MidpointRounding.ToEven) : boundary;
        return Math.Abs(row) <= count
            ? (row < 0 ? count + row : row)
            : throw new InvalidDataException(FormattableString.Invariant($"train_split '{_text}': the boundary {boundary} lies beyond the {count} rows there are."));
    }

    private static Part ParsePart(string text, string part)
    {
        int bracket = part.IndexOf('[', StringComparison.Ordinal);
        string name = bracket < 0 ? part : part[..bracket];
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            throw Malformed(text);
        }

        if (bracket < 0)
        {
            return new Part(null, null, false);
        }

        string[] bounds = part[^1] == ']' ? part[(bracket + 1)..^1].Split(':') : [];
        if (bounds.Length != 2)
        {
            throw Malformed(text);
        }

        bool percent = bounds[0].EndsWith('%') || bounds[1].EndsWith('%');
        return new Part(Boundary(text, bounds[0], percent), Boundary(text, bounds[1], percent), percent);
    }

    private static long? Boundary(string text, string bound, bool percent)
    {
        bound = bound.Trim().TrimEnd('%').Replace("_", "", StringComparison.Ordinal);
        if (bound.Length == 0)
        {
            return null;
        }

        if (!long.TryParse(bound, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) || value == long.MinValue)
        {
            throw Malformed(text);
        }

        return !percent || Math.Abs(value) <= 100
            ? value
            : throw new InvalidDataException($"train_split '{text}': a percentage must lie between -100 and 100.");
    }

    private static InvalidDataException Malformed(string text) =>
        new($"train_split '{text}' is no slice; expected for example train, train[:6%], train[100:200] or train[-10%:].");

    private sealed record Part(long? From, long? To, bool Percent);
}
