using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
        nint from = Ptr(x), to = Ptr(y);
        Elements(ActivationName(kind, "activation", x, y), x.Count, new ActivationParams(from, 0, to, x.Count, 0, Vector(4, from, to)));
    }

    /// <inheritdoc/>
    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
        nint from = Ptr(x), gradient = Ptr(dY), to = Ptr(dX);
        Elements(
            ActivationName(kind, "activation_backward", x, dX), x.Count, new ActivationParams(from, gradient, to, x.Count, accumulate ? 1 : 0, Vector(4, from, gradient, to)));
    }

    /// <inheritdoc/>
    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
        nint left = Ptr(gate), right = Ptr(up), to = Ptr(y);
        Elements(ActivationName(kind, "gated", gate, y), y.Count, new GatedParams(left, right, 0, to, 0, y.Count, Vector(4, left, right, to)));
    }

    /// <inheritdoc/>
    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
        nint left = Ptr(gate), right = Ptr(up), gradient = Ptr(dY), first = Ptr(dGate), second = Ptr(dUp);
        Elements(
            ActivationName(kind, "gated_backward", gate, dGate),
            dY.Count,
            new GatedParams(left, right, gradient, first, second, dY.Count, Vector(4, left, right, gradient, first | second)));
    }

    private static KernelName ActivationName(ActivationKind kind, string kernel, Tensor x, Tensor y) =>
        new("Activation", kernel, ((int)kind, x.DType, y.DType) switch
        {
            (0, DType.BF16, DType.BF16) => "KIND=0 X=bf16 Y=bf16",
            (0, DType.F32, DType.F32) => "KIND=0 X=float Y=float",
            _ => FormattableString.Invariant($"KIND={(int)kind} {Types(x, y)}"),
        });

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct ActivationParams(nint X, nint DY, nint Y, long N, int Accumulate, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct GatedParams(nint Gate, nint Up, nint DY, nint First, nint Second, long N, int Vector);
}
