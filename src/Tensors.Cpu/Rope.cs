using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse)
    {
        int N = x.Shape[0], H = x.Shape[1], D = x.Shape[2];
        var body = new RopeBody(Ptr<float>(x), Ptr<float>(cos), Ptr<float>(sin), Ptr<float>(y))
        {
            H = H,
            Half = D / 2,
            Interleaved = pairing == RopePairing.Interleaved,
            Sign = inverse ? -1f : 1f,
        };
        Rows(N, (long)H * D, body);
    }

    private readonly struct RopeBody(float* x, float* cos, float* sin, float* y) : IRangeBody
    {
        private readonly float* _x = x, _cos = cos, _sin = sin, _y = y;

        public int H { get; init; }

        public int Half { get; init; }

        public bool Interleaved { get; init; }

        public float Sign { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* cos = _cos + (i * Half), sin = _sin + (i * Half);
                for (long h = i * H; h < (i + 1) * H; h++)
                {
                    float* x = _x + (2 * h * Half), y = _y + (2 * h * Half);
                    if (Interleaved)
                    {
                        RotatePairs(x, cos, sin, y);
                    }
                    else
                    {
                        RotateHalves(x, cos, sin, y);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RotateHalves(float* x, float* cos, float* sin, float* y)
        {
            Vector512<float> sign = Vector512.Create(Sign);
            int half = Half, j = 0;
            for (; j <= half - Lanes.Width; j += Lanes.Width)
            {
                Vector512<float> a = Vector512.Load(x + j), b = Vector512.Load(x + half + j);
                Vector512<float> c = Vector512.Load(cos + j), s = Vector512.Load(sin + j) * sign;
                ((a * c) - (b * s)).Store(y + j);
                ((b * c) + (a * s)).Store(y + half + j);
            }

            int rest = half - j;
            if (rest > 0)
            {
                Vector512<float> a = Lanes.LoadPart(x + j, rest), b = Lanes.LoadPart(x + half + j, rest);
                Vector512<float> c = Lanes.LoadPart(cos + j, rest), s = Lanes.LoadPart(sin + j, rest) * sign;
                Lanes.StorePart(y + j, (a * c) - (b * s), rest);
                Lanes.StorePart(y + half + j, (b * c) + (a * s), rest);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RotatePairs(float* x, float* cos, float* sin, float* y)
        {
            float sign = Sign;
            int j = 0;
            if (Vector512.IsHardwareAccelerated)
            {
                // Eight pairs at a time: x c + (x with its pairs swapped) s, where s is negative for the first of a pair.
                Vector512<int> twice = Vector512.ShiftRightLogical(Vector512<int>.Indices, 1), swapped = Vector512<int>.Indices ^ Vector512<int>.One;
                Vector512<float> signs = Vector512.Create(Vector128.Create(-sign, sign, -sign, sign).AsDouble()[0]).AsSingle();
                for (; j <= Half - (Lanes.Width / 2); j += Lanes.Width / 2)
                {
                    Vector512<float> v = Vector512.Load(x + (2 * j));
                    Vector512<float> c = Vector512.Shuffle(Vector256.Load(cos + j).ToVector512Unsafe(), twice);
                    Vector512<float> s = Vector512.Shuffle(Vector256.Load(sin + j).ToVector512Unsafe(), twice) * signs;
                    ((v * c) + (Vector512.Shuffle(v, swapped) * s)).Store(y + (2 * j));
                }
            }

            for (; j < Half; j++)
            {
                float a = x[2 * j], b = x[(2 * j) + 1], c = cos[j], s = sin[j] * sign;
                y[2 * j] = (a * c) - (b * s);
                y[(2 * j) + 1] = (b * c) + (a * s);
            }
        }
    }
}
