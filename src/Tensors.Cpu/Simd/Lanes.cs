using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>Sixteen floats at a time: loads, stores and conversions between the float types, whole and partial.</summary>
internal static unsafe class Lanes
{
    /// <summary>Floats per vector.</summary>
    public const int Width = 16;

    /// <summary>The first <paramref name="count"/> (0 to 15) lanes from memory, the others zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadPart(float* p, int count) =>
        Avx512F.IsSupported ? Avx512F.MaskLoad(p, Mask(count), Vector512<float>.Zero) : LoadPartPortable(p, count);

    /// <summary>Stores the first <paramref name="count"/> (0 to 15) lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(float* p, Vector512<float> x, int count)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.MaskStore(p, Mask(count), x);
        }
        else
        {
            StorePartPortable(p, x, count);
        }
    }

    /// <summary>Zero in the lanes from <paramref name="count"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> KeepPart(Vector512<float> x, int count) => x & Mask(count);

    /// <summary>a b + c, in one rounding where the processor can.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Fma(Vector512<float> a, Vector512<float> b, Vector512<float> c) => Vector512.MultiplyAddEstimate(a, b, c);

    /// <summary>Sum of all lanes, lane by lane in double.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sum(Vector512<float> x)
    {
        (Vector512<double> low, Vector512<double> high) = Vector512.Widen(x);
        return Vector512.Sum(low + high);
    }

    /// <summary>Sixteen bf16 as f32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBF16(ushort* p) => Vector512.ShiftLeft(Widen(p), 16).AsSingle();

    /// <summary>Sixteen halves as f32, exact for subnormals, infinities and NaNs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadF16(ushort* p)
    {
        Vector512<uint> bits = Widen(p);
        Vector512<uint> sign = Vector512.ShiftLeft(bits & Vector512.Create(0x8000u), 16);
        Vector512<uint> magnitude = Vector512.ShiftLeft(bits & Vector512.Create(0x7FFFu), 13);
        // Multiplying by 2^112 moves the exponent's bias from 15 to 127 and normalises subnormals.
        Vector512<uint> finite = (magnitude.AsSingle() * Vector512.Create(5.192296858534828e33f)).AsUInt32();
        Vector512<uint> special = magnitude | Vector512.Create(0x7F800000u);
        Vector512<uint> isSpecial = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(0x0F800000u));
        return (sign | Vector512.ConditionalSelect(isSpecial, special, finite)).AsSingle();
    }

    /// <summary>Stores sixteen f32 as bf16, rounded to nearest even; NaNs stay NaNs.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreBF16(ushort* p, Vector512<float> x)
    {
        Vector512<uint> bits = x.AsUInt32();
        Vector512<uint> odd = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + odd;
        Vector512<uint> quiet = bits | Vector512.Create(0x00400000u);
        Narrow(p, Vector512.ShiftRightLogical(Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), rounded, quiet), 16));
    }

    /// <summary>Stores one f32 as bf16, rounded as <see cref="StoreBF16"/> does.</summary>
    public static void StoreBF16One(ushort* p, float x)
    {
        ushort* buffer = stackalloc ushort[Width];
        StoreBF16(buffer, Vector512.Create(x));
        *p = *buffer;
    }

    /// <summary>Stores sixteen f32 as halves, rounded to nearest even; too large becomes infinite.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreF16(ushort* p, Vector512<float> x)
    {
        Vector512<uint> bits = x.AsUInt32();
        Vector512<uint> sign = Vector512.ShiftRightLogical(bits & Vector512.Create(0x80000000u), 16);
        Vector512<uint> magnitude = bits & Vector512.Create(0x7FFFFFFFu);

        // Normal halves: round the 13 bits away, then move the bias; a carry into the exponent is right, up to infinity.
        Vector512<uint> odd = Vector512.ShiftRightLogical(magnitude, 13) & Vector512<uint>.One;
        Vector512<uint> normal = Vector512.ShiftRightLogical(magnitude + Vector512.Create(0x0FFFu) + odd - Vector512.Create(112u << 23), 13);

        // Subnormal halves: adding 1/2 leaves the value in units of 2^-24 in the low bits, rounded to nearest even by the addition.
        Vector512<uint> subnormal = (magnitude.AsSingle() + Vector512.Create(0.5f)).AsUInt32() - Vector512.Create(0x3F000000u);
        Vector512<uint> y = Vector512.ConditionalSelect(Vector512.LessThan(magnitude, Vector512.Create(113u << 23)), subnormal, normal);
        y = Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(0x477FF000u)), Vector512.Create(0x7C00u), y);
        Vector512<uint> nan = Vector512.Create(0x7E00u) | (Vector512.ShiftRightLogical(magnitude, 13) & Vector512.Create(0x1FFu));
        y = Vector512.ConditionalSelect(Vector512.GreaterThan(magnitude, Vector512.Create(0x7F800000u)), nan, y);
        Narrow(p, sign | y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mask(int count) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(ushort* p)
    {
        (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load(p));
        return Vector512.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Narrow(ushort* p, Vector512<uint> x) => Vector256.Narrow(x.GetLower(), x.GetUpper()).Store(p);

    private static Vector512<float> LoadPartPortable(float* p, int count)
    {
        Vector512<float> x = default;
        Unsafe.CopyBlockUnaligned(&x, p, (uint)count * sizeof(float));
        return x;
    }

    private static void StorePartPortable(float* p, Vector512<float> x, int count) => Unsafe.CopyBlockUnaligned(p, &x, (uint)count * sizeof(float));
}
