using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Lorikeet.Hub;

/// <summary>
/// A file that is being downloaded, in any order of its parts: the bytes in <c>NAME.lorikeet.incomplete</c>, and beside them the record
/// <c>NAME.lorikeet.ranges</c> of which of them are there. Both survive a kill. The name differs from the <c>NAME.incomplete</c> of
/// older hub clients, which take such a file's length for what has arrived.
/// </summary>
internal sealed class PartialFile : IDisposable
{
    private const string DataSuffix = ".lorikeet.incomplete";
    private const string RecordSuffix = ".lorikeet.ranges";

    private readonly Lock _lock = new();
    private readonly FileStream _data;
    private readonly StreamWriter _record;
    private readonly RangeSet _done;
    private readonly string _recordPath;

    private PartialFile(FileStream data, StreamWriter record, RangeSet done, string recordPath, long size)
    {
        (_data, _record, _done, _recordPath) = (data, record, done, recordPath);
        Size = size;
        Kept = done.Count;
    }

    /// <summary>The bytes.</summary>
    public SafeFileHandle Bytes => _data.SafeFileHandle;

    /// <summary>Bytes of the whole file.</summary>
    public long Size { get; }

    /// <summary>Bytes that an earlier download left behind.</summary>
    public long Kept { get; private set; }

    /// <summary>Bytes that are there.</summary>
    public long Done
    {
        get
        {
            lock (_lock)
            {
                return _done.Count;
            }
        }
    }

    /// <summary>Bytes of a download that was broken off; 0 if there is none. Nothing is opened.</summary>
    public static long Peek(string target, long size) =>
        File.Exists(target + DataSuffix) && new FileInfo(target + DataSuffix).Length == size ? ReadRecord(target + RecordSuffix, size).Count : 0;

    /// <summary>Opens what there is of a file, or starts it.</summary>
    /// <param name="target">Where the file will be when it is whole.</param>
    /// <param name="size">Its bytes.</param>
    /// <exception cref="IOException">Another process has it open.</exception>
    public static PartialFile Open(string target, long size)
    {
        string dataPath = target + DataSuffix;
        string recordPath = target + RecordSuffix;
        var data = new FileStream(dataPath, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        try
        {
            RangeSet done = data.Length == size ? ReadRecord(recordPath, size) : new RangeSet();
            data.SetLength(size);
            bool goesOn = done.Count > 0;
            var record = new StreamWriter(new FileStream(recordPath, goesOn ? FileMode.Open : FileMode.Create, FileAccess.Write, FileShare.Read));
            record.BaseStream.Seek(0, SeekOrigin.End);
            record.Write(goesOn ? "\n" : Line("size", size, size));
            record.Flush();
            return new PartialFile(data, record, done, recordPath, size);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>The parts that are missing, in pieces of at most <paramref name="piece"/> bytes.</summary>
    public List<ByteRange> Missing(long piece)
    {
        lock (_lock)
        {
            return _done.Missing(Size, piece);
        }
    }

    /// <summary>Writes bytes at their place. They count only once they are marked as done.</summary>
    public void Write(long at, ReadOnlySpan<byte> bytes) => RandomAccess.Write(_data.SafeFileHandle, bytes, at);

    /// <summary>Records that a range has arrived.</summary>
    public void MarkDone(ByteRange range)
    {
        if (range.Length <= 0)
        {
            return;
        }

        lock (_lock)
        {
            _done.Add(range);
            _record.Write(Line("done", range.Start, range.End));
            _record.Flush();
        }
    }

    /// <summary>Forgets what has arrived; it will be written again.</summary>
    public void Reset()
    {
        lock (_lock)
        {
            _done.Clear();
            _record.BaseStream.SetLength(0);
            _record.BaseStream.Seek(0, SeekOrigin.Begin);
            _record.Write(Line("size", Size, Size));
            _record.Flush();
            Kept = 0;
        }
    }

    /// <summary>Moves the finished file to its place, where it appears whole; the record goes.</summary>
    public void MoveTo(string target)
    {
        RandomAccess.FlushToDisk(_data.SafeFileHandle);
        File.Move(_data.Name, target, overwrite: true);
        _record.Dispose();
        File.Delete(_recordPath);
    }

    /// <summary>Throws away what has arrived.</summary>
    public void Delete()
    {
        _record.Dispose();
        File.Delete(_recordPath);
        File.Delete(_data.Name);
    }

    /// <summary>Closes the files; they stay on disk.</summary>
    public void Dispose()
    {
        _record.Dispose();
        _data.Dispose();
    }

    private static string Line(string word, long start, long end) => string.Create(CultureInfo.InvariantCulture, $"{word} {start} {end}\n");

    // A kill may have torn the last line. What is left of it claims less than was there, or nothing, because it has fewer digits.
    private static RangeSet ReadRecord(string path, long size)
    {
        var done = new RangeSet();
        if (!File.Exists(path) || new FileInfo(path).Length > 64 << 20)
        {
            return done;
        }

        string[] lines = File.ReadAllText(path).Split('\n');
        if (lines[0] != Line("size", size, size).TrimEnd('\n'))
        {
            return done;
        }

        foreach (string[] words in lines.Skip(1).Select(line => line.Split(' ')))
        {
            if (words is not ["done", var from, var to]
                || !long.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out long start)
                || !long.TryParse(to, NumberStyles.None, CultureInfo.InvariantCulture, out long end)
                || start >= end || end > size)
            {
                continue;
            }

            done.Add(new ByteRange(start, end));
        }

        return done;
    }
}
