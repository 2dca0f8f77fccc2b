using System.Security.Cryptography;
using Lorikeet.Data.Sources.Interop;
using Microsoft.Win32.SafeHandles;

namespace Lorikeet.Data.Sources;

/// <summary>A data file held open for reading by offset, which notices when somebody writes to it.</summary>
internal sealed class SourceFile : IDisposable
{
    /// <summary>Longest row accepted, in bytes; room for pictures embedded as base64.</summary>
    public const int MaxRowBytes = 256 << 20;

    private readonly SafeFileHandle _handle;
    private readonly DateTime _written;

    private SourceFile(string path, SafeFileHandle handle)
    {
        Path = path;
        _handle = handle;
        Length = RandomAccess.GetLength(handle);
        _written = File.GetLastWriteTimeUtc(handle);
    }

    public string Path { get; }

    /// <summary>Bytes of the file when it was opened.</summary>
    public long Length { get; }

    /// <summary>Bytes of a byte order mark at the start: 0 or 3.</summary>
    public int Start { get; private set; }

    /// <summary>Opens a file and refuses what is not UTF-8 text by its first bytes.</summary>
    public static SourceFile Open(string path) => Open(path, isText: true);

    /// <summary>Opens a file of any content.</summary>
    public static SourceFile OpenBinary(string path) => Open(path, isText: false);

    private static SourceFile Open(string path, bool isText)
    {
        if (FileKind.Irregular(path) is { } kind)
        {
            throw new InvalidDataException($"{path}: cannot read the data from {kind}: rows are read in any order, several times. Write them to a regular file first.");
        }

        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.RandomAccess);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string reason = error is FileNotFoundException or DirectoryNotFoundException ? "the file does not exist; check the path (data.train, data.eval)"
                : Directory.Exists(path) ? "it is a directory, where a file was expected"
                : error.Message;
            throw new InvalidDataException($"{path}: cannot open the data file: {reason}.", error);
        }

        try
        {
            var file = new SourceFile(path, handle);
            if (isText)
            {
                file.CheckEncoding();
            }

            return file;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Fills the buffer from an offset; returns the bytes read, less than asked only at the end.</summary>
    public int Read(long offset, Span<byte> buffer)
    {
        int total = 0;
        while (total < buffer.Length)
        {
            int read = RandomAccess.Read(_handle, buffer[total..], offset + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }

    /// <summary>
    /// Adds the file's identity to a hash: its length and 64 pieces spread over it. Two states of a growing or edited file differ with
    /// near certainty, and a file of any size takes milliseconds.
    /// </summary>
    public void AddTo(IncrementalHash hash)
    {
        const int Pieces = 64;
        byte[] piece = new byte[1 << 14];
        hash.AppendData(BitConverter.GetBytes(Length));
        long step = Math.Max(piece.Length, (Length - piece.Length) / (Pieces - 1));
        for (long offset = 0; offset < Length; offset += step)
        {
            hash.AppendData(piece.AsSpan(0, Read(offset, piece)));
        }
    }

    /// <summary>Throws when the file is no longer the one that was indexed.</summary>
    public void RequireUnchanged()
    {
        long length = RandomAccess.GetLength(_handle);
        DateTime written = File.GetLastWriteTimeUtc(_handle);
        if (length != Length || written != _written)
        {
            string change = length != Length ? FormattableString.Invariant($"it had {Length} bytes and has {length} now") : "it was written to";
            throw new InvalidDataException($"{Path}: the data file changed while in use ({change}). Row positions no longer hold; write to a copy and start again.").As(RowFault.File);
        }
    }

    /// <summary>The bytes of one row, from <paramref name="offset"/> to at most <paramref name="end"/>.</summary>
    public byte[] ReadRow(long offset, long end, string origin)
    {
        RequireUnchanged();
        if (end - offset > MaxRowBytes)
        {
            throw new InvalidDataException(FormattableString.Invariant($"{origin}: the row has {end - offset} bytes; expected at most {MaxRowBytes}. Keep pictures in files and give their paths.")).As(RowFault.Unreadable);
        }

        byte[] bytes = new byte[end - offset];
        int read = Read(offset, bytes);
        return read == bytes.Length ? bytes : throw new InvalidDataException($"{Path}: the data file shrank while in use.").As(RowFault.File);
    }

    public void Dispose() => _handle.Dispose();

    private void CheckEncoding()
    {
        Span<byte> first = stackalloc byte[4];
        first = first[..Read(0, first)];
        Start = first.StartsWith("\uFEFF"u8) ? 3 : 0;
        string? kind = first switch
        {
            [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..] => "UTF-16 text; save it as UTF-8",
            [0x1F, 0x8B, ..] => "a gzip file; unpack it first",
            [0x28, 0xB5, 0x2F, 0xFD] => "a zstd file; unpack it first",
            [(byte)'P', (byte)'A', (byte)'R', (byte)'1'] => "a Parquet file; name it .parquet",
            [(byte)'P', (byte)'K', 3, 4] => "a zip file; unpack it first",
            _ => null,
        };
        if (kind is not null)
        {
            throw new InvalidDataException($"{Path}: expected UTF-8 text (.jsonl, .json or .csv), but this is {kind}.");
        }
    }
}
