using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using Lorikeet.Data.Sources.Interop;

namespace Lorikeet.Data.Sources;

/// <summary>
/// One or several Parquet files as rows, read by DuckDB. A Parquet file gives its rows only in groups, so the first row asked for out of a
/// block (a row group, or a part of a large one) unpacks the block, and its rows are kept for the rest of the run: in memory while there
/// are few, then in a file. So any order of reading unpacks each block once.
/// </summary>
internal sealed class ParquetSource : IRowSource
{
    private const long BlockBytes = 32L << 20;
    private const long BlockRows = 65536;
    private const string RowNumber = "file_row_number";

    private readonly Lock _lock = new();
    private readonly DuckDbSession _session;
    private readonly RowStore _store;
    private readonly List<ParquetFile> _files = [];
    private readonly List<Block> _blocks = [];
    private readonly Dictionary<ParquetFile, string> _selects = [];
    private readonly ArrayBufferWriter<byte> _buffer = new();
    private (Block? Block, Unpacked? Rows) _last;

    private ParquetSource(string path, string folder, IReadOnlyList<string> files, string cacheDirectory)
    {
        (Path, Folder) = (path, folder);
        try
        {
            _session = new DuckDbSession(files);
        }
        catch (DllNotFoundException error)
        {
            throw new InvalidDataException($"{path}: {error.Message}", error);
        }

        _store = new RowStore(cacheDirectory);
    }

    public string Path { get; }

    public string Folder { get; }

    public long Count { get; private set; }

    /// <summary>Bytes of unpacked rows on disk, for tests.</summary>
    internal long SpooledBytes => _store.FileBytes;

