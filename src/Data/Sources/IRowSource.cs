using System.Security.Cryptography;
using System.Text.Json;

namespace Lorikeet.Data.Sources;

/// <summary>
/// Rows of one file by number. Only the rows' positions are held in memory; reading is by offset and safe from several threads.
/// </summary>
public interface IRowSource : IDisposable
{
    /// <summary>The file as the user named it.</summary>
    string Path { get; }

    /// <summary>Number of rows.</summary>
    long Count { get; }

    /// <summary>Reads a row, 0-based.</summary>
    /// <exception cref="InvalidDataException">The row is malformed, or the file has changed since it was opened.</exception>
    Row Read(long index);

    /// <summary>Adds what identifies the file's content to a hash.</summary>
    void AddTo(IncrementalHash hash);

    /// <summary>Where a row stands, as <c>file:line</c> with 1-based line.</summary>
    string Describe(long index);
}

/// <summary>One row as a JSON object (a csv row has its column names as keys).</summary>
/// <param name="Json">The object.</param>
/// <param name="Id">0-based number in the file.</param>
/// <param name="Origin">Place for messages, <c>file:line</c>.</param>
public sealed record Row(JsonElement Json, long Id, string Origin);
