using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        int C = x.Shape.Last;
        float* w = AsFloats(weight, _weights), b = bias is null ? null : AsFloats(bias, _biases);
        var body = new LayerNormBody(Ptr<float>(x), Ptr<float>(y))
        {
            Weight = w,
            Bias = b,
            Mean = PtrOrNull<float>(mean),
            Rstd = PtrOrNull<float>(rstd),
            C = C,
            Epsilon = eps,
        };
        Rows(x.Shape.Rows, C, body);
    }

    /// <inheritdoc/>
    public void LayerNormBackward(in NormGrad args)
    {
        int N = args.X.Shape.Rows, C = args.X.Shape.Last;
        float* x = Ptr<float>(args.X), dY = Ptr<float>(args.DY), rstd = Ptr<float>(args.Rstd), mean = Ptr<float>(args.Mean!);
        if (args.DX is { } dX)
        {
            var body = new LayerNormBackwardBody(x, dY, Ptr<float>(dX))
            {
                Weight = AsFloats(args.Weight, _weights),
                Mean = mean,
                Rstd = rstd,
                C = C,
                Accumulate = args.Accumulate,
            };
            Rows(N, C, body);
        }

        if (args.DWeight is { } dWeight)
        {
            Columns(N, C, x, dY, Ptr<float>(dWeight), accumulate: true, new NormTerm(mean, rstd));
        }

        if (args.DBias is { } dBias)
        {
            Columns(N, C, dY, dY, Ptr<float>(dBias), accumulate: true, default(FirstTerm));
        }
    }

    private readonly struct LayerNormBody(float* x, float* y) : IRangeBody
    {
        private readonly float* _x = x, _y = y;

        public float* Weight { get; init; }

        public float* Bias { get; init; }

        public float* Mean { get; init; }

        public float* Rstd { get; init; }

        public int C { get; init; }

        public float Epsilon { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _x + (i * C), y = _y + (i * C);
                float mean = (float)(RowSums.Of(x, C) / C);
                float scale = (float)(1 / Math.Sqrt((RowSums.Squares(x, mean, C) / C) + Epsilon));
                var map = new CentreMap(mean, scale);
                if (Bias == null)
                {
                    new Map2Body<CentreMap>(x, Weight, y, map).Run(0, C);
                }
                else
                {
                    new Map3Body<CentreMap>(x, Weight, Bias, y, map).Run(0, C);
                }

                if (Mean != null)
                {
                    Mean[i] = mean;
                }

                if (Rstd != null)
                {
                    Rstd[i] = scale;
                }
            }
        }
    }

    /// <summary>(x - mean) scale w (+ b).</summary>
    private readonly struct CentreMap(float mean, float scale) : IMap2, IMap3
    {
        private readonly Vector512<float> _mean = Vector512.Create(mean), _scale = Vector512.Create(scale);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => (a - _mean) * _scale * b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Lanes.Fma((a - _mean) * _scale, b, c);
    }

    /// <summary>dX = r (g - mean(g) - n mean(g n)) with g = w dY, n = (x - mean) r.</summary>
    private readonly struct LayerNormBackwardBody(float* x, float* dY, float* dX) : IRangeBody
    {
        private readonly float* _x = x, _dY = dY, _dX = dX;

        public float* Weight { get; init; }

        public float* Mean { get; init; }

        public float* Rstd { get; init; }

        public int C { get; init; }

        public bool Accumulate { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _x + (i * C), dY = _dY + (i * C), dX = _dX + (i * C);
                double r = Rstd[i];
                double g = RowSums.Product(dY, Weight, C) / C;
                double gx = RowSums.Product(x, Mean[i], dY, Weight, C) / C;
                var map = new NormGradMap((float)r, Mean[i], (float)(-r * r * r * gx), (float)(-r * g));
                NormGradRow(x, dY, Weight, dX, C, Accumulate, map);
            }
        }
    }
}
