using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// What one instruction-set path consists of: a micro-kernel, its tile and its packing functions. For use by other
/// kernels too (attention): pack both sides into panels, then call <see cref="Tile"/> per tile.
/// </summary>
internal sealed unsafe class KernelSet
{
    // By vectors of columns (1, 2), then row groups.
    private readonly delegate*<nint, float*, float*, float*, nint, float, bool, void>[] _tiles;

    // By stored type, then 0 = k contiguous, 1 = k is the row.
    private readonly delegate*<in MatrixView, nint, int, nint, nint, float*, int, void>[] _pack;

    // Dot kernels by stored type of the weights and rows of A less one, row conversion by stored type.
    private readonly delegate*<in MatrixView, nint, nint, float*, void>[] _convert;

    private KernelSet(
        GemmPath path,
        (int RowGroup, int Vector, int KPerElement) tile,
        delegate*<nint, float*, float*, float*, nint, float, bool, void>[] tiles,
        delegate*<in MatrixView, nint, int, nint, nint, float*, int, void>[] pack,
        delegate*<float*, nint, in MatrixView, nint, int, nint, nint, float*, void>[] dot,
        delegate*<in MatrixView, nint, nint, float*, void>[] convert)
    {
        Path = path;
        (RowGroup, Vector, KPerElement) = tile;
        Columns = 2 * Vector;
        Rows = tiles.Length / 2 * RowGroup;
        _tiles = tiles;
        _pack = pack;
        Dot = dot;
        _convert = convert;
    }

    /// <summary>Floats of the largest tile of any path.</summary>
    public const int MaxTile = 12 * 32;

    /// <summary>The instruction set.</summary>
    public GemmPath Path { get; }

    /// <summary>Rows of a tile of C: the width of A's panels.</summary>
    public int Rows { get; }

    /// <summary>Columns of a tile of C: the width of B's panels.</summary>
    public int Columns { get; }

    /// <summary>Rows per row group: partial tiles are computed in whole groups.</summary>
    public int RowGroup { get; }

    /// <summary>Columns per vector, half of <see cref="Columns"/>: partial tiles are computed in whole vectors.</summary>
    public int Vector { get; }

    /// <summary>Values of k per 4-byte panel element: 1 (f32), or 2 (a pair of bf16).</summary>
    public int KPerElement { get; }

    /// <summary>
    /// Kernels for few rows (see <see cref="DotKernels512"/>): index 4 * stored type of the weights + rows of A - 1.
    /// </summary>
    public delegate*<float*, nint, in MatrixView, nint, int, nint, nint, float*, void>[] Dot { get; }

    /// <summary>Rows of A per dot kernel: 16 registers hold the sums of two, 32 those of four.</summary>
    public int DotRows => Path is GemmPath.Avx2 or GemmPath.Portable ? 2 : 4;

    /// <summary>Least K for <see cref="Dot"/>: one vector.</summary>
    public const int MinDotLength = 16;

    /// <summary>Panel elements along k for <paramref name="k"/> values of k.</summary>
    public nint Elements(nint k) => (k + KPerElement - 1) / KPerElement;

    /// <summary>The kernels of a path for one compute mode.</summary>
    /// <param name="path">Any path but Auto; must be supported here (see <see cref="Best"/> and <see cref="IsSupported"/>).</param>
    /// <param name="bf16">Inputs are rounded to bf16.</param>
    public static KernelSet Create(GemmPath path, bool bf16) => path switch
    {
        GemmPath.Avx512Bf16 when bf16 => Avx512Pairs(),
        GemmPath.Avx512Bf16 or GemmPath.Avx512 => bf16 ? Avx512Rounded() : Avx512Single(),
        GemmPath.Avx2 => bf16 ? Avx2Rounded() : Avx2Single(),
        GemmPath.Portable => bf16 ? PortableRounded() : PortableSingle(),
        _ => throw new ArgumentOutOfRangeException(nameof(path), path, "not a kernel path"),
    };

