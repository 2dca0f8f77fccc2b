using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <remarks>
/// Element j of row i is kept when <c>Rng.Uniform(word) &gt;= p</c>, where word is number <c>j % 4</c> of
/// <c>Rng.Philox(Rng.Key(keys[i], module), j / 4, 0)</c>. A kept element is multiplied by 1 / (1 - p). The decision depends on
/// the row's key, the module and the column alone: never on the row's place in a batch.
/// </remarks>
public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate)
    {
        int C = x.Shape.Last;
        var body = new DropoutBody(Ptr<float>(x), Ptr<ulong>(keys), Ptr<float>(y))
        {
            C = C,
            Module = module,
            P = p,
            Accumulate = accumulate,
        };
        Ranges(x.Shape.Rows, Math.Max(1, Grain / 4 / Math.Max(1, C)), body);
    }

    private readonly struct DropoutBody(float* x, ulong* keys, float* y) : IRangeBody
    {
        private readonly float* _x = x, _y = y;
        private readonly ulong* _keys = keys;

        public int C { get; init; }

        public ulong Module { get; init; }

        public float P { get; init; }

        public bool Accumulate { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            // A uniform number is a multiple of 2^-24, so u >= p is word >> 8 >= ceil(p 2^24).
            uint threshold = (uint)Math.Ceiling(P * (double)(1 << 24));
            float scale = P < 1 ? 1f / (1f - P) : 0f;
            uint* words = stackalloc uint[2 * Lanes.Width];
            for (long i = start; i < end; i++)
            {
                ulong key = Rng.Key(_keys[i], Module);
                float* x = _x + (i * C), y = _y + (i * C);
                for (int j = 0; j < C; j += 2 * Lanes.Width)
                {
                    VectorPhilox.Words(key, (ulong)j / 4, words);
                    Apply(x + j, y + j, words, C - j, threshold, scale);
                    if (C - j > Lanes.Width)
                    {
                        Apply(x + j + Lanes.Width, y + j + Lanes.Width, words + Lanes.Width, C - j - Lanes.Width, threshold, scale);
                    }
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private void Apply(float* x, float* y, uint* words, int count, uint threshold, float scale)
        {
            Vector512<uint> drawn = Vector512.ShiftRightLogical(Vector512.Load(words), 8);
            Vector512<float> kept = Vector512.GreaterThanOrEqual(drawn, Vector512.Create(threshold)).AsSingle();
            bool whole = count >= Lanes.Width;
            Vector512<float> value = (whole ? Vector512.Load(x) : Lanes.LoadPart(x, count)) * Vector512.Create(scale);
            // Selected, not multiplied: a dropped infinity or NaN is zero.
            value = Vector512.ConditionalSelect(kept, value, Vector512<float>.Zero);
            if (Accumulate)
            {
                value += whole ? Vector512.Load(y) : Lanes.LoadPart(y, count);
            }

            if (whole)
            {
                value.Store(y);
            }
            else
            {
                Lanes.StorePart(y, value, count);
            }
        }
    }
}
