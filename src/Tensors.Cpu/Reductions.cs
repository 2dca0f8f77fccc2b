using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
        float* a = Ptr<float>(x), b = PtrOrNull<float>(z), target = Ptr<float>(y);
        int N = x.Shape.Rows, C = x.Shape.Last;
        if (b == null)
        {
            Columns(N, C, a, a, target, accumulate, default(FirstTerm));
        }
        else
        {
            Columns(N, C, a, b, target, accumulate, default(ProductTerm));
        }
    }

    /// <inheritdoc/>
    public void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
        double sum = Total(Ptr<float>(x), z is null ? null : Ptr<float>(z), x.Count);
        float* target = Ptr<float>(y);
        *target = (float)(accumulate ? *target + sum : sum);
    }

    /// <inheritdoc/>
    public void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
        double squares = 0;
        foreach (Tensor tensor in tensors)
        {
            float* x = Ptr<float>(tensor);
            squares += Total(x, x, tensor.Count);
        }

        *Ptr<float>(norm) = (float)Math.Sqrt(squares);
    }

    /// <summary>Sum of x (times z) in double: partial sums of fixed chunks, added in order.</summary>
    private double Total(float* x, float* z, long n)
    {
        int chunks = (int)((n + Grain - 1) / Grain);
        double* partials = (double*)_partials.Take(chunks * (long)sizeof(double));
        Elements(n, new TotalBody(x, z, partials));
        double sum = 0;
        for (int i = 0; i < chunks; i++)
        {
            sum += partials[i];
        }

        return sum;
    }

    /// <summary>y[j] = sum over rows i of term(i, a[i, j], b[i, j]) (+ y[j]).</summary>
    private void Columns<TTerm>(int N, int C, float* a, float* b, float* y, bool accumulate, TTerm term)
        where TTerm : struct, IColumnTerm =>
        Ranges(C, ColumnsBody<TTerm>.Tile, new ColumnsBody<TTerm>(a, b, y, term) { N = N, C = C, Accumulate = accumulate });

    private readonly struct TotalBody(float* x, float* z, double* partials) : IRangeBody
    {
        private readonly float* _x = x, _z = z;
        private readonly double* _partials = partials;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            float* x = _x, z = _z;
            Vector512<double> low = default, high = default;
            long i = start;
            for (; i <= end - Lanes.Width; i += Lanes.Width)
            {
                Add(Vector512.Load(x + i), z == null ? Vector512<float>.One : Vector512.Load(z + i), ref low, ref high);
            }

            int rest = (int)(end - i);
            if (rest > 0)
            {
                Add(Lanes.LoadPart(x + i, rest), z == null ? Vector512<float>.One : Lanes.LoadPart(z + i, rest), ref low, ref high);
            }

            _partials[start / Grain] = Vector512.Sum(low + high);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add(Vector512<float> x, Vector512<float> z, ref Vector512<double> low, ref Vector512<double> high)
        {
            // The product of two floats is exact in double.
            (Vector512<double> xLow, Vector512<double> xHigh) = Vector512.Widen(x);
            (Vector512<double> zLow, Vector512<double> zHigh) = Vector512.Widen(z);
            low = Vector512.MultiplyAddEstimate(xLow, zLow, low);
            high = Vector512.MultiplyAddEstimate(xHigh, zHigh, high);
        }
    }

    /// <summary>What one element adds to the sum of its column.</summary>
    private interface IColumnTerm
    {
        Vector512<float> At(long row, Vector512<float> a, Vector512<float> b);
    }

    private readonly struct FirstTerm : IColumnTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> At(long row, Vector512<float> a, Vector512<float> b) => a;
    }

    private readonly struct ProductTerm : IColumnTerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> At(long row, Vector512<float> a, Vector512<float> b) => a * b;
    }

    /// <summary>
    /// Sums columns tile by tile: blocks of rows in f32, blocks in double. A tile's rows are read in order by one thread, so
    /// the order of additions is fixed and no partial sums need memory.
    /// </summary>
    private readonly struct ColumnsBody<TTerm>(float* a, float* b, float* y, TTerm term) : IRangeBody
        where TTerm : struct, IColumnTerm
    {
        public const int Tile = 4 * Lanes.Width;
        private const int Block = 32;
        private readonly float* _a = a, _b = b, _y = y;
        private readonly TTerm _term = term;

        public int N { get; init; }

        public int C { get; init; }

        public bool Accumulate { get; init; }

        public void Run(long start, long end)
        {
            if (end - start == Tile)
            {
                RunTile(start);
                return;
            }

            for (long j = start; j < end; j += Lanes.Width)
            {
                RunLanes(j, (int)Math.Min(Lanes.Width, end - j));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunTile(long column)
        {
            TTerm term = _term;
            double* sums = stackalloc double[Tile];
            new Span<double>(sums, Tile).Clear();
            for (long first = 0; first < N; first += Block)
            {
                long last = Math.Min(N, first + Block);
                Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
                float* a = _a + (first * C) + column, b = _b + (first * C) + column;
                for (long i = first; i < last; i++, a += C, b += C)
                {
                    s0 += term.At(i, Vector512.Load(a), Vector512.Load(b));
                    s1 += term.At(i, Vector512.Load(a + 16), Vector512.Load(b + 16));
                    s2 += term.At(i, Vector512.Load(a + 32), Vector512.Load(b + 32));
                    s3 += term.At(i, Vector512.Load(a + 48), Vector512.Load(b + 48));
                }

                AddTo(sums, s0);
                AddTo(sums + 16, s1);
                AddTo(sums + 32, s2);
                AddTo(sums + 48, s3);
            }

            Write(column, sums, Tile);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void RunLanes(long column, int count)
        {
            TTerm term = _term;
            double* sums = stackalloc double[Lanes.Width];
            new Span<double>(sums, Lanes.Width).Clear();
            for (long first = 0; first < N; first += Block)
            {
                long last = Math.Min(N, first + Block);
                Vector512<float> sum = default;
                float* a = _a + (first * C) + column, b = _b + (first * C) + column;
                for (long i = first; i < last; i++, a += C, b += C)
                {
                    sum += count == Lanes.Width
                        ? term.At(i, Vector512.Load(a), Vector512.Load(b))
                        : term.At(i, Lanes.LoadPart(a, count), Lanes.LoadPart(b, count));
                }

                AddTo(sums, sum);
            }

            Write(column, sums, count);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddTo(double* sums, Vector512<float> x)
        {
            (Vector512<double> low, Vector512<double> high) = Vector512.Widen(x);
            (Vector512.Load(sums) + low).Store(sums);
            (Vector512.Load(sums + 8) + high).Store(sums + 8);
        }

        private void Write(long column, double* sums, int count)
        {
            float* y = _y + column;
            for (int j = 0; j < count; j++)
            {
                y[j] = (float)(Accumulate ? y[j] + sums[j] : sums[j]);
            }
        }
    }
}
