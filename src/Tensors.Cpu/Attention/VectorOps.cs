using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The f32 vector operations that the attention kernels need, so that each kernel is written once and compiled per width.
/// A row of a panel is always two vectors (see <see cref="KernelSet.Columns"/>).
/// </summary>
/// <typeparam name="V">The vector.</typeparam>
internal unsafe interface IVectorOps<V> where V : struct
{
    /// <summary>Lanes.</summary>
    static abstract int Lanes { get; }

    static abstract V Load(float* p);

    static abstract void Store(V x, float* p);

    static abstract V Create(float x);

    /// <summary>The lane numbers.</summary>
    static abstract V Iota { get; }

    static abstract V Add(V a, V b);

    static abstract V Subtract(V a, V b);

    static abstract V Multiply(V a, V b);

    /// <summary>The larger one; <paramref name="b"/> where either is NaN, so that the second argument's NaN survives.</summary>
    static abstract V Max(V a, V b);

    /// <summary><paramref name="yes"/> where a &lt; b, else <paramref name="no"/>.</summary>
    static abstract V SelectLess(V a, V b, V yes, V no);

    /// <summary>Whether all lanes are exactly 1.</summary>
    static abstract bool IsOne(V x);

    /// <summary>
    /// 2^x for x up to 127, relative error below 1e-7, exact at 0; results below the normal range may be zero (x below -126
    /// on the narrow paths, below -149 on AVX-512). NaN stays NaN.
    /// </summary>
    static abstract V Exp2(V x);

    /// <summary>Nearest bf16 values, as f32.</summary>
    static abstract V RoundToBf16(V x);

    /// <summary>Lane by lane a pair of bf16: <paramref name="even"/> in the low half.</summary>
    static abstract V PairBf16(V even, V odd);
}

/// <summary>
/// 2^r on [-0.5, 0.5] as 1 + r (C1 + r (C2 + ...)): a minimax fit of the relative error (2e-8 before rounding) with the
/// constant held at 1.
/// </summary>
internal static class Exp2Polynomial
{
    public const float C1 = 0.693147242f;
    public const float C2 = 0.240226522f;
    public const float C3 = 0.0555031039f;
    public const float C4 = 0.00961769279f;
    public const float C5 = 0.00134066434f;
    public const float C6 = 0.000155946778f;

    /// <summary>Arguments below give zero on every path.</summary>
    public const float Floor = -200;
}

/// <summary>AVX-512.</summary>
internal readonly unsafe struct Ops512 : IVectorOps<Vector512<float>>
{
    public static int Lanes => 16;

    public static Vector512<float> Iota
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* p) => Vector512.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> x, float* p) => x.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float x) => Vector512.Create(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Subtract(Vector512<float> a, Vector512<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Multiply(Vector512<float> a, Vector512<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) => Avx512F.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> SelectLess(Vector512<float> a, Vector512<float> b, Vector512<float> yes, Vector512<float> no) =>
        Vector512.ConditionalSelect(Vector512.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOne(Vector512<float> x) => Vector512.EqualsAll(x, Vector512<float>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp2(Vector512<float> x)
    {
        x = Avx512F.Max(Vector512.Create(Exp2Polynomial.Floor), x);
        Vector512<float> n = Avx512F.RoundScale(x, 0);
        Vector512<float> r = x - n;
        Vector512<float> p = Vector512.Create(Exp2Polynomial.C6);
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(Exp2Polynomial.C5));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(Exp2Polynomial.C4));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(Exp2Polynomial.C3));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(Exp2Polynomial.C2));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512.Create(Exp2Polynomial.C1));
        p = Avx512F.FusedMultiplyAdd(p, r, Vector512<float>.One);
        return Avx512F.Scale(p, n);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> RoundToBf16(Vector512<float> x) => Bf16.Round(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> PairBf16(Vector512<float> even, Vector512<float> odd) =>
        Bf16.Pair(Bf16.RoundBits(even), Bf16.RoundBits(odd));
}

