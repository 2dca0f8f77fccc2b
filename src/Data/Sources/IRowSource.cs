using System.Security.Cryptography;

namespace Lorikeet.Data.Sources;

/// <summary>
/// Rows of one or more files by number. Only the rows' positions are held in memory; reading is by number and safe from several threads.
/// </summary>
public interface IRowSource : IDisposable
{
    /// <summary>The file, pattern or directory as the user named it.</summary>
    string Path { get; }

    /// <summary>Absolute folder that relative picture paths count from unless the user says otherwise.</summary>
    string Folder => System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(Path))!;

    /// <summary>Number of rows.</summary>
    long Count { get; }

    /// <summary>What the user should know about the source; one sentence each.</summary>
    IReadOnlyList<string> Notes => [];

    /// <summary>Reads a row, 0-based.</summary>
    /// <exception cref="InvalidDataException">The row is malformed, or the file has changed since it was opened.</exception>
    Row Read(long index);

    /// <summary>Adds what identifies the files' content to a hash.</summary>
    void AddTo(IncrementalHash hash);

    /// <summary>Where a row stands, as <c>file:line</c> with 1-based line, or as near to that as the kind of file has.</summary>
    string Describe(long index);
}
