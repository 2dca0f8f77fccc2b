using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    /// <remarks>
    /// In the order of torch.optim.AdamW: param *= 1 - lr wd; m += (1 - b1) (g - m); v = b2 v + (1 - b2) g g;
    /// param -= lr / (1 - b1^t) m / (sqrt(v) / sqrt(1 - b2^t) + eps). Factors are formed in double and applied in f32.
    /// </remarks>
    public void AdamW(in AdamWArgs args)
    {
        AdamWStep step = args.Options;
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step), correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        float clip = args.Norm is null ? 1f : MathF.Min(1f, (float)step.MaxNorm / (*Ptr<float>(args.Norm) + 1e-6f));
        var body = new AdamWBody(Ptr<float>(args.Param), Ptr<float>(args.Grad), Ptr<float>(args.M), Ptr<float>(args.V))
        {
            Clip = clip,
            Decay = (float)(1 - (step.LearningRate * step.WeightDecay)),
            Weight1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            Weight2 = (float)(1 - step.Beta2),
            Root = (float)Math.Sqrt(correction2),
            Epsilon = (float)step.Epsilon,
            Rate = (float)(-step.LearningRate / correction1),
        };
        Elements(args.Param.Count, body);
    }

    private readonly struct AdamWBody(float* param, float* grad, float* m, float* v) : IRangeBody
    {
        private readonly float* _param = param, _grad = grad, _m = m, _v = v;

        public float Clip { get; init; }

        public float Decay { get; init; }

        public float Weight1 { get; init; }

        public float Beta2 { get; init; }

        public float Weight2 { get; init; }

        public float Root { get; init; }

        public float Epsilon { get; init; }

        public float Rate { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            var lanes = new AdamWLanes(this);
            float* param = _param, grad = _grad, firsts = _m, seconds = _v;
            long i = start;
            for (; i <= end - Lanes.Width; i += Lanes.Width)
            {
                Vector512<float> p = Vector512.Load(param + i), m = Vector512.Load(firsts + i), v = Vector512.Load(seconds + i);
                lanes.Step(Vector512.Load(grad + i), ref p, ref m, ref v);
                p.Store(param + i);
                m.Store(firsts + i);
                v.Store(seconds + i);
            }

            int rest = (int)(end - i);
            if (rest > 0)
            {
                Vector512<float> p = Lanes.LoadPart(param + i, rest), m = Lanes.LoadPart(firsts + i, rest), v = Lanes.LoadPart(seconds + i, rest);
                lanes.Step(Lanes.LoadPart(grad + i, rest), ref p, ref m, ref v);
                Lanes.StorePart(param + i, p, rest);
                Lanes.StorePart(firsts + i, m, rest);
                Lanes.StorePart(seconds + i, v, rest);
            }
        }
    }

    private readonly struct AdamWLanes(AdamWBody step)
    {
        private readonly Vector512<float> _clip = Vector512.Create(step.Clip), _decay = Vector512.Create(step.Decay);
        private readonly Vector512<float> _weight1 = Vector512.Create(step.Weight1), _beta2 = Vector512.Create(step.Beta2);
        private readonly Vector512<float> _weight2 = Vector512.Create(step.Weight2), _root = Vector512.Create(step.Root);
        private readonly Vector512<float> _epsilon = Vector512.Create(step.Epsilon), _rate = Vector512.Create(step.Rate);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Step(Vector512<float> g, ref Vector512<float> p, ref Vector512<float> m, ref Vector512<float> v)
        {
            g *= _clip;
            p *= _decay;
            m = Lanes.Fma(_weight1, g - m, m);
            v = Lanes.Fma(_weight2 * g, g, v * _beta2);
            p += _rate * m / ((Vector512.Sqrt(v) / _root) + _epsilon);
        }
    }
}
