using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate)
    {
        int C = x.Shape.Last, perRow = (int)Ceil(C, 4);
        long quads = (long)x.Shape.Rows * perRow;
        // A uniform number is a multiple of 2^-24, so u >= p is word >> 8 >= ceil(p 2^24).
        uint threshold = (uint)Math.Ceiling(p * (double)(1 << 24));
        Launch(
            new KernelName("Dropout", "dropout", Types(x, y)),
            new LaunchShape(Ceil(quads, Block), Block),
            new DropoutParams(Ptr(x), Ptr(keys), Ptr(y), module, quads, C, perRow, threshold, p < 1 ? 1f / (1f - p) : 0f, accumulate ? 1 : 0));
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct DropoutParams(
        nint X, nint Keys, nint Y, ulong Module, long Quads, int Columns, int QuadsPerRow, uint Threshold, float Scale, int Accumulate);
}
