namespace Lorikeet.Data.Sources;

/// <summary>
/// Byte offset and line number of every row: 8 bytes per row for the offset; lines are kept as runs of equal stride, so a regular file
/// costs nothing more.
/// </summary>
internal sealed class RowIndex
{
    private const int ChunkBits = 14;
    private const int ChunkSize = 1 << ChunkBits;

    private readonly List<long[]> _chunks = [];
    private readonly List<LineRun> _runs = [];

    /// <summary>Number of rows.</summary>
    public long Count { get; private set; }

    /// <summary>Appends a row.</summary>
    /// <param name="offset">Byte of the file at which it begins.</param>
    /// <param name="line">1-based line on which it begins.</param>
    public void Add(long offset, long line)
    {
        int within = (int)(Count & (ChunkSize - 1));
        if (within == 0)
        {
            _chunks.Add(new long[ChunkSize]);
        }

        _chunks[^1][within] = offset;
        AddLine(line);
        Count++;
    }

    /// <summary>Byte at which a row begins.</summary>
    public long Offset(long row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)row, (ulong)Count, nameof(row));
        return _chunks[(int)(row >> ChunkBits)][row & (ChunkSize - 1)];
    }

    /// <summary>Line, from 1, on which a row begins.</summary>
    public long Line(long row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)row, (ulong)Count, nameof(row));
        (int low, int high) = (0, _runs.Count - 1);
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _runs[middle].Row <= row ? (middle, high) : (low, middle - 1);
        }

        LineRun run = _runs[low];
        return run.Line + (run.Stride * (row - run.Row));
    }

    /// <summary>Number of runs held, for tests of compactness.</summary>
    internal int RunCount => _runs.Count;

    private void AddLine(long line)
    {
        if (_runs.Count > 0)
        {
            LineRun last = _runs[^1];
            if (Count == last.Row + 1)
            {
                _runs[^1] = last with { Stride = line - last.Line };
                return;
            }

            if (line == last.Line + (last.Stride * (Count - last.Row)))
            {
                return;
            }
        }

        _runs.Add(new LineRun(Count, line, 0));
    }

    private readonly record struct LineRun(long Row, long Line, long Stride);
}