    /// <summary>True if this machine can run the path.</summary>
    public static bool IsSupported(GemmPath path) => path switch
    {
        GemmPath.Avx512Bf16 => Bf16DotKernel.Unavailable == null,
        GemmPath.Avx512 => Avx512BW.IsSupported && Avx512F.IsSupported,
        GemmPath.Avx2 => Avx2.IsSupported && Fma.IsSupported,
        _ => true,
    };

    /// <summary>The fastest path this machine can run.</summary>
    public static GemmPath Best()
    {
        foreach (GemmPath path in (ReadOnlySpan<GemmPath>)[GemmPath.Avx512Bf16, GemmPath.Avx512, GemmPath.Avx2])
        {
            if (IsSupported(path))
            {
                return path;
            }
        }

        return GemmPath.Portable;
    }

    /// <summary>A whole tile of C, <see cref="Rows"/> x <see cref="Columns"/>: <c>C = alpha * a * b [+ C]</c>.</summary>
    public void Tile(nint elements, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate) =>
        _tiles[^1](elements, a, b, c, ldc, alpha, accumulate);

    /// <summary>
    /// Part of a tile of C: <c>C = alpha * a * b [+ C]</c>. Rows are computed and written in whole row groups, columns in whole vectors.
    /// </summary>
    /// <param name="rows">Rows wanted, 1 to <see cref="Rows"/>.</param>
    /// <param name="columns">Columns wanted, 1 to <see cref="Columns"/>.</param>
    /// <param name="elements">Panel elements along k, at least 1.</param>
    /// <param name="a">Panel of A.</param>
    /// <param name="b">Panel of B.</param>
    /// <param name="c">First element of the tile.</param>
    /// <param name="ldc">Elements from one row of C to the next.</param>
    /// <param name="alpha">Factor on the product.</param>
    /// <param name="accumulate">Adds to C.</param>
    public void PartialTile(int rows, int columns, nint elements, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
    {
        int index = 2 * ((rows - 1) / RowGroup) + (columns > Vector ? 1 : 0);
        _tiles[index](elements, a, b, c, ldc, alpha, accumulate);
    }

    /// <summary>
    /// Packs one or more neighbouring panels, one after the other: element (k, i) of a panel goes to <c>k * width + i</c>; rows
    /// beyond <paramref name="rows"/> are zero, and so is the second half of a last incomplete pair.
    /// </summary>
    /// <param name="type">Stored type of the matrix.</param>
    /// <param name="kContiguous">The matrix is stored (row, k); otherwise (k, row).</param>
    /// <param name="m">The matrix.</param>
    /// <param name="row">First row of the panel (a column, for B).</param>
    /// <param name="rows">Rows that exist; they make up <c>rows / width</c> panels, rounded up.</param>
    /// <param name="k0">First k.</param>
    /// <param name="kc">Number of values of k.</param>
    /// <param name="dst">The panels, each of <c>Elements(kc) * width</c> floats.</param>
    /// <param name="width"><see cref="Rows"/> or <see cref="Columns"/>.</param>
    public void Pack(DType type, bool kContiguous, in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width) =>
        _pack[2 * (int)type + (kContiguous ? 0 : 1)](m, row, rows, k0, kc, dst, width);

    /// <summary>Converts <paramref name="count"/> elements of a row to f32, rounded to bf16 if that is the compute mode.</summary>
    public void Convert(DType type, in MatrixView m, nint row, nint count, float* dst) => _convert[(int)type](m, row, count, dst);

    private static KernelSet Avx512Pairs() => new(GemmPath.Avx512Bf16, (Bf16DotKernel.RowGroup, 16, 2),
    [
        &Bf16DotKernel.Tile<One, One>, &Bf16DotKernel.Tile<One, Two>, &Bf16DotKernel.Tile<Two, One>,
        &Bf16DotKernel.Tile<Two, Two>, &Bf16DotKernel.Tile<Three, One>, &Bf16DotKernel.Tile<Three, Two>,
    ],
    [
        &Packing512.AlongK<PairSource<F32Loader>>, &Packing512.AcrossK<PairSource<F32Loader>>,
        &Packing512.AlongK<PairSource<Bf16Loader>>, &Packing512.AcrossK<PairSource<Bf16Loader>>,
        &Packing512.AlongK<PairSource<F16Loader>>, &Packing512.AcrossK<PairSource<F16Loader>>,
    ],
    [
        &DotKernels512.Dot<RoundedLoader<F32Loader>, One>, &DotKernels512.Dot<RoundedLoader<F32Loader>, Two>, &DotKernels512.Dot<RoundedLoader<F32Loader>, Three>, &DotKernels512.Dot<RoundedLoader<F32Loader>, Four>,
        &DotKernels512.Dot<Bf16Loader, One>, &DotKernels512.Dot<Bf16Loader, Two>, &DotKernels512.Dot<Bf16Loader, Three>, &DotKernels512.Dot<Bf16Loader, Four>,
        &DotKernels512.Dot<RoundedLoader<F16Loader>, One>, &DotKernels512.Dot<RoundedLoader<F16Loader>, Two>, &DotKernels512.Dot<RoundedLoader<F16Loader>, Three>, &DotKernels512.Dot<RoundedLoader<F16Loader>, Four>,
    ],
    [&DotKernels512.Convert<RoundedLoader<F32Loader>>, &DotKernels512.Convert<Bf16Loader>, &DotKernels512.Convert<RoundedLoader<F16Loader>>]);

    private static KernelSet Avx512Single() => new(GemmPath.Avx512, (4, 16, 1),
    [
        &MicroKernels.Avx512<One, One>, &MicroKernels.Avx512<One, Two>, &MicroKernels.Avx512<Two, One>,
        &MicroKernels.Avx512<Two, Two>, &MicroKernels.Avx512<Three, One>, &MicroKernels.Avx512<Three, Two>,
    ],
    [
        &Packing512.AlongK<SingleSource<F32Loader>>, &Packing512.AcrossK<SingleSource<F32Loader>>,
        &Packing512.AlongK<SingleSource<Bf16Loader>>, &Packing512.AcrossK<SingleSource<Bf16Loader>>,
        &Packing512.AlongK<SingleSource<F16Loader>>, &Packing512.AcrossK<SingleSource<F16Loader>>,
    ],
    [
        &DotKernels512.Dot<F32Loader, One>, &DotKernels512.Dot<F32Loader, Two>, &DotKernels512.Dot<F32Loader, Three>, &DotKernels512.Dot<F32Loader, Four>,
        &DotKernels512.Dot<Bf16Loader, One>, &DotKernels512.Dot<Bf16Loader, Two>, &DotKernels512.Dot<Bf16Loader, Three>, &DotKernels512.Dot<Bf16Loader, Four>,
        &DotKernels512.Dot<F16Loader, One>, &DotKernels512.Dot<F16Loader, Two>, &DotKernels512.Dot<F16Loader, Three>, &DotKernels512.Dot<F16Loader, Four>,
    ],
    [&DotKernels512.Convert<F32Loader>, &DotKernels512.Convert<Bf16Loader>, &DotKernels512.Convert<F16Loader>]);

    private static KernelSet Avx512Rounded() => new(GemmPath.Avx512, (4, 16, 1),
    [
        &MicroKernels.Avx512<One, One>, &MicroKernels.Avx512<One, Two>, &MicroKernels.Avx512<Two, One>,
        &MicroKernels.Avx512<Two, Two>, &MicroKernels.Avx512<Three, One>, &MicroKernels.Avx512<Three, Two>,
    ],
    [
        &Packing512.AlongK<SingleSource<RoundedLoader<F32Loader>>>, &Packing512.AcrossK<SingleSource<RoundedLoader<F32Loader>>>,
        &Packing512.AlongK<SingleSource<Bf16Loader>>, &Packing512.AcrossK<SingleSource<Bf16Loader>>,
        &Packing512.AlongK<SingleSource<RoundedLoader<F16Loader>>>, &Packing512.AcrossK<SingleSource<RoundedLoader<F16Loader>>>,
    ],
    [
        &DotKernels512.Dot<RoundedLoader<F32Loader>, One>, &DotKernels512.Dot<RoundedLoader<F32Loader>, Two>, &DotKernels512.Dot<RoundedLoader<F32Loader>, Three>, &DotKernels512.Dot<RoundedLoader<F32Loader>, Four>,
        &DotKernels512.Dot<Bf16Loader, One>, &DotKernels512.Dot<Bf16Loader, Two>, &DotKernels512.Dot<Bf16Loader, Three>, &DotKernels512.Dot<Bf16Loader, Four>,
        &DotKernels512.Dot<RoundedLoader<F16Loader>, One>, &DotKernels512.Dot<RoundedLoader<F16Loader>, Two>, &DotKernels512.Dot<RoundedLoader<F16Loader>, Three>, &DotKernels512.Dot<RoundedLoader<F16Loader>, Four>,
    ],
    [&DotKernels512.Convert<RoundedLoader<F32Loader>>, &DotKernels512.Convert<Bf16Loader>, &DotKernels512.Convert<RoundedLoader<F16Loader>>]);

    private static KernelSet Avx2Single() => new(GemmPath.Avx2, (2, 8, 1),
    [
        &MicroKernels.Avx2<One, One>, &MicroKernels.Avx2<One, Two>, &MicroKernels.Avx2<Two, One>,
        &MicroKernels.Avx2<Two, Two>, &MicroKernels.Avx2<Three, One>, &MicroKernels.Avx2<Three, Two>,
    ],
    [
        &Packing256.AlongK<F32Loader>, &Packing256.AcrossK<F32Loader>,
        &Packing256.AlongK<Bf16Loader>, &Packing256.AcrossK<Bf16Loader>,
        &Packing256.AlongK<F16Loader>, &Packing256.AcrossK<F16Loader>,
    ],
    [
        &DotKernels256.Dot<F32Loader, One>, &DotKernels256.Dot<F32Loader, Two>, &DotKernels256.Dot<F32Loader, Three>, &DotKernels256.Dot<F32Loader, Four>,
        &DotKernels256.Dot<Bf16Loader, One>, &DotKernels256.Dot<Bf16Loader, Two>, &DotKernels256.Dot<Bf16Loader, Three>, &DotKernels256.Dot<Bf16Loader, Four>,
        &DotKernels256.Dot<F16Loader, One>, &DotKernels256.Dot<F16Loader, Two>, &DotKernels256.Dot<F16Loader, Three>, &DotKernels256.Dot<F16Loader, Four>,
    ],
    [&DotKernels256.Convert<F32Loader>, &DotKernels256.Convert<Bf16Loader>, &DotKernels256.Convert<F16Loader>]);

    private static KernelSet Avx2Rounded() => new(GemmPath.Avx2, (2, 8, 1),
    [
        &MicroKernels.Avx2<One, One>, &MicroKernels.Avx2<One, Two>, &MicroKernels.Avx2<Two, One>,
        &MicroKernels.Avx2<Two, Two>, &MicroKernels.Avx2<Three, One>, &MicroKernels.Avx2<Three, Two>,
    ],
    [
        &Packing256.AlongK<RoundedLoader<F32Loader>>, &Packing256.AcrossK<RoundedLoader<F32Loader>>,
        &Packing256.AlongK<Bf16Loader>, &Packing256.AcrossK<Bf16Loader>,
        &Packing256.AlongK<RoundedLoader<F16Loader>>, &Packing256.AcrossK<RoundedLoader<F16Loader>>,
    ],
    [
        &DotKernels256.Dot<RoundedLoader<F32Loader>, One>, &DotKernels256.Dot<RoundedLoader<F32Loader>, Two>, &DotKernels256.Dot<RoundedLoader<F32Loader>, Three>, &DotKernels256.Dot<RoundedLoader<F32Loader>, Four>,
        &DotKernels256.Dot<Bf16Loader, One>, &DotKernels256.Dot<Bf16Loader, Two>, &DotKernels256.Dot<Bf16Loader, Three>, &DotKernels256.Dot<Bf16Loader, Four>,
        &DotKernels256.Dot<RoundedLoader<F16Loader>, One>, &DotKernels256.Dot<RoundedLoader<F16Loader>, Two>, &DotKernels256.Dot<RoundedLoader<F16Loader>, Three>, &DotKernels256.Dot<RoundedLoader<F16Loader>, Four>,
    ],
    [&DotKernels256.Convert<RoundedLoader<F32Loader>>, &DotKernels256.Convert<Bf16Loader>, &DotKernels256.Convert<RoundedLoader<F16Loader>>]);

    private static KernelSet PortableSingle() => new(GemmPath.Portable, (4, 4, 1), [&MicroKernels.Portable<One, One>, &MicroKernels.Portable<One, Two>],
    [
        &PackingPortable.AlongK<F32Loader>, &PackingPortable.AcrossK<F32Loader>,
        &PackingPortable.AlongK<Bf16Loader>, &PackingPortable.AcrossK<Bf16Loader>,
        &PackingPortable.AlongK<F16Loader>, &PackingPortable.AcrossK<F16Loader>,
    ],
    [
        &DotKernelsPortable.Dot<F32Loader, One>, &DotKernelsPortable.Dot<F32Loader, Two>, &DotKernelsPortable.Dot<F32Loader, Three>, &DotKernelsPortable.Dot<F32Loader, Four>,
        &DotKernelsPortable.Dot<Bf16Loader, One>, &DotKernelsPortable.Dot<Bf16Loader, Two>, &DotKernelsPortable.Dot<Bf16Loader, Three>, &DotKernelsPortable.Dot<Bf16Loader, Four>,
        &DotKernelsPortable.Dot<F16Loader, One>, &DotKernelsPortable.Dot<F16Loader, Two>, &DotKernelsPortable.Dot<F16Loader, Three>, &DotKernelsPortable.Dot<F16Loader, Four>,
    ],
    [&DotKernelsPortable.Convert<F32Loader>, &DotKernelsPortable.Convert<Bf16Loader>, &DotKernelsPortable.Convert<F16Loader>]);

    private static KernelSet PortableRounded() => new(GemmPath.Portable, (4, 4, 1), [&MicroKernels.Portable<One, One>, &MicroKernels.Portable<One, Two>],
    [
        &PackingPortable.AlongK<RoundedLoader<F32Loader>>, &PackingPortable.AcrossK<RoundedLoader<F32Loader>>,
        &PackingPortable.AlongK<Bf16Loader>, &PackingPortable.AcrossK<Bf16Loader>,
        &PackingPortable.AlongK<RoundedLoader<F16Loader>>, &PackingPortable.AcrossK<RoundedLoader<F16Loader>>,
    ],
    [
        &DotKernelsPortable.Dot<RoundedLoader<F32Loader>, One>, &DotKernelsPortable.Dot<RoundedLoader<F32Loader>, Two>, &DotKernelsPortable.Dot<RoundedLoader<F32Loader>, Three>, &DotKernelsPortable.Dot<RoundedLoader<F32Loader>, Four>,
        &DotKernelsPortable.Dot<Bf16Loader, One>, &DotKernelsPortable.Dot<Bf16Loader, Two>, &DotKernelsPortable.Dot<Bf16Loader, Three>, &DotKernelsPortable.Dot<Bf16Loader, Four>,
        &DotKernelsPortable.Dot<RoundedLoader<F16Loader>, One>, &DotKernelsPortable.Dot<RoundedLoader<F16Loader>, Two>, &DotKernelsPortable.Dot<RoundedLoader<F16Loader>, Three>, &DotKernelsPortable.Dot<RoundedLoader<F16Loader>, Four>,
    ],
    [&DotKernelsPortable.Convert<RoundedLoader<F32Loader>>, &DotKernelsPortable.Convert<Bf16Loader>, &DotKernelsPortable.Convert<RoundedLoader<F16Loader>>]);
}
