using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
        float* g = Ptr<float>(gate), u = Ptr<float>(up), target = Ptr<float>(y);
        switch (kind)
        {
            case ActivationKind.Silu:
                Elements(y.Count, new Map2Body<GatedMap<SiluFunction>>(g, u, target, default));
                break;
            case ActivationKind.GeluErf:
                Elements(y.Count, new Map2Body<GatedMap<GeluErfFunction>>(g, u, target, default));
                break;
            case ActivationKind.GeluTanh:
                Elements(y.Count, new Map2Body<GatedMap<GeluTanhFunction>>(g, u, target, default));
                break;
            case ActivationKind.QuickGelu:
                Elements(y.Count, new Map2Body<GatedMap<QuickGeluFunction>>(g, u, target, default));
                break;
            case ActivationKind.Relu:
                Elements(y.Count, new Map2Body<GatedMap<ReluFunction>>(g, u, target, default));
                break;
            case ActivationKind.Tanh:
                Elements(y.Count, new Map2Body<GatedMap<TanhFunction>>(g, u, target, default));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    /// <inheritdoc/>
    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                GatedBackward<SiluFunction>(gate, up, dY, dGate, dUp);
                break;
            case ActivationKind.GeluErf:
                GatedBackward<GeluErfFunction>(gate, up, dY, dGate, dUp);
                break;
            case ActivationKind.GeluTanh:
                GatedBackward<GeluTanhFunction>(gate, up, dY, dGate, dUp);
                break;
            case ActivationKind.QuickGelu:
                GatedBackward<QuickGeluFunction>(gate, up, dY, dGate, dUp);
                break;
            case ActivationKind.Relu:
                GatedBackward<ReluFunction>(gate, up, dY, dGate, dUp);
                break;
            case ActivationKind.Tanh:
                GatedBackward<TanhFunction>(gate, up, dY, dGate, dUp);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    private void GatedBackward<TFunction>(Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
        where TFunction : struct, IFunction =>
        Elements(dY.Count, new GatedBackwardBody<TFunction>(Ptr<float>(gate), Ptr<float>(up), Ptr<float>(dY), Ptr<float>(dGate), Ptr<float>(dUp)));

    private readonly struct GatedMap<TFunction> : IMap2
        where TFunction : struct, IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => TFunction.Value(a) * b;
    }

    private readonly struct GatedBackwardBody<TFunction>(float* gate, float* up, float* dY, float* dGate, float* dUp) : IRangeBody
        where TFunction : struct, IFunction
    {
        private readonly float* _gate = gate, _up = up, _dY = dY, _dGate = dGate, _dUp = dUp;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            float* gate = _gate, up = _up, dY = _dY, dGate = _dGate, dUp = _dUp;
            long i = start;
            for (; i <= end - Lanes.Width; i += Lanes.Width)
            {
                Vector512<float> d = Vector512.Load(dY + i), u = Vector512.Load(up + i);
                TFunction.Both(Vector512.Load(gate + i), out Vector512<float> value, out Vector512<float> slope);
                (d * u * slope).Store(dGate + i);
                (d * value).Store(dUp + i);
            }

            int rest = (int)(end - i);
            if (rest > 0)
            {
                Vector512<float> d = Lanes.LoadPart(dY + i, rest), u = Lanes.LoadPart(up + i, rest);
                TFunction.Both(Lanes.LoadPart(gate + i, rest), out Vector512<float> value, out Vector512<float> slope);
                Lanes.StorePart(dGate + i, d * u * slope, rest);
                Lanes.StorePart(dUp + i, d * value, rest);
            }
        }
    }
}
