using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Rounding of f32 to bf16: to nearest, ties to even; overflow gives infinity; a NaN stays a NaN (made quiet). Results are
/// f32 bit patterns whose lower 16 bits are zero, or (RoundBits) still hold the discarded bits.
/// </summary>
internal static class Bf16
{
    private const int QuietBit = 0x00400000;
    private const int UpperHalf = unchecked((int)0xffff0000);

    /// <summary>The nearest bf16 value, as f32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Round(float x)
    {
        int bits = BitConverter.SingleToInt32Bits(x);
        int rounded = float.IsNaN(x) ? bits | QuietBit : bits + 0x7fff + ((bits >>> 16) & 1);
        return BitConverter.Int32BitsToSingle(rounded & UpperHalf);
    }

    /// <inheritdoc cref="Round(float)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> x)
    {
        Vector128<int> bits = x.AsInt32();
        Vector128<int> rounded = bits + Vector128.Create(0x7fff) + (Vector128.ShiftRightLogical(bits, 16) & Vector128.Create(1));
        Vector128<int> quiet = bits | Vector128.Create(QuietBit);
        return (Vector128.ConditionalSelect(Vector128.Equals(x, x).AsInt32(), rounded, quiet) & Vector128.Create(UpperHalf)).AsSingle();
    }

    /// <inheritdoc cref="Round(float)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Round(Vector256<float> x)
    {
        Vector256<int> bits = x.AsInt32();
        Vector256<int> rounded = bits + Vector256.Create(0x7fff) + (Vector256.ShiftRightLogical(bits, 16) & Vector256.Create(1));
        Vector256<int> quiet = bits | Vector256.Create(QuietBit);
        return (Vector256.ConditionalSelect(Vector256.Equals(x, x).AsInt32(), rounded, quiet) & Vector256.Create(UpperHalf)).AsSingle();
    }

    /// <inheritdoc cref="Round(float)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Round(Vector512<float> x) => (RoundBits(x) & Vector512.Create(UpperHalf)).AsSingle();

    /// <summary>Bits whose upper half is the nearest bf16; the lower half is undefined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> RoundBits(Vector512<float> x)
    {
        Vector512<int> bits = x.AsInt32();
        Vector512<int> rounded = bits + Vector512.Create(0x7fff) + (Vector512.ShiftRightLogical(bits, 16) & Vector512.Create(1));
        return Vector512.ConditionalSelect(Vector512.Equals(x, x).AsInt32(), rounded, bits | Vector512.Create(QuietBit));
    }

    /// <summary>Sixteen pairs (low half from <paramref name="even"/>, high half from <paramref name="odd"/>), lane by lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Pair(Vector512<int> even, Vector512<int> odd) =>
        (Vector512.ShiftRightLogical(even, 16) | (odd & Vector512.Create(UpperHalf))).AsSingle();
}
