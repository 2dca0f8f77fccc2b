using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>A non-linearity and its derivative, sixteen lanes at a time.</summary>
internal interface IFunction
{
    static abstract Vector512<float> Value(Vector512<float> x);

    static abstract void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope);
}

/// <summary>x s(x) with the logistic function s; slope s + x s (1 - s).</summary>
internal readonly struct SiluFunction : IFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => x * VectorMath.Sigmoid(x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope)
    {
        Vector512<float> s = VectorMath.Sigmoid(x, out Vector512<float> complement);
        value = x * s;
        slope = Lanes.Fma(value, complement, s);
    }
}

/// <summary>x s(1.702 x).</summary>
internal readonly struct QuickGeluFunction : IFunction
{
    private const float Factor = 1.702f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => x * VectorMath.Sigmoid(x * Factor);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope)
    {
        Vector512<float> s = VectorMath.Sigmoid(x * Factor, out Vector512<float> complement);
        value = x * s;
        slope = Lanes.Fma(value * Factor, complement, s);
    }
}

/// <summary>x Phi(x); slope Phi + x phi.</summary>
internal readonly struct GeluErfFunction : IFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => x * VectorMath.NormalCdf(x, out _);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope)
    {
        Vector512<float> cdf = VectorMath.NormalCdf(x, out Vector512<float> density);
        value = x * cdf;
        slope = Lanes.Fma(x, density, cdf);
    }
}

/// <summary>
/// 0.5 x (1 + tanh u) with u = sqrt(2 / pi) (x + 0.044715 x^3), computed as x s(2 u): the same function, without the
/// cancellation of 1 + tanh u for negative u.
/// </summary>
internal readonly struct GeluTanhFunction : IFunction
{
    private const float Linear = 1.5957691216f, Cubic = 0.0713548163f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) => x * VectorMath.Sigmoid(TwoU(x, x * x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope)
    {
        Vector512<float> square = x * x;
        Vector512<float> s = VectorMath.Sigmoid(TwoU(x, square), out Vector512<float> complement);
        Vector512<float> inner = Lanes.Fma(square, Vector512.Create(3 * Cubic), Vector512.Create(Linear));
        value = x * s;
        slope = Lanes.Fma(value * complement, inner, s);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> TwoU(Vector512<float> x, Vector512<float> square) =>
        x * Lanes.Fma(square, Vector512.Create(Cubic), Vector512.Create(Linear));
}

/// <summary>max(x, 0); slope 0 at 0. A NaN stays.</summary>
internal readonly struct ReluFunction : IFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Value(Vector512<float> x) =>
        Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512<float>.Zero, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope)
    {
        value = Value(x);
        slope = Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512<float>.Zero), Vector512<float>.One, Vector512<float>.Zero);
    }
}

/// <summary>tanh(x), lane by lane: models use it for single numbers.</summary>
internal readonly struct TanhFunction : IFunction
{
    public static Vector512<float> Value(Vector512<float> x)
    {
        Span<float> lanes = stackalloc float[Lanes.Width];
        x.CopyTo(lanes);
        for (int i = 0; i < lanes.Length; i++)
        {
            lanes[i] = MathF.Tanh(lanes[i]);
        }

        return Vector512.Create<float>(lanes);
    }

    public static void Both(Vector512<float> x, out Vector512<float> value, out Vector512<float> slope)
    {
        value = Value(x);
        slope = Vector512<float>.One - (value * value);
    }
}
