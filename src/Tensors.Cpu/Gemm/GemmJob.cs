using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>Which side a tile's item packs itself, block by block; the other side is packed as a whole before.</summary>
internal enum Fuse
{
    /// <summary>A.</summary>
    A,

    /// <summary>B.</summary>
    B,
}

/// <summary>
/// One super-block of a product and how it is split into items; used by <see cref="GemmDriver"/>. What runs once per tile is
/// compiled with full optimization at once: in the first tier it would cost as much as a small tile.
/// </summary>
internal unsafe struct GemmJob(in GemmArgs g, KernelSet set, Fuse fuse, GemmWorkspace workspace)
{
    // Panel elements along k per block: a B panel of 256 x 32 floats is 32 KiB and stays in the L1 cache.
    public const int BlockElements = 256;

    // Extent of a tile of C that is one work item: the fused side's block of K must stay in the L2 cache, the other side is
    // streamed through it; the larger that is, the less often the fused side is packed again.
    private const int FusedRows = 144, FusedColumns = 128, StreamedRows = 1024, StreamedColumns = 1024;
    private const int LeastFusedRows = 48, LeastFusedColumns = 64, LeastStreamedRows = 192, LeastStreamedColumns = 256;

    // A product whose streamed side is thin (adapters) is bound by reading the other one, which is best read in long pieces.
    private const int Thin = 48, ThinRows = 192, ThinColumns = 256, ThinBlockElements = 128;

    // Items per loop below which tiles are cut finer, so that there is something to share between threads and to balance.
    private const int MinItems = 16;

    // Panels per packing item.
    private const int PackGroupA = 8, PackGroupB = 4;

    /// <summary>The streamed side's panels.</summary>
    public float* Packed;

    /// <summary>Room for fused packing where the items run one after the other; null: each item rents its own.</summary>
    public float* Scratch;

    private readonly GemmArgs _g = g;
    private readonly KernelSet _set = set;
    private readonly Fuse _fuse = fuse;
    private readonly GemmWorkspace _workspace = workspace;
    private readonly bool _thin = IsThin(fuse, g.M, g.N);
    private readonly MatrixView _a = new(g.A, g.Lda);
    private readonly MatrixView _b = new(g.B, g.Ldb);
    private nint _k0, _depth, _kBlock;
    private int _kBlocks;
    private int _m0, _rows, _n0, _columns;
    private int _panelsA, _panelsB;
    private int _tilePanelsA, _tilePanelsB, _tilesA;

    public int PackItems { get; private set; }

    public readonly int TileItems => _tilesA * DivideUp(_panelsB, _tilePanelsB);

    /// <summary>The larger side is fused: less is packed beforehand, and that is what has to leave the cache.</summary>
    public static Fuse ChooseFuse(int m, int n) => n >= m ? Fuse.B : Fuse.A;

    /// <summary>Floats that one item needs for the side it packs itself.</summary>
    public static nint ScratchFloats(KernelSet set, Fuse fuse, int m, int n, nint depth)
    {
        nint elements = Math.Min(set.Elements(depth), BlockElements) + 16;
        (int most, _) = FusedExtent(fuse, IsThin(fuse, m, n));
        return elements * (fuse == Fuse.A ? Math.Min(most, RoundUp(m, set.Rows)) : Math.Min(most, RoundUp(n, set.Columns)));
    }

    private static bool IsThin(Fuse fuse, int m, int n) => (fuse == Fuse.A ? n : m) <= Thin;

    /// <summary>Most and least extent of the fused side in one item.</summary>
    private static (int Most, int Least) FusedExtent(Fuse fuse, bool thin) => (fuse, thin) switch
    {
        (Fuse.A, true) => (ThinRows, ThinRows),
        (Fuse.A, false) => (FusedRows, LeastFusedRows),
        (_, true) => (ThinColumns, ThinColumns),
        _ => (FusedColumns, LeastFusedColumns),
    };

    public void SetDepth(nint k0, nint depth)
    {
        _k0 = k0;
        _depth = depth;
        // Blocks of equal size, in whole vectors: the packing code is fastest there.
        nint block = (_thin ? ThinBlockElements : BlockElements) * _set.KPerElement;
        nint blocks = (depth + block - 1) / block;
        _kBlock = RoundUp((depth + blocks - 1) / blocks, 16 * _set.KPerElement);
        _kBlocks = (int)((depth + _kBlock - 1) / _kBlock);
    }

