namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The forward pass of one work item: a block of rows of one key head against one chunk of keys. Scores are computed
/// transposed, one row per key and one column per query: the softmax then runs down the columns without horizontal steps,
/// and its exponentials are the second operand of the product with V as they stand.
/// </summary>
internal unsafe ref struct ForwardUnit<TOps, V>
    where TOps : struct, IVectorOps<V>
    where V : struct
{
    private readonly ForwardJob _job;
    private readonly SegmentPlan _plan;
    private readonly OperandPacker _packer;
    private readonly int _keyHead, _firstRow, _rows, _panels, _chunk;
    private readonly int _width, _mr, _columns, _resultRows;
    private readonly nint _depth, _valuePanel, _queryPanel;
    private readonly ForwardScratch _x;

    /// <summary>Prepares item <paramref name="unit"/>.</summary>
    public ForwardUnit(in ForwardJob job, in SegmentPlan plan, int unit, nint scratch)
    {
        _job = job;
        _plan = plan;
        int local = unit - _plan.FirstUnit;
        _chunk = local % _plan.Chunks;
        // Head by head, so that its keys and values stay in the cache; last rows first: under a causal mask they are the longest items.
        int perHead = _plan.RowBlocks * _plan.Chunks;
        _keyHead = local / perHead;
        int block = _plan.RowBlocks - 1 - (local % perHead / _plan.Chunks);
        _firstRow = block * plan.BlockRows;
        _rows = Math.Min(plan.BlockRows, _plan.Rows - _firstRow);
        _width = job.Args.Width;
        _mr = job.Kernels.Rows;
        _columns = job.Kernels.Columns;
        _depth = job.Kernels.Elements(job.Args.Width);
        _resultRows = FlashShape.RoundUp(job.Args.Width, _mr);
        _valuePanel = ForwardScratch.ValueStride(job.Kernels);
        _queryPanel = _columns * _depth;
        _panels = (_rows + _columns - 1) / _columns;
        ForwardScratch.Layout(job, scratch, out _x);
        _packer = new OperandPacker(job.Kernels, job.Format, job.Args, _x.Staging);
    }

    /// <summary>Computes the item.</summary>
    public void Run()
    {
        int lastLimit = Prepare();
        int begin = _chunk * _plan.ChunkKeys;
        int end = Math.Min(begin + _plan.ChunkKeys, lastLimit);
        begin = Math.Max(begin, _plan.First(_firstRow / _job.Args.Group));
        for (int key = begin; key < end; key += FlashShape.ForwardKeys)
        {
            int n = Math.Min(FlashShape.ForwardKeys, end - key);
            _packer.AlongWidth(_packer.KeyRows(_job.Args.K, _plan, _keyHead, key, n), n, _mr, _x.Keys);
            _packer.AcrossRows(_packer.KeyRows(_job.Args.V, _plan, _keyHead, key, n), n, _mr, _x.Values, _valuePanel);
            for (int p = 0; p < _panels; p++)
            {
                Attend(p, key, n, key == begin);
            }
        }

        var output = new ForwardOutput(_job, _plan, _keyHead, _chunk);
        for (int p = 0; p < _panels; p++)
        {
            int row = p * _columns;
            Finish(p);
            output.Write(_firstRow + row, Math.Min(_columns, _rows - row), _x.Staging, _resultRows, _x.Maximum + row, _x.Sum + row);
        }
    }

    /// <summary>Packs the queries, sets limits and statistics; returns the number of keys that the last row sees.</summary>
    private readonly int Prepare()
    {
        int G = _job.Args.Group;
        for (int p = 0; p < _panels; p++)
        {
            int row = _firstRow + (p * _columns), count = Math.Min(_columns, _plan.Rows - row);
            MatrixView view = _packer.QueryRows(_job.Args.Q, _plan, _keyHead, row, count);
            _packer.AlongWidth(view, count, _columns, _x.Queries + (p * _queryPanel));
        }

        int padded = _panels * _columns, query = _firstRow / G, left = G - (_firstRow % G);
        new Span<float>(_x.Maximum, padded).Fill(float.NegativeInfinity);
        new Span<float>(_x.Sum, padded).Clear();
        for (int i = 0; i < padded; query++, left = G)
        {
            int seeing = Math.Min(query, _plan.Queries - 1);
            float limit = _plan.Limit(seeing), start = _plan.First(seeing);
            for (int end = Math.Min(i + left, padded); i < end; i++)
            {
                _x.Limits[i] = limit;
                _x.Starts[i] = start;
            }
        }

        return (int)_x.Limits[_rows - 1];
    }

    /// <summary>One panel of queries against <paramref name="n"/> keys from <paramref name="key"/>.</summary>
    private readonly void Attend(int panel, int key, int n, bool first)
    {
        KernelSet kernels = _job.Kernels;
        float* limits = _x.Limits + (panel * _columns);
        int seen = Math.Min(n, (int)limits[_columns - 1] - key), skipped = 0;
        if (_plan.Window > 0)
        {
            // Whole tiles of keys before the window of the panel's first query; the next step is the panel's first where all are.
            int start = (int)_x.Starts[panel * _columns];
            skipped = Math.Max(0, start - key) / _mr * _mr;
            first |= key <= start;
        }

        if (seen <= skipped)
        {
            return;
        }

        seen -= skipped;
        key += skipped;
        float* queries = _x.Queries + (panel * _queryPanel);
        float* keys = _x.Keys + (skipped * _depth);
        float* scores = _x.Scores;
        for (int j = 0; j < seen; j += _mr, keys += _mr * _depth, scores += _mr * _columns)
        {
            kernels.PartialTile(Math.Min(_mr, seen - j), _columns, _depth, keys, queries, scores, _columns, _job.Scale2, false);
        }

        int open = Math.Max(0, (int)limits[0] - key);
        if (open < seen)
        {
            PanelKernels<TOps, V>.Hide(_x.Scores, open, seen, key, limits);
        }

        int closed = _plan.Window == 0 ? 0 : Math.Min((int)_x.Starts[(panel * _columns) + _columns - 1] - key, seen);
        if (closed > 0)
        {
            PanelKernels<TOps, V>.HideBefore(_x.Scores, closed, key, _x.Starts + (panel * _columns));
        }

        float* results = _x.Results + ((nint)panel * _columns * _resultRows);
        int at = panel * _columns;
        PanelKernels<TOps, V>.Softmax(_x.Scores, seen, _job.Format, _x.Maximum + at, _x.Sum + at, results, first ? 0 : _width);
        nint depth = kernels.Elements(seen);
        float* values = _x.Values + (kernels.Elements(skipped) * _mr);
        for (int d = 0; d < _width; d += _mr, values += _valuePanel, results += _mr * _columns)
        {
            kernels.PartialTile(Math.Min(_mr, _width - d), _columns, depth, values, _x.Scores, results, _columns, 1, !first);
        }
    }

    /// <summary>Divides a panel's results by the sums (unless they are partial) and turns them into rows in the staging memory.</summary>
    private readonly void Finish(int panel)
    {
        float* results = _x.Results + ((nint)panel * _columns * _resultRows);
        if (_plan.Chunks == 1)
        {
            float* inverse = _x.Scores;
            for (int i = 0; i < _columns; i++)
            {
                inverse[i] = 1 / _x.Sum[(panel * _columns) + i];
            }

            PanelKernels<TOps, V>.ScaleColumns(results, _width, inverse);
        }

        _job.Transposer.Pack(DType.F32, true, new MatrixView(results, _columns), 0, _width, 0, _columns, _x.Staging, _resultRows);
    }
}
