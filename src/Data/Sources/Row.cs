using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Data.Sources;

/// <summary>One row as a JSON object (a csv or Parquet row has its column names as keys).</summary>
/// <param name="Json">The object.</param>
/// <param name="Id">0-based number in the source.</param>
/// <param name="Origin">Place for messages, <c>file:line</c>.</param>
public sealed record Row(JsonElement Json, long Id, string Origin)
{
    private const string BlobMark = "\0bytes:";

    /// <summary>
    /// Binary values of the row, which JSON cannot hold: in their place stands a string that names the number (<see cref="BlobText"/>).
    /// </summary>
    public IReadOnlyList<byte[]> Blobs { get; init; } = [];

    /// <summary>What stands in the JSON for a binary value: a string that begins with a zero character.</summary>
    public static string BlobText(int number) => BlobMark + number.ToString(CultureInfo.InvariantCulture);

    /// <summary>The binary value that a string of the JSON stands for, or null for an ordinary string.</summary>
    public byte[]? FindBlob(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.StartsWith(BlobMark, StringComparison.Ordinal)
            && int.TryParse(text.AsSpan(BlobMark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < Blobs.Count
                ? Blobs[number]
                : null;
    }
}
