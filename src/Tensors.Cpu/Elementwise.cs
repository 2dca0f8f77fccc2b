using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Add(Tensor a, Tensor b, Tensor y) =>
        Elements(y.Count, new Map2Body<AddMap>(Ptr<float>(a), Ptr<float>(b), Ptr<float>(y), default));

    /// <inheritdoc/>
    public void AddScaled(Tensor x, float scale, Tensor y) => Scale(x, scale, y, accumulate: true);

    /// <inheritdoc/>
    public void Scale(Tensor x, float scale, Tensor y, bool accumulate)
    {
        float* source = Ptr<float>(x), target = Ptr<float>(y);
        if (accumulate)
        {
            Elements(y.Count, new Map2Body<ScaleAddMap>(source, target, target, new ScaleAddMap(scale)));
        }
        else
        {
            Elements(y.Count, new Map1Body<ScaleMap>(source, target, new ScaleMap(scale)));
        }
    }

    /// <inheritdoc/>
    public void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
        int C = x.Shape.Last;
        Rows(x.Shape.Rows, C, new ScaleRowsBody(Ptr<float>(x), Ptr<float>(s), Ptr<float>(y), C, accumulate));
    }

    /// <inheritdoc/>
    public void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
        int C = x.Shape.Last;
        Rows(x.Shape.Rows, C, new ScaleColumnsBody(Ptr<float>(x), Ptr<float>(s), Ptr<float>(y), C, accumulate));
    }

    private readonly struct AddMap : IMap2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => a + b;
    }

    private readonly struct ScaleMap(float scale) : IMap1
    {
        private readonly Vector512<float> _scale = Vector512.Create(scale);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a) => a * _scale;
    }

    private readonly struct ScaleAddMap(float scale) : IMap2
    {
        private readonly Vector512<float> _scale = Vector512.Create(scale);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => (a * _scale) + b;
    }

    private readonly struct ScaleRowsBody(float* x, float* s, float* y, int C, bool accumulate) : IRangeBody
    {
        private readonly float* _x = x, _s = s, _y = y;
        private readonly int _c = C;
        private readonly bool _accumulate = accumulate;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _x + (i * _c), y = _y + (i * _c);
                if (_accumulate)
                {
                    new Map2Body<ScaleAddMap>(x, y, y, new ScaleAddMap(_s[i])).Run(0, _c);
                }
                else
                {
                    new Map1Body<ScaleMap>(x, y, new ScaleMap(_s[i])).Run(0, _c);
                }
            }
        }
    }

    private readonly struct MultiplyMap : IMap2
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b) => a * b;
    }

    private readonly struct MultiplyAddMap : IMap3
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c) => (a * b) + c;
    }

    private readonly struct ScaleColumnsBody(float* x, float* s, float* y, int C, bool accumulate) : IRangeBody
    {
        private readonly float* _x = x, _s = s, _y = y;
        private readonly int _c = C;
        private readonly bool _accumulate = accumulate;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _x + (i * _c), y = _y + (i * _c);
                if (_accumulate)
                {
                    new Map3Body<MultiplyAddMap>(x, _s, y, y, default).Run(0, _c);
                }
                else
                {
                    new Map2Body<MultiplyMap>(x, _s, y, default).Run(0, _c);
                }
            }
        }
    }
}
