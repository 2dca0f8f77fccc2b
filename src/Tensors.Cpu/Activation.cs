using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
        float* source = Ptr<float>(x), target = Ptr<float>(y);
        switch (kind)
        {
            case ActivationKind.Silu:
                Elements(y.Count, new Map1Body<ValueMap<SiluFunction>>(source, target, default));
                break;
            case ActivationKind.GeluErf:
                Elements(y.Count, new Map1Body<ValueMap<GeluErfFunction>>(source, target, default));
                break;
            case ActivationKind.GeluTanh:
                Elements(y.Count, new Map1Body<ValueMap<GeluTanhFunction>>(source, target, default));
                break;
            case ActivationKind.QuickGelu:
                Elements(y.Count, new Map1Body<ValueMap<QuickGeluFunction>>(source, target, default));
                break;
            case ActivationKind.Relu:
                Elements(y.Count, new Map1Body<ValueMap<ReluFunction>>(source, target, default));
                break;
            case ActivationKind.Tanh:
                Elements(y.Count, new Map1Body<ValueMap<TanhFunction>>(source, target, default));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    /// <inheritdoc/>
    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                ActivationBackward<SiluFunction>(x, dY, dX, accumulate);
                break;
            case ActivationKind.GeluErf:
                ActivationBackward<GeluErfFunction>(x, dY, dX, accumulate);
                break;
            case ActivationKind.GeluTanh:
                ActivationBackward<GeluTanhFunction>(x, dY, dX, accumulate);
                break;
            case ActivationKind.QuickGelu:
                ActivationBackward<QuickGeluFunction>(x, dY, dX, accumulate);
                break;
            case ActivationKind.Relu:
                ActivationBackward<ReluFunction>(x, dY, dX, accumulate);
                break;
            case ActivationKind.Tanh:
                ActivationBackward<TanhFunction>(x, dY, dX, accumulate);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    private void ActivationBackward<TFunction>(Tensor x, Tensor dY, Tensor dX, bool accumulate)
        where TFunction : struct, IFunction
    {
        float* target = Ptr<float>(dX);
        if (accumulate)
        {
            Elements(dX.Count, new Map3Body<SlopeAddMap<TFunction>>(Ptr<float>(x), Ptr<float>(dY), target, target, default));
        }
        else
        {
            Elements(dX.Count, new Map2Body<SlopeMap<TFunction>>(Ptr<float>(x), Ptr<float>(dY), target, default));
        }
    }

    private readonly struct ValueMap<TFunction> : IMap1
        where TFunction : struct, IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a) => TFunction.Value(a);
    }

    private readonly struct SlopeMap<TFunction> : IMap2
        where TFunction : struct, IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b)
        {
            TFunction.Both(a, out _, out Vector512<float> slope);
            return slope * b;
        }
    }

    private readonly struct SlopeAddMap<TFunction> : IMap3
        where TFunction : struct, IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c)
        {
            TFunction.Both(a, out _, out Vector512<float> slope);
            return (slope * b) + c;
        }
    }
}
