using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary><see cref="Rng.Philox"/> for eight consecutive counters at a time, the same bits.</summary>
internal static unsafe class VectorPhilox
{
    private const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    /// <summary>The 32 words of counters <paramref name="counter"/> to counter + 7, four per counter in order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Words(ulong key, ulong counter, uint* words)
    {
        // One 64-bit lane per counter. Upper halves of lanes hold rubbish in between: the multiplication ignores them.
        Vector512<ulong> c0 = Vector512.Create(counter) + Vector512<ulong>.Indices;
        Vector512<ulong> c1 = Vector512.ShiftRightLogical(c0, 32), c2 = default, c3 = default;
        Vector512<ulong> m0 = Vector512.Create((ulong)M0), m1 = Vector512.Create((ulong)M1);
        Vector512<ulong> k0 = Vector512.Create(key), k1 = Vector512.Create(key >> 32);
        Vector512<ulong> w0 = Vector512.Create((ulong)W0), w1 = Vector512.Create((ulong)W1);
        for (int round = 0; round < 10; round++)
        {
            Vector512<ulong> p0 = Multiply(m0, c0), p1 = Multiply(m1, c2);
            c0 = Vector512.ShiftRightLogical(p1, 32) ^ c1 ^ k0;
            c2 = Vector512.ShiftRightLogical(p0, 32) ^ c3 ^ k1;
            c1 = p1;
            c3 = p0;
            k0 += w0;
            k1 += w1;
        }

        Vector512<ulong> low = Vector512.Create(0xFFFFFFFFul);
        Vector512<ulong> first = (c0 & low) | Vector512.ShiftLeft(c1, 32), second = (c2 & low) | Vector512.ShiftLeft(c3, 32);
        ulong* pairs = (ulong*)words;
        if (Avx512F.IsSupported)
        {
            Avx512F.PermuteVar8x64x2(first, Vector512.Create(0ul, 8, 1, 9, 2, 10, 3, 11), second).Store(pairs);
            Avx512F.PermuteVar8x64x2(first, Vector512.Create(4ul, 12, 5, 13, 6, 14, 7, 15), second).Store(pairs + 8);
            return;
        }

        for (int i = 0; i < 8; i++)
        {
            pairs[2 * i] = first[i];
            pairs[(2 * i) + 1] = second[i];
        }
    }

    /// <summary>64-bit products of the lower halves of the lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Multiply(Vector512<ulong> a, Vector512<ulong> b)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Multiply(a.AsUInt32(), b.AsUInt32());
        }

        if (Avx2.IsSupported)
        {
            return Vector512.Create(
                Avx2.Multiply(a.GetLower().AsUInt32(), b.GetLower().AsUInt32()),
                Avx2.Multiply(a.GetUpper().AsUInt32(), b.GetUpper().AsUInt32()));
        }

        Vector512<ulong> low = Vector512.Create(0xFFFFFFFFul);
        return (a & low) * (b & low);
    }
}
