using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
        nint from = Ptr(x), to = Ptr(y);
        Elements(ActivationName(kind, "activation"), x.Count, new ActivationParams(from, 0, to, x.Count, 0, Vector(4, from, to)));
    }

    /// <inheritdoc/>
    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
        nint from = Ptr(x), gradient = Ptr(dY), to = Ptr(dX);
        Elements(
            ActivationName(kind, "activation_backward"), x.Count, new ActivationParams(from, gradient, to, x.Count, accumulate ? 1 : 0, Vector(4, from, gradient, to)));
    }

    /// <inheritdoc/>
    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
        nint left = Ptr(gate), right = Ptr(up), to = Ptr(y);
        Elements(ActivationName(kind, "gated"), y.Count, new GatedParams(left, right, 0, to, 0, y.Count, Vector(4, left, right, to)));
    }

    /// <inheritdoc/>
    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
        nint left = Ptr(gate), right = Ptr(up), gradient = Ptr(dY), first = Ptr(dGate), second = Ptr(dUp);
        Elements(
            ActivationName(kind, "gated_backward"),
            dY.Count,
            new GatedParams(left, right, gradient, first, second, dY.Count, Vector(4, left, right, gradient, first | second)));
    }

    private static KernelName ActivationName(ActivationKind kind, string kernel) => new("Activation", kernel, kind switch
    {
        ActivationKind.Silu => "KIND=0 " + Floats,
        ActivationKind.GeluErf => "KIND=1 " + Floats,
        ActivationKind.GeluTanh => "KIND=2 " + Floats,
        ActivationKind.QuickGelu => "KIND=3 " + Floats,
        ActivationKind.Relu => "KIND=4 " + Floats,
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
    });

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct ActivationParams(nint X, nint DY, nint Y, long N, int Accumulate, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct GatedParams(nint Gate, nint Up, nint DY, nint First, nint Second, long N, int Vector);
}
