using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits)
    {
        int V = logits.Shape.Last;
        nint from = Ptr(logits), to = PtrOrNull(dLogits);
        const int Threads = 512;
        Launch(
            new KernelName("CrossEntropy", "cross_entropy", dLogits is null ? Floats : Types(logits, dLogits)),
            new LaunchShape(logits.Shape.Rows, Threads),
            new CrossEntropyParams(from, Ptr(labels), Ptr(loss), to, _device.Faults, V, Vector(V, from, to)));
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct CrossEntropyParams(nint Logits, nint Labels, nint Loss, nint Gradient, nint Fault, int Columns, int Vector);
}