    public void SetBlock(int m0, int rows, int n0, int columns, bool packB)
    {
        (_m0, _rows, _n0, _columns) = (m0, rows, n0, columns);
        _panelsA = DivideUp(rows, _set.Rows);
        _panelsB = DivideUp(columns, _set.Columns);
        CutTiles();
        _tilesA = DivideUp(_panelsA, _tilePanelsA);
        PackItems = _kBlocks * (_fuse == Fuse.B ? DivideUp(_panelsA, PackGroupA) : packB ? DivideUp(_panelsB, PackGroupB) : 0);
    }

    private void CutTiles()
    {
        bool fuseA = _fuse == Fuse.A;
        int fused = fuseA ? _panelsA : _panelsB, streamed = fuseA ? _panelsB : _panelsA;
        int fusedUnit = fuseA ? _set.Rows : _set.Columns, streamedUnit = fuseA ? _set.Columns : _set.Rows;
        (int most, int least) = FusedExtent(_fuse, _thin);
        int groups = DivideUp(fused, most / fusedUnit), mostGroups = Math.Max(groups, fused / (least / fusedUnit));
        int parts = DivideUp(streamed, (fuseA ? StreamedColumns : StreamedRows) / streamedUnit);
        int mostParts = Math.Max(parts, streamed / ((fuseA ? LeastStreamedColumns : LeastStreamedRows) / streamedUnit));
        while (groups * parts < MinItems)
        {
            if (groups < mostGroups)
            {
                groups = Math.Min(2 * groups, mostGroups);
            }
            else if (parts < mostParts)
            {
                parts = Math.Min(2 * parts, mostParts);
            }
            else if (mostGroups < fused && !_thin)
            {
                mostGroups = fused;
            }
            else
            {
                break;
            }
        }

        int group = DivideUp(fused, groups), part = DivideUp(streamed, parts);
        (_tilePanelsA, _tilePanelsB) = fuseA ? (group, part) : (part, group);
    }

    /// <summary>Packs some panels of the streamed side, one block of K.</summary>
    public readonly void Pack(int index)
    {
        nint k = index % _kBlocks * _kBlock;
        int group = index / _kBlocks;
        if (_fuse == Fuse.B)
        {
            int first = group * PackGroupA;
            PackPanelsA(k, first, Math.Min(_panelsA, first + PackGroupA), Packed + Offset(k, _panelsA, first, _set.Rows));
        }
        else
        {
            int first = group * PackGroupB;
            PackPanelsB(k, first, Math.Min(_panelsB, first + PackGroupB), Packed + Offset(k, _panelsB, first, _set.Columns));
        }
    }

