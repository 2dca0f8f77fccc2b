using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse)
    {
        int H = x.Shape[1], half = x.Shape[2] / 2;
        long pairs = (long)x.Shape[0] * H * half;
        Launch(
            new KernelName("Rope", "rope", Types(x, y)),
            new LaunchShape(Ceil(pairs, Block), Block),
            new RopeParams(Ptr(x), Ptr(cos), Ptr(sin), Ptr(y), pairs, H, half, pairing == RopePairing.Interleaved ? 1 : 0, inverse ? 1 : 0));
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct RopeParams(nint X, nint Cos, nint Sin, nint Y, long Pairs, int Heads, int Half, int Interleaved, int Inverse);
}
