using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">A label outside [0, V); nothing has been written then.</exception>
    public void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits)
    {
        int N = logits.Shape.Rows, V = logits.Shape.Last;
        int* targets = Ptr<int>(labels);
        for (int i = 0; i < N; i++)
        {
            if ((uint)targets[i] >= (uint)V)
            {
                throw new InvalidDataException(string.Create(
                    CultureInfo.InvariantCulture, $"cross entropy: label {targets[i]} of row {i} is outside the vocabulary of {V}; do tokenizer and model belong together?"));
            }
        }

        Rows(N, V, new CrossEntropyBody(Ptr<float>(logits), targets, Ptr<float>(loss), PtrOrNull<float>(dLogits), V));
    }

    private readonly struct CrossEntropyBody(float* logits, int* labels, float* loss, float* dLogits, int V) : IRangeBody
    {
        // Exponentials are summed in f32 for so many elements, then in double.
        private const int Block = 1024;
        private readonly float* _logits = logits, _loss = loss, _dLogits = dLogits;
        private readonly int* _labels = labels;
        private readonly int _v = V;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                float* x = _logits + (i * _v);
                float* dX = _dLogits == null ? null : _dLogits + (i * _v);
                float max = Max(x), target = x[_labels[i]];
                double sum = SumExponentials(x, max, dX);
                _loss[i] = (float)(max - target + Math.Log(sum));
                if (dX != null)
                {
                    new Map1Body<ScaleMap>(dX, dX, new ScaleMap((float)(1 / sum))).Run(0, _v);
                    dX[_labels[i]] -= 1f;
                }
            }
        }

        /// <summary>The largest logit; a NaN may be missed, the sum of exponentials meets it again.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private float Max(float* x)
        {
            Vector512<float> m0 = Vector512.Create(float.NegativeInfinity), m1 = m0;
            int i = 0;
            for (; i <= _v - (2 * Lanes.Width); i += 2 * Lanes.Width)
            {
                m0 = Vector512.MaxNative(m0, Vector512.Load(x + i));
                m1 = Vector512.MaxNative(m1, Vector512.Load(x + i + Lanes.Width));
            }

            m0 = Vector512.MaxNative(m0, m1);
            float max = float.NegativeInfinity;
            for (int lane = 0; lane < Lanes.Width; lane++)
            {
                max = Math.Max(max, m0[lane]);
            }

            for (; i < _v; i++)
            {
                max = Math.Max(max, x[i]);
            }

            return max;
        }

        /// <summary>Sum of e^(x - max), whose terms are also written to <paramref name="y"/> where given.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private double SumExponentials(float* x, float max, float* y)
        {
            Vector512<float> shift = Vector512.Create(max);
            double sum = 0;
            for (int start = 0; start < _v; start += Block)
            {
                int end = Math.Min(_v, start + Block), i = start;
                Vector512<float> s = default;
                for (; i <= end - Lanes.Width; i += Lanes.Width)
                {
                    Vector512<float> e = VectorMath.Exp(Vector512.Load(x + i) - shift);
                    s += e;
                    if (y != null)
                    {
                        e.Store(y + i);
                    }
                }

                int rest = end - i;
                if (rest > 0)
                {
                    Vector512<float> e = Lanes.KeepPart(VectorMath.Exp(Lanes.LoadPart(x + i, rest) - shift), rest);
                    s += e;
                    if (y != null)
                    {
                        Lanes.StorePart(y + i, e, rest);
                    }
                }

                sum += Lanes.Sum(s);
            }

            return sum;
        }
    }
}