    /// <summary>Opens files, which count as one in the order given.</summary>
    /// <param name="path">What the user named.</param>
    /// <param name="folder">Where relative picture paths count from.</param>
    /// <param name="files">The files, at least one.</param>
    /// <param name="cacheDirectory">Folder for unpacked rows, or null for the system's folder of temporary files.</param>
    /// <param name="cancellation">Stops the opening.</param>
    public static ParquetSource Open(string path, string folder, IReadOnlyList<string> files, string? cacheDirectory, CancellationToken cancellation)
    {
        // The hub's cache holds links; DuckDB may read, and is watched for changes of, what they lead to.
        string[] full = [.. files.Select(file => new FileInfo(file).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? System.IO.Path.GetFullPath(file))];
        var found = full.Select((file, i) => ParquetFile.Open(file, files[i])).ToArray();
        var source = new ParquetSource(path, folder, full, cacheDirectory ?? System.IO.Path.GetTempPath());
        try
        {
            foreach (ParquetFile file in found)
            {
                cancellation.ThrowIfCancellationRequested();
                source.Add(file);
            }

            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    public Row Read(long index)
    {
        Block block = _blocks[Find(index)];
        Unpacked rows = block.Rows ?? Unpack(block);
        int within = (int)(index - block.First);
        int start = rows.Offsets[within], length = rows.Offsets[within + 1] - start;
        return RowRecord.Parse(rows.Piece.Read(start, length), index, Origin(block, index));
    }

    public string Describe(long index) => Origin(_blocks[Find(index)], index);

    public void AddTo(IncrementalHash hash)
    {
        foreach (ParquetFile file in _files)
        {
            file.RequireUnchanged();
            using SourceFile content = SourceFile.OpenBinary(file.Name);
            content.AddTo(hash);
        }
    }

    public void Dispose()
    {
        _session.Dispose();
        _store.Dispose();
    }

    private static string Origin(Block block, long index) => FormattableString.Invariant($"{block.File.Name}: row {block.InFile + index - block.First + 1}");

    private int Find(long index)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Count, nameof(index));
        (int low, int high) = (0, _blocks.Count - 1);
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _blocks[middle].First <= index ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    /// <summary>Divides a file's row groups into blocks of bounded size.</summary>
    private void Add(ParquetFile file)
    {
        var groups = new List<(long Rows, long Bytes)>();
        string sql = "SELECT max(row_group_num_rows)::BIGINT, sum(total_uncompressed_size)::BIGINT FROM parquet_metadata("
            + DuckDbSession.PathLiteral(file.Path) + ") GROUP BY row_group_id ORDER BY row_group_id";
        Guarded(file, () => _session.ForEach(sql, (_, columns, i) => groups.Add((columns[0].Number(i), columns[1].Number(i))), CancellationToken.None));
        _files.Add(file);
        long inFile = 0;
        foreach ((long rows, long bytes) in groups)
        {
            long parts = Math.Max(1, Math.Max(bytes / BlockBytes, (rows + BlockRows - 1) / BlockRows));
            parts = Math.Min(parts, Math.Max(1, rows));
            for (long part = 0; part < parts && rows > 0; part++)
            {
                long from = rows * part / parts, to = rows * (part + 1) / parts;
                _blocks.Add(new Block(file, Count + from, inFile + from, to - from));
            }

            inFile += rows;
            Count += rows;
        }
    }

    /// <summary>Reads a block and keeps its rows. Only one thread at a time gets here.</summary>
    private Unpacked Unpack(Block block)
    {
        lock (_lock)
        {
            if (block.Rows is { } done)
            {
                return done;
            }

            if (_last.Block == block)
            {
                return _last.Rows!;
            }

            block.File.RequireUnchanged();
            _buffer.ResetWrittenCount();
            int[] offsets = new int[block.Count + 1];
            long next = 0;
            using (var record = new RowRecord())
            {
                Guarded(block.File, () => _session.ForEach(Select(block), (columns, vectors, i) =>
                {
                    if (next >= block.Count || vectors[^1].Number(i) != block.InFile + next)
                    {
                        throw new DuckDbException("its rows came in another order than the file's");
                    }

                    Write(record, columns, vectors, i);
                    record.End(_buffer);
                    offsets[++next] = _buffer.WrittenCount;
                }, CancellationToken.None));
            }

            if (next != block.Count)
            {
                throw new InvalidDataException(FormattableString.Invariant($"{block.File.Name}: {block.Count} rows were expected from row {block.InFile + 1} on, {next} were found. The file is damaged; write it again."));
            }

            if (_store.Add(_buffer.WrittenSpan) is { } piece)
            {
                return block.Rows = new Unpacked(piece, offsets);
            }

            var transient = new Unpacked(new RowStore.Piece(_buffer.WrittenSpan.ToArray(), null, 0), offsets);
            _last = (block, transient);
            return transient;
        }
    }

    private static void Write(RowRecord record, IReadOnlyList<DuckDbType> columns, DuckDbVector[] vectors, ulong row)
    {
        Utf8JsonWriter json = record.Begin();
        json.WriteStartObject();

        // The last column is the row's number.
        for (int i = 0; i < columns.Count - 1; i++)
        {
            json.WritePropertyName(columns[i].Name);
            if (!vectors[i].IsText || !StructuredText.TryWrite(json, columns[i].Name, vectors[i].Bytes(row)))
            {
                vectors[i].Write(json, row, record);
            }
        }

        json.WriteEndObject();
    }

    private string Select(Block block) => FormattableString.Invariant(
        $"{SelectAll(block.File)} WHERE {RowNumber} >= {block.InFile} AND {RowNumber} < {block.InFile + block.Count}");

    /// <summary>All columns of a file and the row's number; what has no JSON form (dates, decimals, ...) as text.</summary>
    private string SelectAll(ParquetFile file)
    {
        if (_selects.TryGetValue(file, out string? select))
        {
            return select;
        }

        string from = $" FROM read_parquet({DuckDbSession.PathLiteral(file.Path)}, hive_partitioning = false, {RowNumber} = true)";
        IEnumerable<string> columns = _session.Columns("SELECT *" + from + " LIMIT 0").Where(c => c.Name != RowNumber).Select(column =>
        {
            string name = DuckDbSession.Identifier(column.Name);
            return column.IsReadable ? name : $"CAST({name} AS VARCHAR) AS {name}";
        });
        return _selects[file] = "SELECT " + string.Join(", ", columns.Append(RowNumber)) + from;
    }

    private static void Guarded(ParquetFile file, Action read)
    {
        try
        {
            read();
        }
        catch (DuckDbException error)
        {
            string message = error.Message.Split('\n')[0];
            throw new InvalidDataException($"{file.Name}: cannot be read as Parquet: {(message.Length > 300 ? message[..300] + "..." : message)}", error);
        }
    }

    /// <summary>A file and its state when it was opened.</summary>
    private sealed record ParquetFile(string Path, string Name, long Length, DateTime Written)
    {
        public static ParquetFile Open(string path, string name)
        {
            using (SourceFile file = SourceFile.OpenBinary(name))
            {
                Span<byte> first = stackalloc byte[4];
                if (file.Read(0, first) < 4 || !first.SequenceEqual("PAR1"u8))
                {
                    string what = first.SequenceEqual("PARE"u8) ? "an encrypted Parquet file, which is not read" : "no Parquet file";
                    throw new InvalidDataException($"{name}: this is {what}; expected a file that begins with PAR1.");
                }
            }

            var info = new FileInfo(path);
            return new ParquetFile(path, name, info.Length, info.LastWriteTimeUtc);
        }

        public void RequireUnchanged()
        {
            var now = new FileInfo(Path);
            if (!now.Exists || now.Length != Length || now.LastWriteTimeUtc != Written)
            {
                throw new InvalidDataException($"{Name}: the data file changed while in use. Row positions no longer hold; write to a copy and start again.");
            }
        }
    }

    /// <summary>Consecutive rows of one file.</summary>
    private sealed class Block(ParquetFile file, long first, long inFile, long count)
    {
        private Unpacked? _rows;

        public ParquetFile File => file;

        /// <summary>Number of its first row in the source.</summary>
        public long First => first;

        /// <summary>Number of its first row in its file.</summary>
        public long InFile => inFile;

        public long Count => count;

        public Unpacked? Rows
        {
            get => Volatile.Read(ref _rows);
            set => Volatile.Write(ref _rows, value);
        }
    }

    /// <summary>A block's records, and where each begins.</summary>
    private sealed record Unpacked(RowStore.Piece Piece, int[] Offsets);
}
