namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The backward pass of one work item: a chunk of keys of one key head against all rows that see it. dK and dV are complete
/// when it ends; dQ of the chunk goes to partial rows. Scores are recomputed from the saved log-sum, row per query, so that
/// exponentials and dS are the second operand of the products for dV and dK as they stand; dS is packed once more for dQ.
/// </summary>
internal unsafe ref struct BackwardUnit<TOps, V>
    where TOps : struct, IVectorOps<V>
    where V : struct
{
    private readonly BackwardJob _job;
    private readonly KernelSet _kernels;
    private readonly SegmentPlan _plan;
    private readonly OperandPacker _packer;
    private readonly BackwardScratch _x;
    private readonly int _keyHead, _chunk, _mr, _columns;
    private readonly nint _depth, _rowStride, _keyStride;

    /// <summary>Prepares item <paramref name="unit"/>.</summary>
    public BackwardUnit(in BackwardJob job, int unit, nint scratch)
    {
        _job = job;
        _kernels = job.Kernels;
        _plan = job.Plans[SegmentPlan.Find(job.Plans, job.PlanCount, unit)];
        int local = unit - _plan.FirstUnit;
        // Head by head, so that its rows stay in the cache; first keys first: under a causal mask they are the longest items.
        _chunk = local % _plan.Chunks;
        _keyHead = local / _plan.Chunks;
        _mr = _kernels.Rows;
        _columns = _kernels.Columns;
        _depth = _kernels.Elements(job.Args.Width);
        _rowStride = BackwardScratch.RowStride(_kernels);
        _keyStride = _columns * _kernels.Elements(FlashShape.BackwardKeys);
        BackwardScratch.Layout(job, scratch, out _x);
        _packer = new OperandPacker(_kernels, job.Format, job.Args, _x.Staging);
    }

    private readonly int Tall => FlashShape.RoundUp(_job.Args.Width, _mr);

    /// <summary>Computes the item.</summary>
    public readonly void Run()
    {
        int begin = _chunk * _plan.ChunkKeys, end = Math.Min(begin + _plan.ChunkKeys, _plan.Keys);
        for (int key = begin; key < end; key += FlashShape.BackwardKeys)
        {
            int n = Math.Min(FlashShape.BackwardKeys, end - key);
            PackKeys(key, n);
            for (int block = 0; block < _plan.RowBlocks; block++)
            {
                int first = block * FlashShape.BackwardRows, rows = Math.Min(FlashShape.BackwardRows, _plan.Rows - first);
                int start = _plan.First(first / _job.Args.Group);
                if (_plan.Limit((first + rows - 1) / _job.Args.Group) > key && start < key + n)
                {
                    PackRows(first, rows);
                    // The block's first keys of the chunk overwrite its partial dQ.
                    Block(rows, key, n, _job.PartialRows(_plan, _keyHead, _chunk, block), key > begin && start < key);
                }
            }

            for (int at = 0; at < n; at += _columns)
            {
                int count = Math.Min(_columns, n - at);
                WriteKeys(_x.DKeys + ((nint)at * Tall), _job.Grad.DK, key + at, count);
                WriteKeys(_x.DValues + ((nint)at * Tall), _job.Grad.DV, key + at, count);
            }
        }
    }

    private readonly void PackKeys(int key, int n)
    {
        MatrixView keys = _packer.KeyRows(_job.Args.K, _plan, _keyHead, key, n);
        _packer.AlongWidth(keys, n, _columns, _x.Keys);
        _packer.AcrossRows(keys, n, _columns, _x.KeysAcross, _keyStride);
        _packer.AlongWidth(_packer.KeyRows(_job.Args.V, _plan, _keyHead, key, n), n, _columns, _x.Values);
        int floats = FlashShape.BackwardKeys * Tall;
        new Span<float>(_x.DKeys, floats).Clear();
        new Span<float>(_x.DValues, floats).Clear();
    }

    private readonly void PackRows(int first, int rows)
    {
        const float Log2E = 1.4426950408889634f;
        MatrixView view = _packer.QueryRows(_job.Args.Q, _plan, _keyHead, first, rows);
        _packer.AlongWidth(view, rows, _mr, _x.Queries);
        _packer.AcrossRows(view, rows, _mr, _x.QueriesAcross, _rowStride);
        view = _packer.QueryRows(_job.Grad.DOut, _plan, _keyHead, first, rows);
        _packer.AlongWidth(view, rows, _mr, _x.DOut);
        _packer.AcrossRows(view, rows, _mr, _x.DOutAcross, _rowStride);
        int G = _job.Args.Group;
        for (int i = 0; i < FlashShape.RoundUp(rows, _mr); i++)
        {
            int query = (first + i) / G;
            nint at = (((nint)_plan.QueryStart + query) * _job.Args.Heads) + (_keyHead * G) + ((first + i) % G);
            float lse = i < rows ? _job.Args.Lse[at] : float.NegativeInfinity;
            // A row that sees nothing, or does not exist: 2^(s - inf) = 0.
            _x.Lse[i] = float.IsNegativeInfinity(lse) ? float.PositiveInfinity : lse * Log2E;
            _x.Delta[i] = i < rows ? _job.Delta[at] : 0;
            _x.Limits[i] = i < rows ? _plan.Limit(query) : 0;
            _x.Starts[i] = i < rows ? _plan.First(query) : 0;
        }
    }

    /// <summary>The packed rows against the packed keys.</summary>
    private readonly void Block(int rows, int key, int n, float* dQueries, bool addQueries)
    {
        int seen = Math.Min(n, (int)_x.Limits[rows - 1] - key);
        int start = 0;
        for (int at = 0; at < seen; at += _columns)
        {
            int next = SkipBlind(start, rows, key + at);
            // Rows that see no key of this panel see none of the following ones: their dQ is complete.
            WriteQueries(start, next, at, dQueries, addQueries);
            start = next;
            Panel(start, rows, key, at);
        }

        WriteQueries(start, rows, seen, dQueries, addQueries);
    }

    /// <summary>The first tile of rows at or after <paramref name="row"/> that sees <paramref name="key"/>.</summary>
    private readonly int SkipBlind(int row, int rows, int key)
    {
        while (_x.Limits[Math.Min(row + _mr, rows) - 1] <= key)
        {
            row += _mr;
        }

        return row;
    }

    /// <summary>Rows from <paramref name="start"/> against the panel of keys at <paramref name="at"/>.</summary>
    private readonly void Panel(int start, int rows, int key, int at)
    {
        float* keys = _x.Keys + (at * _depth);
        float* values = _x.Values + (at * _depth);
        for (int r = start; r < rows; r += _mr)
        {
            nint to = (nint)r * _columns;
            _kernels.PartialTile(Math.Min(_mr, rows - r), _columns, _depth, _x.Queries + (r * _depth), keys, _x.S + to, _columns, _job.Scale2, false);
            _kernels.PartialTile(Math.Min(_mr, rows - r), _columns, _depth, _x.DOut + (r * _depth), values, _x.DP + to, _columns, 1, false);
        }

        nint skipped = _kernels.Elements(start), depth = _kernels.Elements(rows) - skipped, panel = skipped * _columns;
        PanelKernels<TOps, V>.Gradients(new GradientPanel
        {
            S = _x.S + ((nint)start * _columns),
            DP = _x.DP + ((nint)start * _columns),
            P = _x.P + panel,
            DS = _x.DS + panel,
            Lse = _x.Lse + start,
            Delta = _x.Delta + start,
            Limits = _x.Limits + start,
            Starts = _plan.Window == 0 ? null : _x.Starts + start,
            FirstKey = key + at,
            Rows = FlashShape.RoundUp(rows - start, 2),
            Format = _job.Format,
        });
        nint across = skipped * _mr, result = (nint)at * Tall;
        for (int d = 0; d < _job.Args.Width; d += _mr, across += _rowStride, result += _mr * _columns)
        {
            int wanted = Math.Min(_mr, _job.Args.Width - d);
            _kernels.PartialTile(wanted, _columns, depth, _x.DOutAcross + across, _x.P + panel, _x.DValues + result, _columns, 1, true);
            _kernels.PartialTile(wanted, _columns, depth, _x.QueriesAcross + across, _x.DS + panel, _x.DKeys + result, _columns, _job.Args.Scale, true);
        }

        nint tile = BackwardScratch.KeyStride(_kernels);
        for (int r = start; r < rows; r += _mr)
        {
            float* to = _x.DSAcross + (r / _mr * tile) + (_kernels.Elements(at) * _mr);
            _packer.AlongColumns(_x.DP, r, Math.Min(_mr, rows - r), _columns, _mr, to);
        }
    }

    /// <summary>dQ of rows [from, to) from the first <paramref name="keys"/> packed keys.</summary>
    private readonly void WriteQueries(int from, int to, int keys, float* dQueries, bool add)
    {
        int width = _job.PartialWidth;
        nint tile = BackwardScratch.KeyStride(_kernels), depth = _kernels.Elements(keys);
        for (int r = from; r < to; r += _mr)
        {
            float* rows = dQueries + ((nint)r * width);
            if (keys == 0)
            {
                if (!add)
                {
                    new Span<float>(rows, _mr * width).Clear();
                }

                continue;
            }

            float* dS = _x.DSAcross + (r / _mr * tile);
            float* panel = _x.KeysAcross;
            for (int d = 0; d < _job.Args.Width; d += _columns, panel += _keyStride)
            {
                _kernels.PartialTile(_mr, _job.Args.Width - d, depth, dS, panel, rows + d, width, _job.Args.Scale, add);
            }
        }
    }

    private readonly void WriteKeys(float* transposed, float* gradient, int key, int count)
    {
        int D = _job.Args.Width;
        _job.Transposer.Pack(DType.F32, true, new MatrixView(transposed, _columns), 0, D, 0, _columns, _x.Staging, Tall);
        for (int i = 0; i < count; i++)
        {
            nint at = (((nint)_plan.KeyRow(key + i) * _job.Args.KeyHeads) + _keyHead) * D;
            var from = new ReadOnlySpan<float>(_x.Staging + ((nint)i * Tall), D);
            var to = new Span<float>(gradient + at, D);
            if (_job.AddKeys)
            {
                System.Numerics.Tensors.TensorPrimitives.Add(to, from, to);
            }
            else
            {
                from.CopyTo(to);
            }
        }
    }
}
