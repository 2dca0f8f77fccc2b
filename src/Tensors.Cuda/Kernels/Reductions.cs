using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    private const int RowsPerChunk = 256;
    private const int ElementsPerPart = 16384;

    /// <inheritdoc/>
    public void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate) =>
        SumColumns(x, PtrOrNull(z), 0, 0, x.Shape.Rows, x.Shape.Last, Ptr(y), accumulate);

    /// <inheritdoc/>
    public void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
        long parts = Ceil(x.Count, ElementsPerPart);
        nint sums = _partials.Take(parts * sizeof(double));
        Launch(new KernelName("Reductions", "total", Inputs(x)), new LaunchShape(parts, Block), new TotalParams(Ptr(x), PtrOrNull(z), sums, x.Count));
        FinishTotal(sums, parts, Ptr(y), root: false, accumulate);
    }

    /// <inheritdoc/>
    public void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
        int count = tensors.Count;
        Span<long> table = new long[3 * count];
        long parts = 0;
        for (int i = 0; i < count; i++)
        {
            table[i] = Ptr(tensors[i]);
            table[count + i] = tensors[i].Count;
            table[(2 * count) + i] = parts;
            parts += Ceil(tensors[i].Count, ElementsPerPart);
        }

        nint sums = _partials.Take(parts * sizeof(double));
        if (count > 0)
        {
            nint at = _tables.Take(table.Length * sizeof(long));
            _device.Upload(MemoryMarshal.AsBytes(table), at);
            int step = count * sizeof(long);
            Launch(new KernelName("Reductions", "squares", Floats), new LaunchShape(parts, Block), new SquaresParams(at, at + step, at + (2 * step), sums, count));
        }

        FinishTotal(sums, parts, Ptr(norm), root: true, accumulate: false);
    }

    private static string Inputs(Tensor x) => x.DType == DType.F32 ? Floats : $"X={TypeName(x.DType)} Y=float";

    private void FinishTotal(nint parts, long n, nint y, bool root, bool accumulate) =>
        Launch(new KernelName("Reductions", "finish_total", Floats), new LaunchShape(1, Block), new FinishTotalParams(parts, y, n, root ? 1 : 0, accumulate ? 1 : 0));

    /// <summary>y[j] = sum over i of x[i, j] (times z[i, j], normalised where rstd is given) (+ y).</summary>
    private void SumColumns(Tensor x, nint z, nint mean, nint rstd, int N, int C, nint y, bool accumulate)
    {
        int chunks = (int)Ceil(N, RowsPerChunk);
        nint parts = _partials.Take((long)chunks * C * sizeof(float));
        Launch(
            new KernelName("Reductions", "sum_columns", Inputs(x)),
            new LaunchShape((uint)Ceil(C, 32), (uint)chunks, 1, Block, 0),
            new ColumnsParams(Ptr(x), z, mean, rstd, parts, N, C, RowsPerChunk));
        Launch(
            new KernelName("Reductions", "finish_columns", Floats),
            new LaunchShape(Ceil(C, Block), Block),
            new FinishColumnsParams(parts, y, C, chunks, accumulate ? 1 : 0));
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct ColumnsParams(nint X, nint Z, nint Mean, nint Rstd, nint Parts, long Rows, int Columns, int Chunk);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct FinishColumnsParams(nint Parts, nint Y, int Columns, int Chunks, int Accumulate);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct TotalParams(nint X, nint Z, nint Parts, long N);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct FinishTotalParams(nint Parts, nint Y, long N, int Root, int Accumulate);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct SquaresParams(nint Tensors, nint Counts, nint FirstPart, nint Parts, int Count);
}
