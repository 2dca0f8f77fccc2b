using System.Runtime.CompilerServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>How a row of f32 values becomes part of a panel that <see cref="KernelSet.Tile"/> reads.</summary>
internal enum PanelFormat
{
    /// <summary>As it is.</summary>
    F32,

    /// <summary>Rounded to bf16, stored as f32.</summary>
    Rounded,

    /// <summary>Two rows as pairs of bf16.</summary>
    Pairs,
}

/// <summary>
/// The vector parts of attention between the matrix products. A panel is a run of rows of two vectors each. Sums are f32;
/// their order is fixed by the shape.
/// </summary>
internal static unsafe class PanelKernels<TOps, V>
    where TOps : struct, IVectorOps<V>
    where V : struct
{
    // Stands in for a maximum of -inf (no key so far): -inf minus it is still -inf, not NaN.
    private const float LowestMaximum = -1e30f;

    private static int Columns => 2 * TOps.Lanes;

    /// <summary>
    /// One step of the online softmax over <paramref name="n"/> more keys. Scores (base 2) lie in <paramref name="s"/>, one
    /// row per key, one column per query; they become the panel of exponentials. Updates the columns' maximum and sum and
    /// rescales the <paramref name="outRows"/> rows of results so far.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* s, int n, PanelFormat format, float* maximum, float* sum, float* result, int outRows)
    {
        int C = Columns, W = TOps.Lanes;
        V old0 = TOps.Load(maximum), old1 = TOps.Load(maximum + W);
        V a0 = old0, a1 = old1, b0 = old0, b1 = old1;
        float* row = s;
        int j = 0;
        for (; j + 2 <= n; j += 2, row += 2 * C)
        {
            a0 = TOps.Max(a0, TOps.Load(row));
            a1 = TOps.Max(a1, TOps.Load(row + W));
            b0 = TOps.Max(b0, TOps.Load(row + C));
            b1 = TOps.Max(b1, TOps.Load(row + C + W));
        }

        if (j < n)
        {
            a0 = TOps.Max(a0, TOps.Load(row));
            a1 = TOps.Max(a1, TOps.Load(row + W));
        }

        a0 = TOps.Max(a0, b0);
        a1 = TOps.Max(a1, b1);
        TOps.Store(a0, maximum);
        TOps.Store(a1, maximum + W);
        V lowest = TOps.Create(LowestMaximum);
        a0 = TOps.Max(lowest, a0);
        a1 = TOps.Max(lowest, a1);
        V shrink0 = TOps.Exp2(TOps.Subtract(old0, a0)), shrink1 = TOps.Exp2(TOps.Subtract(old1, a1));
        if (outRows > 0 && !(TOps.IsOne(shrink0) && TOps.IsOne(shrink1)))
        {
            Scale(result, outRows, shrink0, shrink1);
        }

        V sum0 = TOps.Multiply(TOps.Load(sum), shrink0), sum1 = TOps.Multiply(TOps.Load(sum + W), shrink1);
        Exponentials(s, n, format, a0, a1, ref sum0, ref sum1);
        TOps.Store(sum0, sum);
        TOps.Store(sum1, sum + W);
    }

    /// <summary>Hides scores: row j (key <paramref name="firstKey"/> + j) is set to -inf in the columns whose limit is not above it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Hide(float* s, int from, int to, int firstKey, float* limits)
    {
        int C = Columns, W = TOps.Lanes;
        V limit0 = TOps.Load(limits), limit1 = TOps.Load(limits + W), hidden = TOps.Create(float.NegativeInfinity);
        for (int j = from; j < to; j++)
        {
            V key = TOps.Create(firstKey + j);
            float* row = s + ((nint)j * C);
            TOps.Store(TOps.SelectLess(key, limit0, TOps.Load(row), hidden), row);
            TOps.Store(TOps.SelectLess(key, limit1, TOps.Load(row + W), hidden), row + W);
        }
    }

    /// <summary>Hides scores: row j below <paramref name="to"/> (key <paramref name="firstKey"/> + j) is set to -inf in the columns that start behind it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void HideBefore(float* s, int to, int firstKey, float* starts)
    {
        int C = Columns, W = TOps.Lanes;
        V start0 = TOps.Load(starts), start1 = TOps.Load(starts + W), hidden = TOps.Create(float.NegativeInfinity);
        for (int j = 0; j < to; j++)
        {
            V key = TOps.Create(firstKey + j);
            float* row = s + ((nint)j * C);
            TOps.Store(TOps.SelectLess(key, start0, hidden, TOps.Load(row)), row);
            TOps.Store(TOps.SelectLess(key, start1, hidden, TOps.Load(row + W)), row + W);
        }
    }

    /// <summary>Multiplies column c of <paramref name="rows"/> rows by factors[c].</summary>
    public static void ScaleColumns(float* x, int rows, float* factors) =>
        Scale(x, rows, TOps.Load(factors), TOps.Load(factors + TOps.Lanes));

    /// <summary>
    /// The element-wise part of the backward pass for some queries and a panel's keys: from scores s (base 2)
    /// and dP, p = 2^(s - lse) and dS = p (dP - delta), both written as panels; dS also over dP, for packing the other way.
    /// A key at or behind its row's limit, or before its start, gets zero.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Gradients(in GradientPanel x)
    {
        int C = Columns, W = TOps.Lanes;
        V key0 = TOps.Iota, key1 = TOps.Add(key0, TOps.Create(W));
        bool pairs = x.Format == PanelFormat.Pairs;
        int step = pairs ? 2 : 1;
        for (int q = 0; q < x.Rows; q += step)
        {
            nint at = (nint)q * C;
            Row(x, q, x.S + at, x.DP + at, key0, out V p0, out V d0);
            Row(x, q, x.S + at + W, x.DP + at + W, key1, out V p1, out V d1);
            if (pairs)
            {
                nint next = at + C, to = at / 2;
                Row(x, q + 1, x.S + next, x.DP + next, key0, out V p2, out V d2);
                Row(x, q + 1, x.S + next + W, x.DP + next + W, key1, out V p3, out V d3);
                TOps.Store(TOps.PairBf16(p0, p2), x.P + to);
                TOps.Store(TOps.PairBf16(p1, p3), x.P + to + W);
                TOps.Store(TOps.PairBf16(d0, d2), x.DS + to);
                TOps.Store(TOps.PairBf16(d1, d3), x.DS + to + W);
            }
            else
            {
                bool round = x.Format == PanelFormat.Rounded;
                TOps.Store(round ? TOps.RoundToBf16(p0) : p0, x.P + at);
                TOps.Store(round ? TOps.RoundToBf16(p1) : p1, x.P + at + W);
                TOps.Store(round ? TOps.RoundToBf16(d0) : d0, x.DS + at);
                TOps.Store(round ? TOps.RoundToBf16(d1) : d1, x.DS + at + W);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(in GradientPanel x, int q, float* s, float* dp, V key, out V p, out V d)
    {
        p = TOps.Exp2(TOps.Subtract(TOps.Load(s), TOps.Create(x.Lse[q])));
        float limit = x.Limits[q] - x.FirstKey;
        if (limit < Columns)
        {
            p = TOps.SelectLess(key, TOps.Create(limit), p, TOps.Create(0));
        }

        if (x.Starts != null && x.Starts[q] > x.FirstKey)
        {
            p = TOps.SelectLess(key, TOps.Create(x.Starts[q] - x.FirstKey), TOps.Create(0), p);
        }

        d = TOps.Multiply(p, TOps.Subtract(TOps.Load(dp), TOps.Create(x.Delta[q])));
        TOps.Store(d, dp);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Exponentials(float* s, int n, PanelFormat format, V max0, V max1, ref V sum0, ref V sum1)
    {
        int C = Columns, W = TOps.Lanes;
        V odd0 = TOps.Create(0), odd1 = odd0, even0 = sum0, even1 = sum1;
        float* row = s;
        float* to = s;
        int j = 0;
        for (; j + 2 <= n; j += 2, row += 2 * C)
        {
            V p0 = TOps.Exp2(TOps.Subtract(TOps.Load(row), max0)), p1 = TOps.Exp2(TOps.Subtract(TOps.Load(row + W), max1));
            V p2 = TOps.Exp2(TOps.Subtract(TOps.Load(row + C), max0)), p3 = TOps.Exp2(TOps.Subtract(TOps.Load(row + C + W), max1));
            even0 = TOps.Add(even0, p0);
            even1 = TOps.Add(even1, p1);
            odd0 = TOps.Add(odd0, p2);
            odd1 = TOps.Add(odd1, p3);
            to = Put(to, format, p0, p1, p2, p3, true);
        }

        if (j < n)
        {
            V p0 = TOps.Exp2(TOps.Subtract(TOps.Load(row), max0)), p1 = TOps.Exp2(TOps.Subtract(TOps.Load(row + W), max1));
            even0 = TOps.Add(even0, p0);
            even1 = TOps.Add(even1, p1);
            Put(to, format, p0, p1, TOps.Create(0), TOps.Create(0), false);
        }

        sum0 = TOps.Add(even0, odd0);
        sum1 = TOps.Add(even1, odd1);
    }

    /// <summary>Writes two rows (or the last one) in the panel's format; returns where the next ones go.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float* Put(float* to, PanelFormat format, V p0, V p1, V p2, V p3, bool two)
    {
        int C = Columns, W = TOps.Lanes;
        if (format == PanelFormat.Pairs)
        {
            TOps.Store(TOps.PairBf16(p0, p2), to);
            TOps.Store(TOps.PairBf16(p1, p3), to + W);
            return to + C;
        }

        bool round = format == PanelFormat.Rounded;
        TOps.Store(round ? TOps.RoundToBf16(p0) : p0, to);
        TOps.Store(round ? TOps.RoundToBf16(p1) : p1, to + W);
        if (two)
        {
            TOps.Store(round ? TOps.RoundToBf16(p2) : p2, to + C);
            TOps.Store(round ? TOps.RoundToBf16(p3) : p3, to + C + W);
        }

        return to + (2 * C);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scale(float* x, int rows, V f0, V f1)
    {
        int C = Columns, W = TOps.Lanes;
        for (int i = 0; i < rows; i++, x += C)
        {
            TOps.Store(TOps.Multiply(TOps.Load(x), f0), x);
            TOps.Store(TOps.Multiply(TOps.Load(x + W), f1), x + W);
        }
    }
}

/// <summary>Operands of <see cref="PanelKernels{TOps,V}.Gradients"/>.</summary>
internal unsafe struct GradientPanel
{
    /// <summary>Scores [Rows, columns].</summary>
    public float* S;

    /// <summary>dP [Rows, columns]; receives dS.</summary>
    public float* DP;

    /// <summary>Panel of exponentials.</summary>
    public float* P;

    /// <summary>Panel of dS.</summary>
    public float* DS;

    /// <summary>Per row: log2 of the sum of exponentials, +inf for rows without visible keys.</summary>
    public float* Lse;

    /// <summary>Per row: sum of dOut Out.</summary>
    public float* Delta;

    /// <summary>Per row: number of visible keys.</summary>
    public float* Limits;

    /// <summary>Per row: the first visible key; null without a window.</summary>
    public float* Starts;

    /// <summary>Number of the panel's first key.</summary>
    public int FirstKey;

    /// <summary>Rows, even.</summary>
    public int Rows;

    /// <summary>Format of the panels.</summary>
    public PanelFormat Format;
}