/// <summary>AVX2 with FMA.</summary>
internal readonly unsafe struct Ops256 : IVectorOps<Vector256<float>>
{
    public static int Lanes => 8;

    public static Vector256<float> Iota
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector256.Create(0f, 1, 2, 3, 4, 5, 6, 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* p) => Vector256.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> x, float* p) => x.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float x) => Vector256.Create(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Subtract(Vector256<float> a, Vector256<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Multiply(Vector256<float> a, Vector256<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) => Avx.Max(a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> SelectLess(Vector256<float> a, Vector256<float> b, Vector256<float> yes, Vector256<float> no) =>
        Vector256.ConditionalSelect(Vector256.LessThan(a, b), yes, no);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOne(Vector256<float> x) => Vector256.EqualsAll(x, Vector256<float>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Exp2(Vector256<float> x)
    {
        Vector256<float> floor = Vector256.Create(-126f);
        Vector256<float> inside = Avx.Min(Vector256.Create(127f), Avx.Max(floor, x));
        Vector256<float> n = Avx.RoundToNearestInteger(inside);
        Vector256<float> r = inside - n;
        Vector256<float> p = Vector256.Create(Exp2Polynomial.C6);
        p = Fma.MultiplyAdd(p, r, Vector256.Create(Exp2Polynomial.C5));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(Exp2Polynomial.C4));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(Exp2Polynomial.C3));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(Exp2Polynomial.C2));
        p = Fma.MultiplyAdd(p, r, Vector256.Create(Exp2Polynomial.C1));
        p = Fma.MultiplyAdd(p, r, Vector256<float>.One);
        Vector256<int> power = (Avx.ConvertToVector256Int32(n) + Vector256.Create(127)) << 23;
        return SelectLess(x, floor, Vector256<float>.Zero, p * power.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> RoundToBf16(Vector256<float> x) => Bf16.Round(x);

    public static Vector256<float> PairBf16(Vector256<float> even, Vector256<float> odd) =>
        throw new NotSupportedException("pairs of bf16 exist on the AVX-512 path only");
}

/// <summary>128-bit vectors of any machine.</summary>
internal readonly unsafe struct Ops128 : IVectorOps<Vector128<float>>
{
    public static int Lanes => 4;

    public static Vector128<float> Iota => Vector128.Create(0f, 1, 2, 3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* p) => Vector128.Load(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> x, float* p) => x.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float x) => Vector128.Create(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Subtract(Vector128<float> a, Vector128<float> b) => a - b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Multiply(Vector128<float> a, Vector128<float> b) => a * b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) =>
        Vector128.ConditionalSelect(Vector128.GreaterThan(a, b), a, b);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> SelectLess(Vector128<float> a, Vector128<float> b, Vector128<float> yes, Vector128<float> no) =>
        Vector128.ConditionalSelect(Vector128.LessThan(a, b), yes, no);

    public static bool IsOne(Vector128<float> x) => Vector128.EqualsAll(x, Vector128<float>.One);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Exp2(Vector128<float> x)
    {
        Vector128<float> floor = Vector128.Create(-126f), top = Vector128.Create(127f);
        Vector128<float> inside = Max(floor, x);
        inside = Vector128.ConditionalSelect(Vector128.GreaterThan(inside, top), top, inside);
        Vector128<float> n = Vector128.Round(inside);
        Vector128<float> r = inside - n;
        Vector128<float> p = Vector128.Create(Exp2Polynomial.C6);
        p = (p * r) + Vector128.Create(Exp2Polynomial.C5);
        p = (p * r) + Vector128.Create(Exp2Polynomial.C4);
        p = (p * r) + Vector128.Create(Exp2Polynomial.C3);
        p = (p * r) + Vector128.Create(Exp2Polynomial.C2);
        p = (p * r) + Vector128.Create(Exp2Polynomial.C1);
        p = (p * r) + Vector128<float>.One;
        Vector128<int> power = (Vector128.ConvertToInt32(n) + Vector128.Create(127)) << 23;
        return SelectLess(x, floor, Vector128<float>.Zero, p * power.AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> RoundToBf16(Vector128<float> x)
    {
        Vector128<int> bits = x.AsInt32();
        Vector128<int> rounded = bits + Vector128.Create(0x7fff) + (Vector128.ShiftRightLogical(bits, 16) & Vector128.Create(1));
        Vector128<int> quiet = bits | Vector128.Create(0x00400000);
        Vector128<int> chosen = Vector128.ConditionalSelect(Vector128.Equals(x, x).AsInt32(), rounded, quiet);
        return (chosen & Vector128.Create(unchecked((int)0xffff0000))).AsSingle();
    }

    public static Vector128<float> PairBf16(Vector128<float> even, Vector128<float> odd) =>
        throw new NotSupportedException("pairs of bf16 exist on the AVX-512 path only");
}
