using System.Text;

namespace Lorikeet.Training.Checks;

/// <summary>What is wrong with a sample, or odd about it.</summary>
public enum FindingKind
{
    /// <summary>A whole data file cannot be used.</summary>
    UnusableFile,

    /// <summary>A row cannot be read: broken JSON, text that is not UTF-8, another number of fields than the header has.</summary>
    UnreadableRow,

    /// <summary>Keys are missing, of another type than expected, or not known.</summary>
    RowFormat,

    /// <summary>A role is missing or unknown, or speakers do not take turns as they should.</summary>
    Roles,

    /// <summary>An answer is empty.</summary>
    EmptyAnswer,

    /// <summary>A message other than an answer is empty.</summary>
    EmptyMessage,

    /// <summary>Pictures and their places differ in number, or a place is where no picture may be.</summary>
    ImagePlaces,

    /// <summary>A picture's file does not exist.</summary>
    MissingImage,

    /// <summary>A picture cannot be read: damaged, cut off, no picture at all, too large, an address.</summary>
    BadImage,

    /// <summary>The chat template or the tokenizer refuses the conversation.</summary>
    CannotEncode,

    /// <summary>More tokens than data.max_length.</summary>
    TooLong,

    /// <summary>No token carries loss.</summary>
    NoLoss,

    /// <summary>The same conversation with the same pictures came before in the same data.</summary>
    Duplicate,

    /// <summary>A sample of the evaluation data is also trained on.</summary>
    Leak,

    /// <summary>Text of the row holds what the tokenizer takes for a special token. A warning.</summary>
    SpecialTokenText,

    /// <summary>A picture is a few pixels wide or high. A warning.</summary>
    TinyImage,

    /// <summary>A picture is many times longer than wide. A warning.</summary>
    ExtremeAspectRatio,

    /// <summary>Every pixel of a picture has the same colour. A warning; headers alone do not show it.</summary>
    BlankImage,

    /// <summary>More tokens than data.max_length, which data.on_overflow takes care of. A warning.</summary>
    TooLongHandled,
}

/// <summary>Something wrong with one sample, or odd about it.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Origin">Where the row stands, <c>file:line</c>; the file alone where it is about the whole of it.</param>
/// <param name="Message">What was expected, what was found, and what to do; without the place.</param>
public sealed record Finding(FindingKind Kind, string Origin, string Message)
{
    /// <summary>False for what trains all the same.</summary>
    public bool IsError => IsErrorKind(Kind);

    /// <summary>Whether findings of a kind are errors; the others are warnings.</summary>
    public static bool IsErrorKind(FindingKind kind) =>
        kind is not (FindingKind.SpecialTokenText or FindingKind.TinyImage or FindingKind.ExtremeAspectRatio or FindingKind.BlankImage or FindingKind.TooLongHandled);

    /// <summary>A kind as reports spell it, such as <c>empty_answer</c>.</summary>
    public static string NameOf(FindingKind kind)
    {
        var name = new StringBuilder();
        foreach (char c in kind.ToString())
        {
            _ = char.IsAsciiLetterUpper(c) && name.Length > 0 ? name.Append('_').Append(char.ToLowerInvariant(c)) : name.Append(char.ToLowerInvariant(c));
        }

        return name.ToString();
    }

    /// <summary>A finding from an error's message, which may begin with the place, perhaps with line and column behind it.</summary>
    public static Finding Of(FindingKind kind, string origin, string message)
    {
        if (!message.StartsWith(origin + ":", StringComparison.Ordinal))
        {
            return new Finding(kind, origin, message);
        }

        int end = message.IndexOf(": ", origin.Length, StringComparison.Ordinal);
        string[] numbers = end < 0 ? ["?"] : message[origin.Length..end].Split(':', StringSplitOptions.RemoveEmptyEntries);
        if (numbers.Any(n => !n.All(char.IsAsciiDigit)))
        {
            return new Finding(kind, origin, message);
        }

        // Behind a file that is its line, and what follows a line is a column.
        bool hasLine = HasLine(origin);
        string place = !hasLine && numbers.Length > 0 ? $"{origin}:{numbers[0]}" : origin;
        string column = numbers.Length > (hasLine ? 0 : 1) ? $"column {numbers[^1]}: " : "";
        return new Finding(kind, place, column + message[(end + 2)..]);
    }

    private static bool HasLine(string origin)
    {
        int colon = origin.LastIndexOf(':');
        return colon >= 0 && colon + 1 < origin.Length && origin.AsSpan(colon + 1).IndexOfAnyExceptInRange('0', '9') < 0;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Origin}: {Message}";
}
