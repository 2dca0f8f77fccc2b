using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Elementary functions of sixteen floats. Polynomials are minimax fits of our own; relative errors over all floats are below
/// 1.5e-7 for <see cref="Exp"/> and, where the result is a normal number, 3e-7 for the others. NaNs stay NaNs.
/// </summary>
internal static class VectorMath
{
    /// <summary>e^x; infinite above 88.73, zero below -103.98, subnormals in between are rounded once more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // x = n ln 2 + r with |r| <= ln 2 / 2; e^r = 1 + r + r^2 q(r). The limits come first so that a NaN in x survives.
        x = Vector512.MinNative(Vector512.Create(89f), x);
        x = Vector512.MaxNative(Vector512.Create(-105f), x);
        Vector512<float> magic = Vector512.Create(12582912f);
        Vector512<float> shifted = Lanes.Fma(x, Vector512.Create(1.44269504f), magic);
        Vector512<float> n = shifted - magic;
        Vector512<float> r = Lanes.Fma(n, Vector512.Create(-0.693359375f), x);
        r = Lanes.Fma(n, Vector512.Create(2.12194440e-4f), r);
        Vector512<float> q = Vector512.Create(0.001381446696508842f);
        q = Lanes.Fma(q, r, Vector512.Create(0.008368780413985304f));
        q = Lanes.Fma(q, r, Vector512.Create(0.04166839421353555f));
        q = Lanes.Fma(q, r, Vector512.Create(0.16666520107789795f));
        q = Lanes.Fma(q, r, Vector512.Create(0.49999993412483884f));
        Vector512<float> y = Lanes.Fma(r * r, q, r) + Vector512<float>.One;
        if (Avx512F.IsSupported)
        {
            return Avx512F.Scale(y, n);
        }

        // Two factors, because 2^n alone leaves the normal range at both ends.
        Vector512<int> k = shifted.AsInt32() - magic.AsInt32();
        Vector512<int> half = Vector512.ShiftRightArithmetic(k, 1);
        return y * PowerOfTwo(half) * PowerOfTwo(k - half);
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Vector512<float>.One / (Vector512<float>.One + Exp(-x));

    /// <summary>As <see cref="Sigmoid(Vector512{float})"/>; <paramref name="complement"/> receives 1 - s without cancellation (0 where s underflows to 0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x, out Vector512<float> complement)
    {
        Vector512<float> e = Exp(-x);
        Vector512<float> s = Vector512<float>.One / (Vector512<float>.One + e);
        complement = Vector512.MinNative(Vector512.Create(float.MaxValue), e) * s;
        return s;
    }

    /// <summary>The normal distribution function Phi(x); <paramref name="density"/> receives its derivative.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> NormalCdf(Vector512<float> x, out Vector512<float> density)
    {
        // Phi(-z sqrt 2) = erfc(z) / 2 = e^(-z^2) t q(t) / 2 with t = 1 / (1 + 0.4 z), z >= 0.
        // Beyond 20 both tails are zero in f32; the limits come first so that a NaN in x survives.
        x = Vector512.MaxNative(Vector512.Create(-20f), Vector512.MinNative(Vector512.Create(20f), x));
        Vector512<float> z = Vector512.Abs(x) * Vector512.Create(0.707106781f);
        Vector512<float> t = Vector512<float>.One / Lanes.Fma(z, Vector512.Create(0.4f), Vector512<float>.One);
        Vector512<float> q = Vector512.Create(-0.028083688151832504f);
        q = Lanes.Fma(q, t, Vector512.Create(0.1898375499453117f));
        q = Lanes.Fma(q, t, Vector512.Create(-0.47966360784940654f));
        q = Lanes.Fma(q, t, Vector512.Create(0.5220184964362565f));
        q = Lanes.Fma(q, t, Vector512.Create(-0.2633406822178781f));
        q = Lanes.Fma(q, t, Vector512.Create(0.2608504208505097f));
        q = Lanes.Fma(q, t, Vector512.Create(0.13352895380834648f));
        q = Lanes.Fma(q, t, Vector512.Create(0.2141010950383203f));
        q = Lanes.Fma(q, t, Vector512.Create(0.2250495234998996f));
        q = Lanes.Fma(q, t, Vector512.Create(0.22570194842239188f));
        Vector512<float> half = Vector512.Create(0.5f);

        // e^(-x^2 / 2) magnifies the rounding of x^2, so what was rounded away is put back.
        Vector512<float> square = x * x;
        Vector512<float> lost = Lanes.Fma(x, x, -square);
        Vector512<float> bell = Exp(square * -half);
        bell = Lanes.Fma(bell, lost * -half, bell);
        density = bell * Vector512.Create(0.398942280f);
        Vector512<float> tail = bell * t * q * half;
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), tail, Vector512<float>.One - tail);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> PowerOfTwo(Vector512<int> n) => Vector512.ShiftLeft(n + Vector512.Create(127), 23).AsSingle();
}
