using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Sums along a row. Sixty-four running f32 sums per block of 2048 elements, blocks in double: a few additions per sum, so
/// the result is good to about 1e-7 of the sum of magnitudes, in an order fixed by the length.
/// </summary>
internal static unsafe class RowSums
{
    private const int Block = 2048;
    private const int Stride = 4 * Lanes.Width;

    private interface ITerm
    {
        static abstract Vector512<float> Whole(float* a, float* b, float* c, Vector512<float> shift);

        static abstract Vector512<float> Part(float* a, float* b, float* c, Vector512<float> shift, int count);
    }

    /// <summary>Sum of a.</summary>
    public static double Of(float* a, int n) => Sum<SingleTerm>(a, a, a, 0, n);

    /// <summary>Sum of a b.</summary>
    public static double Product(float* a, float* b, int n) => Sum<PairTerm>(a, b, b, 0, n);

    /// <summary>Sum of (a - centre) b c.</summary>
    public static double Product(float* a, float centre, float* b, float* c, int n) => Sum<TripleTerm>(a, b, c, centre, n);

    /// <summary>Sum of (a - centre)^2.</summary>
    public static double Squares(float* a, float centre, int n) => Sum<SquareTerm>(a, a, a, centre, n);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Sum<TTerm>(float* a, float* b, float* c, float centre, int n)
        where TTerm : struct, ITerm
    {
        Vector512<float> shift = Vector512.Create(centre);
        double total = 0;
        for (int start = 0; start < n; start += Block)
        {
            int end = Math.Min(n, start + Block), i = start;
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (; i <= end - Stride; i += Stride)
            {
                s0 += TTerm.Whole(a + i, b + i, c + i, shift);
                s1 += TTerm.Whole(a + i + 16, b + i + 16, c + i + 16, shift);
                s2 += TTerm.Whole(a + i + 32, b + i + 32, c + i + 32, shift);
                s3 += TTerm.Whole(a + i + 48, b + i + 48, c + i + 48, shift);
            }

            for (; i <= end - Lanes.Width; i += Lanes.Width)
            {
                s0 += TTerm.Whole(a + i, b + i, c + i, shift);
            }

            if (i < end)
            {
                s1 += TTerm.Part(a + i, b + i, c + i, shift, end - i);
            }

            total += Lanes.Sum(s0 + s1 + (s2 + s3));
        }

        return total;
    }

    private readonly struct SingleTerm : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Whole(float* a, float* b, float* c, Vector512<float> shift) => Vector512.Load(a);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Part(float* a, float* b, float* c, Vector512<float> shift, int count) => Lanes.LoadPart(a, count);
    }

    private readonly struct PairTerm : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Whole(float* a, float* b, float* c, Vector512<float> shift) => Vector512.Load(a) * Vector512.Load(b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Part(float* a, float* b, float* c, Vector512<float> shift, int count) =>
            Lanes.LoadPart(a, count) * Lanes.LoadPart(b, count);
    }

    private readonly struct TripleTerm : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Whole(float* a, float* b, float* c, Vector512<float> shift) =>
            (Vector512.Load(a) - shift) * Vector512.Load(b) * Vector512.Load(c);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Part(float* a, float* b, float* c, Vector512<float> shift, int count) =>
            (Lanes.LoadPart(a, count) - shift) * Lanes.LoadPart(b, count) * Lanes.LoadPart(c, count);
    }

    private readonly struct SquareTerm : ITerm
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Whole(float* a, float* b, float* c, Vector512<float> shift) => Square(Vector512.Load(a) - shift);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Part(float* a, float* b, float* c, Vector512<float> shift, int count) =>
            Lanes.KeepPart(Square(Lanes.LoadPart(a, count) - shift), count);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> Square(Vector512<float> x) => x * x;
    }
}
