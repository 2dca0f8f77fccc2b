using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The blocked product. Both inputs are packed into panels over the whole of K (within a super-block that bounds the
/// workspace); then tiles of C are computed independently, each looping over blocks of K while its C stays in the L2 cache.
/// Every split depends on the shape alone and each element of C is summed in the order of k, so the bits do not depend on
/// the number of threads.
/// </summary>
internal static unsafe class GemmDriver
{
    // Panel elements along k per block: a B panel of 256 x 32 floats is 32 KiB and stays in the L1 cache.
    private const int BlockElements = 256;

    // Bounds of the packed super-blocks in floats (8 MiB of A, 16 MiB of B), and of their depth in panel elements.
    private const int MaxPackedA = 2 << 20;
    private const int MaxPackedB = 4 << 20;
    private const int MaxDepth = 8192;

    // Extent of a tile of C that is one work item: 48 x 512 floats of C, 48 KiB of A and 512 KiB of B per block of K.
    private const int TileRows = 48;
    private const int TileColumns = 512;

    // Panels per packing item.
    private const int PackGroupA = 8;
    private const int PackGroupB = 4;

    // Fewer multiply-adds than this are not worth handing to other threads.
    private const double SerialWork = 400e3;

    /// <summary>Most floats of workspace that any product takes.</summary>
    public const long MaxWorkspaceFloats = MaxPackedA + MaxPackedB;

    /// <summary>Runs a product with M, N, K above 0 and alpha not 0.</summary>
    public static void Run(in GemmArgs g, KernelSet set, GemmWorkspace workspace, WorkPool pool)
    {
        var job = new Job(g, set)
        {
            Serial = (double)g.M * g.N * g.K < SerialWork || pool.Threads == 1,
        };
        nint depth = Math.Min(g.K, (nint)MaxDepth * set.KPerElement);
        nint elements = set.Elements(depth);
        int nBlock = Clamp(g.N, set.Columns, MaxPackedB / elements);
        int mBlock = Clamp(g.M, set.Rows, MaxPackedA / elements);
        nint floatsA = RoundUp(mBlock, set.Rows) * elements;
        nint floatsB = RoundUp(nBlock, set.Columns) * elements;
        // B starts on a cache line of its own.
        floatsA = RoundUp(floatsA, 16);
        GemmWorkspace.Buffer buffer = workspace.Rent((floatsA + floatsB) * sizeof(float));
        try
        {
            job.PackedA = buffer.Floats;
            job.PackedB = buffer.Floats + floatsA;
            for (nint k = 0; k < g.K; k += depth)
            {
                job.SetDepth(k, Math.Min(depth, g.K - k));
                for (int n = 0; n < g.N; n += nBlock)
                {
                    for (int m = 0; m < g.M; m += mBlock)
                    {
                        job.SetBlock(m, Math.Min(mBlock, g.M - m), n, Math.Min(nBlock, g.N - n));
                        RunBlock(ref job, packB: m == 0, pool);
                    }
                }
            }
        }
        finally
        {
            workspace.Return(buffer);
        }
    }

    private static void RunBlock(ref Job job, bool packB, WorkPool pool)
    {
        int packItems = job.PackItems(packB);
        int tileItems = job.TileItems;
        if (job.Serial)
        {
            for (int i = 0; i < packItems; i++)
            {
                job.Pack(i);
            }

            for (int i = 0; i < tileItems; i++)
            {
                job.Tile(i);
            }

            return;
        }

        pool.For(packItems, new PackBody(job));
        pool.For(tileItems, new TileBody(job));
    }

    /// <summary>The extent itself if it fits, else the largest multiple of <paramref name="unit"/> that does.</summary>
    private static int Clamp(int extent, int unit, nint most) => extent <= most ? extent : (int)(most / unit * unit);

    private static nint RoundUp(nint value, nint unit) => (value + unit - 1) / unit * unit;

    private readonly struct PackBody(in Job job) : IWorkBody
    {
        private readonly Job _job = job;

        public void Run(int index) => _job.Pack(index);
    }

    private readonly struct TileBody(in Job job) : IWorkBody
    {
        private readonly Job _job = job;

        public void Run(int index) => _job.Tile(index);
    }

    /// <summary>One super-block of the product and how it is split into items.</summary>
    private struct Job(in GemmArgs g, KernelSet set)
    {
        public float* PackedA;
        public float* PackedB;
        public bool Serial;
        private readonly GemmArgs _g = g;
        private readonly KernelSet _set = set;
        private readonly MatrixView _a = new(g.A, g.Lda);
        private readonly MatrixView _b = new(g.B, g.Ldb);
        private nint _k0, _depth, _kBlock;
        private int _kBlocks;
        private int _m0, _rows, _n0, _columns;
        private int _panelsA, _panelsB, _packItemsB;
        private int _tilePanelsA, _tilePanelsB, _tilesA;

        public readonly int TileItems => _tilesA * DivideUp(_panelsB, _tilePanelsB);

        public void SetDepth(nint k0, nint depth)
        {
            _k0 = k0;
            _depth = depth;
            // Blocks of equal size, in whole vectors: the packing code is fastest there.
            nint unit = 16 * _set.KPerElement;
            _kBlocks = (int)RoundUp(depth, BlockElements * _set.KPerElement) / (BlockElements * _set.KPerElement);
            _kBlock = RoundUp((depth + _kBlocks - 1) / _kBlocks, unit);
            _kBlocks = (int)((depth + _kBlock - 1) / _kBlock);
        }

        public void SetBlock(int m0, int rows, int n0, int columns)
        {
            (_m0, _rows, _n0, _columns) = (m0, rows, n0, columns);
            _panelsA = DivideUp(rows, _set.Rows);
            _panelsB = DivideUp(columns, _set.Columns);
            _tilePanelsA = TileRows / _set.Rows;
            _tilePanelsB = TileColumns / _set.Columns;
            // Small outputs are cut finer, so that there is something to share between threads and to balance.
            while (_tilePanelsB > 1 && DivideUp(_panelsA, _tilePanelsA) * DivideUp(_panelsB, _tilePanelsB) < 16)
            {
                _tilePanelsB /= 2;
            }

            _tilesA = DivideUp(_panelsA, _tilePanelsA);
        }

        /// <summary>Number of packing items: B's first (unless it is packed already), then A's.</summary>
        public int PackItems(bool packB)
        {
            _packItemsB = packB ? DivideUp(_panelsB, PackGroupB) * _kBlocks : 0;
            return _packItemsB + DivideUp(_panelsA, PackGroupA) * _kBlocks;
        }

        public readonly void Pack(int index)
        {
            bool packA = index >= _packItemsB;
            index -= packA ? _packItemsB : 0;
            int block = index % _kBlocks;
            int group = index / _kBlocks;
            nint k = block * _kBlock;
            nint kc = Math.Min(_kBlock, _depth - k);
            if (packA)
            {
                for (int p = group * PackGroupA; p < Math.Min(_panelsA, (group + 1) * PackGroupA); p++)
                {
                    int row = p * _set.Rows;
                    float* panel = PackedA + PanelOffset(k, kc, _panelsA, p, _set.Rows);
                    _set.Pack(_g.AType, !_g.TransA, _a, _m0 + row, Math.Min(_set.Rows, _rows - row), _k0 + k, kc, panel, _set.Rows);
                }
            }
            else
            {
                for (int p = group * PackGroupB; p < Math.Min(_panelsB, (group + 1) * PackGroupB); p++)
                {
                    int column = p * _set.Columns;
                    float* panel = PackedB + PanelOffset(k, kc, _panelsB, p, _set.Columns);
                    _set.Pack(_g.BType, _g.TransB, _b, _n0 + column, Math.Min(_set.Columns, _columns - column), _k0 + k, kc, panel, _set.Columns);
                }
            }
        }

        /// <summary>One tile of C, all of this super-block's K.</summary>
        public readonly void Tile(int index)
        {
            int firstA = index % _tilesA * _tilePanelsA, firstB = index / _tilesA * _tilePanelsB;
            int endA = Math.Min(_panelsA, firstA + _tilePanelsA), endB = Math.Min(_panelsB, firstB + _tilePanelsB);
            bool accumulate = _g.Accumulate || _k0 > 0;
            if (_g.Bias != null && _k0 == 0)
            {
                ApplyBias(firstA * _set.Rows, Math.Min(_rows, endA * _set.Rows), firstB * _set.Columns, Math.Min(_columns, endB * _set.Columns));
                accumulate = true;
            }

            for (nint k = 0; k < _depth; k += _kBlock, accumulate = true)
            {
                nint kc = Math.Min(_kBlock, _depth - k);
                nint elements = _set.Elements(kc);
                for (int b = firstB; b < endB; b++)
                {
                    float* panelB = PackedB + PanelOffset(k, kc, _panelsB, b, _set.Columns);
                    for (int a = firstA; a < endA; a++)
                    {
                        MicroTile(elements, PackedA + PanelOffset(k, kc, _panelsA, a, _set.Rows), panelB, a, b, accumulate);
                    }
                }
            }
        }

        [SkipLocalsInit]
        private readonly void MicroTile(nint elements, float* panelA, float* panelB, int a, int b, bool accumulate)
        {
            int row = a * _set.Rows, column = b * _set.Columns;
            float* c = _g.C + (nint)(_m0 + row) * _g.Ldc + _n0 + column;
            if (_rows - row >= _set.Rows && _columns - column >= _set.Columns)
            {
                _set.Tile(elements, panelA, panelB, c, _g.Ldc, _g.Alpha, accumulate);
                return;
            }

            float* tile = stackalloc float[KernelSet.MaxTile];
            _set.Tile(elements, panelA, panelB, tile, _set.Columns, _g.Alpha, false);
            int rows = Math.Min(_set.Rows, _rows - row), columns = Math.Min(_set.Columns, _columns - column);
            for (int i = 0; i < rows; i++)
            {
                CopyRow(tile + i * _set.Columns, c + i * _g.Ldc, columns, accumulate);
            }
        }

        private static void CopyRow(float* source, float* c, int columns, bool accumulate)
        {
            int j = 0;
            for (; j + 8 <= columns; j += 8)
            {
                Vector256<float> v = Vector256.Load(source + j);
                (accumulate ? Vector256.Load(c + j) + v : v).Store(c + j);
            }

            for (; j < columns; j++)
            {
                c[j] = accumulate ? c[j] + source[j] : source[j];
            }
        }

        private readonly void ApplyBias(int fromRow, int toRow, int fromColumn, int toColumn)
        {
            for (int i = fromRow; i < toRow; i++)
            {
                float* c = _g.C + (nint)(_m0 + i) * _g.Ldc + _n0 + fromColumn;
                CopyRow((float*)_g.Bias + _n0 + fromColumn, c, toColumn - fromColumn, _g.Accumulate);
            }
        }

        /// <summary>Where a panel starts: blocks of K lie one after the other, each with all panels.</summary>
        private readonly nint PanelOffset(nint k, nint kc, int panels, int panel, int width) =>
            (_set.Elements(k) * panels + _set.Elements(kc) * panel) * width;

        private static int DivideUp(int value, int unit) => (value + unit - 1) / unit;
    }
}
