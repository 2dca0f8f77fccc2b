using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd)
    {
        int C = x.Shape.Last;
        float* w = AsFloats(weight, _weights);
        Rows(x.Shape.Rows, C, new RmsNormBody(Ptr<float>(x), w, Ptr<float>(y), PtrOrNull<float>(rstd)) { C = C, Epsilon = eps });
    }

    /// <inheritdoc/>
    public void RmsNormBackward(in NormGrad args)
    {
        int N = args.X.Shape.Rows, C = args.X.Shape.Last;
        float* x = Ptr<float>(args.X), dY = Ptr<float>(args.DY), rstd = Ptr<float>(args.Rstd);
        if (args.DX is { } dX)
        {
            float* w = AsFloats(args.Weight, _weights);
            Rows(N, C, new RmsNormBackwardBody(x, w, rstd, dY, Ptr<float>(dX)) { C = C, Accumulate = args.Accumulate });
        }

        if (args.DWeight is { } dWeight)
        {
            Columns(N, C, x, dY, Ptr<float>(dWeight), accumulate: true, new NormTerm(null, rstd));
        }
    }

    private readonly struct RmsNormBody(float* x, float* w, float* y, float* rstd) : IRangeBody
    {
        private readonly float* _x = x, _w = w, _y = y, _rstd = rstd;

        public int C { get; init; }

        public float Epsilon { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _x + (i * C);
                float scale = (float)(1 / Math.Sqrt((RowSums.Product(x, x, C) / C) + Epsilon));
                new Map2Body<NormalizeMap>(x, _w, _y + (i * C), new NormalizeMap(scale)).Run(0, C);
                if (_rstd != null)
                {
                    _rstd[i] = scale;
                }
            }
        }
    }

    /// <summary>(x scale) w, in this order as the reference implementations have it.</summary>
    private readonly struct NormalizeMap(float scale) : IMap2
    {
        private readonly Vector512<float> _scale = Vector512.Create(scale);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => a * _scale * b;
    }

    /// <summary>dX = r (w dY) - x r^3 mean(w dY x).</summary>
    private readonly struct RmsNormBackwardBody(float* x, float* w, float* rstd, float* dY, float* dX) : IRangeBody
    {
        private readonly float* _x = x, _w = w, _rstd = rstd, _dY = dY, _dX = dX;

        public int C { get; init; }

        public bool Accumulate { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _x + (i * C), dY = _dY + (i * C), dX = _dX + (i * C);
                double r = _rstd[i], mean = RowSums.Product(x, 0f, dY, _w, C) / C;
                var map = new NormGradMap((float)r, 0f, (float)(-r * r * r * mean), 0f);
                NormGradRow(x, dY, _w, dX, C, Accumulate, map);
            }
        }
    }

    /// <summary>Writes or adds (w dY) scale + (x - centre) byX + offset along a row.</summary>
    private static void NormGradRow(float* x, float* dY, float* w, float* dX, int C, bool accumulate, NormGradMap map)
    {
        if (accumulate)
        {
            new NormGradAddBody(x, dY, w, dX, map).Run(0, C);
        }
        else
        {
            new Map3Body<NormGradMap>(x, dY, w, dX, map).Run(0, C);
        }
    }

    private readonly struct NormGradMap(float scale, float centre, float byX, float offset) : IMap3
    {
        private readonly Vector512<float> _scale = Vector512.Create(scale), _centre = Vector512.Create(centre);
        private readonly Vector512<float> _byX = Vector512.Create(byX), _offset = Vector512.Create(offset);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> x, Vector512<float> dY, Vector512<float> w) =>
            Lanes.Fma(dY * w, _scale, Lanes.Fma(x - _centre, _byX, _offset));
    }

    private readonly struct NormGradAddBody(float* x, float* dY, float* w, float* dX, NormGradMap map) : IRangeBody
    {
        private readonly float* _x = x, _dY = dY, _w = w, _dX = dX;
        private readonly NormGradMap _map = map;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            float* x = _x, dY = _dY, w = _w, dX = _dX;
            NormGradMap map = _map;
            long i = start;
            for (; i <= end - Lanes.Width; i += Lanes.Width)
            {
                (map.Apply(Vector512.Load(x + i), Vector512.Load(dY + i), Vector512.Load(w + i)) + Vector512.Load(dX + i)).Store(dX + i);
            }

            int rest = (int)(end - i);
            if (rest > 0)
            {
                Vector512<float> last = map.Apply(Lanes.LoadPart(x + i, rest), Lanes.LoadPart(dY + i, rest), Lanes.LoadPart(w + i, rest));
                Lanes.StorePart(dX + i, last + Lanes.LoadPart(dX + i, rest), rest);
            }
        }
    }

    /// <summary>dY (x - mean) rstd: what a row adds to dWeight; without means the mean is zero.</summary>
    private readonly struct NormTerm(float* mean, float* rstd) : IColumnTerm
    {
        private readonly float* _mean = mean, _rstd = rstd;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> At(long row, Vector512<float> a, Vector512<float> b)
        {
            Vector512<float> centred = _mean == null ? a : a - Vector512.Create(_mean[row]);
            return centred * Vector512.Create(_rstd[row]) * b;
        }
    }
}
