using System.Numerics.Tensors;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate)
    {
        int C = x.Shape.Last, E = y.Shape.Last;
        Rows((int)(x.Count / C), count, new ColumnsBody(Ptr<float>(x) + xStart, C, Ptr<float>(y) + yStart, E) { Count = count, Accumulate = accumulate });
    }

    private readonly struct ColumnsBody(float* x, int C, float* y, int E) : IRangeBody
    {
        private readonly float* _x = x, _y = y;
        private readonly int _c = C, _e = E;

        public required int Count { get; init; }

        public required bool Accumulate { get; init; }

        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                var from = new ReadOnlySpan<float>(_x + (i * _c), Count);
                var to = new Span<float>(_y + (i * _e), Count);
                if (Accumulate)
                {
                    TensorPrimitives.Add(to, from, to);
                }
                else
                {
                    from.CopyTo(to);
                }
            }
        }
    }
}
