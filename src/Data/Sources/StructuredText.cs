using System.Text.Json;

namespace Lorikeet.Data.Sources;

/// <summary>Columns that hold structure, in which tables keep JSON as text.</summary>
internal static class StructuredText
{
    private static readonly string[] Columns = ["messages", "conversations", "texts", "images", "image", "videos", "video"];

    // Columns that are ordinary texts as often: in these only a list of objects, such as messages, is JSON.
    private static readonly string[] TextColumns = ["prompt", "completion", "chosen", "rejected"];

    public static readonly JsonDocumentOptions Options = new() { AllowDuplicateProperties = false };

    /// <summary>Whether a cell is to be read as JSON: by its column's name, and because it begins as a list or an object does.</summary>
    public static bool IsJson(string column, ReadOnlySpan<char> cell)
    {
        if (cell is not ['[' or '{', ..])
        {
            return false;
        }

        return Columns.Contains(column, StringComparer.Ordinal)
            || (TextColumns.Contains(column, StringComparer.Ordinal) && cell[0] == '[' && cell[1..].TrimStart() is ['{', ..]);
    }

    /// <summary>Writes a cell that is JSON; false where it is not, so that it is an ordinary text.</summary>
    public static bool TryWrite(Utf8JsonWriter json, string column, ReadOnlySpan<byte> cell)
    {
        Span<char> head = stackalloc char[64];
        ReadOnlySpan<byte> start = cell[..Math.Min(cell.Length, head.Length)];
        for (int i = 0; i < start.Length; i++)
        {
            head[i] = (char)start[i];
        }

        if (!IsJson(column, head[..start.Length]))
        {
            return false;
        }

        try
        {
            JsonElement.Parse(cell, Options).WriteTo(json);
            return true;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