    /// <summary>One tile of C, all of this super-block's K.</summary>
    public readonly void Tile(int index)
    {
        int firstA = index % _tilesA * _tilePanelsA, firstB = index / _tilesA * _tilePanelsB;
        int endA = Math.Min(_panelsA, firstA + _tilePanelsA), endB = Math.Min(_panelsB, firstB + _tilePanelsB);
        if (Scratch != null)
        {
            Tile(firstA, endA, firstB, endB, Scratch);
            return;
        }

        GemmWorkspace.Buffer buffer = _workspace.Rent(ScratchFloats(_set, _fuse, _rows, _columns, _depth) * sizeof(float));
        try
        {
            Tile(firstA, endA, firstB, endB, buffer.Floats);
        }
        finally
        {
            _workspace.Return(buffer);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Tile(int firstA, int endA, int firstB, int endB, float* scratch)
    {
        bool accumulate = _g.Accumulate || _k0 > 0;
        if (_g.Bias != null && _k0 == 0)
        {
            ApplyBias(firstA * _set.Rows, Math.Min(_rows, endA * _set.Rows), firstB * _set.Columns, Math.Min(_columns, endB * _set.Columns));
            accumulate = true;
        }

        for (nint k = 0; k < _depth; k += _kBlock, accumulate = true)
        {
            nint elements = Elements(k);
            if (_fuse == Fuse.A)
            {
                PackPanelsA(k, firstA, endA, scratch);
                TileBlock(elements, (firstA, endA, (nint)scratch), (firstB, endB, (nint)(Packed + Offset(k, _panelsB, firstB, _set.Columns))), accumulate);
            }
            else
            {
                PackPanelsB(k, firstB, endB, scratch);
                TileBlock(elements, (firstA, endA, (nint)(Packed + Offset(k, _panelsA, firstA, _set.Rows))), (firstB, endB, (nint)scratch), accumulate);
            }
        }
    }

    /// <summary>One block of K of a tile. The streamed side is the outer loop: its panel stays in the L1 cache for all of the fused side's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void TileBlock(nint elements, (int First, int End, nint Panels) a, (int First, int End, nint Panels) b, bool accumulate)
    {
        nint sizeA = elements * _set.Rows, sizeB = elements * _set.Columns;
        if (_fuse == Fuse.A)
        {
            for (int j = b.First; j < b.End; j++)
            {
                float* panel = (float*)b.Panels + (j - b.First) * sizeB;
                for (int i = a.First; i < a.End; i++)
                {
                    MicroTile(elements, (float*)a.Panels + (i - a.First) * sizeA, panel, i * _set.Rows, j * _set.Columns, accumulate);
                }
            }
        }
        else
        {
            for (int i = a.First; i < a.End; i++)
            {
                float* panel = (float*)a.Panels + (i - a.First) * sizeA;
                for (int j = b.First; j < b.End; j++)
                {
                    MicroTile(elements, panel, (float*)b.Panels + (j - b.First) * sizeB, i * _set.Rows, j * _set.Columns, accumulate);
                }
            }
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void MicroTile(nint elements, float* panelA, float* panelB, int row, int column, bool accumulate)
    {
        float* c = _g.C + (nint)(_m0 + row) * _g.Ldc + _n0 + column;
        int rows = Math.Min(_set.Rows, _rows - row), columns = Math.Min(_set.Columns, _columns - column);
        if (rows % _set.RowGroup == 0 && columns % _set.Vector == 0)
        {
            _set.PartialTile(rows, columns, elements, panelA, panelB, c, _g.Ldc, _g.Alpha, accumulate);
            return;
        }

        float* tile = stackalloc float[KernelSet.MaxTile];
        _set.PartialTile(rows, columns, elements, panelA, panelB, tile, _set.Columns, _g.Alpha, false);
        for (int i = 0; i < rows; i++)
        {
            CopyRow(tile + i * _set.Columns, c + i * _g.Ldc, columns, accumulate);
        }
    }

    private readonly void PackPanelsA(nint k, int first, int end, float* dst)
    {
        int row = first * _set.Rows, rows = Math.Min(end * _set.Rows, _rows) - row;
        _set.Pack(_g.AType, !_g.TransA, _a, _m0 + row, rows, _k0 + k, Math.Min(_kBlock, _depth - k), dst, _set.Rows);
    }

    private readonly void PackPanelsB(nint k, int first, int end, float* dst)
    {
        int column = first * _set.Columns, columns = Math.Min(end * _set.Columns, _columns) - column;
        _set.Pack(_g.BType, _g.TransB, _b, _n0 + column, columns, _k0 + k, Math.Min(_kBlock, _depth - k), dst, _set.Columns);
    }

    private readonly void ApplyBias(int fromRow, int toRow, int fromColumn, int toColumn)
    {
        for (int i = fromRow; i < toRow; i++)
        {
            float* c = _g.C + (nint)(_m0 + i) * _g.Ldc + _n0 + fromColumn;
            CopyRow((float*)_g.Bias + _n0 + fromColumn, c, toColumn - fromColumn, _g.Accumulate);
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

    /// <summary>Panel elements of the block of K that starts at <paramref name="k"/>.</summary>
    private readonly nint Elements(nint k) => _set.Elements(Math.Min(_kBlock, _depth - k));

    /// <summary>Where a packed panel starts: blocks of K lie one after the other, each with all panels.</summary>
    private readonly nint Offset(nint k, int panels, int panel, int width) => (_set.Elements(k) * panels + Elements(k) * panel) * width;

    private static int DivideUp(int value, int unit) => (value + unit - 1) / unit;

    private static nint RoundUp(nint value, nint unit) => (value + unit - 1) / unit * unit;
}
