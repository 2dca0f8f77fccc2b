using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Packing of 12-wide panels from rows of f32 with AVX-512: what <see cref="KernelSet.Pack"/> does, in an order that touches
/// every line of the source once (rows of a head lie far apart, so that a second visit would miss the cache again), and with
/// whole-vector stores. A store writes four floats too many: they are overwritten by the next one, and a panel's last row
/// needs <see cref="Slack"/> floats behind it.
/// </summary>
internal static unsafe class RowPacking512
{
    /// <summary>Panel width.</summary>
    public const int Width = 12;

    /// <summary>Floats behind the last panel that may be overwritten.</summary>
    public const int Slack = 16;

    private const int Lanes = 16;

    /// <summary>Whether the kernels want panels of this kind and rows are long enough.</summary>
    public static bool Supports(KernelSet kernels, int width, int columns) =>
        kernels.Path is GemmPath.Avx512 or GemmPath.Avx512Bf16 && width == Width && columns >= Lanes;

    /// <summary>
    /// Panels of 12 columns each, contraction along the rows: element (row, column) of panel p at
    /// <c>p stride + 12 row + column - 12 p</c>, in pairs of rows where the format says so.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AcrossRows(in MatrixView rows, int count, int columns, PanelFormat format, float* panels, nint stride)
    {
        int step = format == PanelFormat.Pairs ? 2 : 1;
        for (int i = 0; i < count; i += step, panels += Width)
        {
            float* even = (float*)rows.Data + (i * rows.Stride);
            float* odd = i + 1 < count ? even + rows.Stride : null;
            float* to = panels;
            int c = 0;
            for (; c + Lanes <= columns; c += Width, to += stride)
            {
                Convert(Vector512.Load(even + c), odd == null ? Vector512<float>.Zero : Vector512.Load(odd + c), format).Store(to);
            }

            for (; c < columns; c += Width, to += stride)
            {
                Vector512<float> second = odd == null ? Vector512<float>.Zero : Tail(odd + c, columns - c);
                Convert(Tail(even + c, columns - c), second, format).Store(to);
            }
        }
    }

    /// <summary>Panels of 12 rows each, contraction along the columns, one behind the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AlongColumns(in MatrixView rows, int count, int columns, PanelFormat format, float* panels)
    {
        int step = format == PanelFormat.Pairs ? 2 * Lanes : Lanes;
        float* to = panels;
        for (int i = 0; i < count; i += Width)
        {
            float* row = (float*)rows.Data + (i * rows.Stride);
            int n = Math.Min(Width, count - i);
            for (int c = 0; c < columns; c += step)
            {
                int left = Math.Min(step, columns - c);
                if (n == Width && left == step)
                {
                    Transpose(row + c, rows.Stride, Width, step, format, to);
                    to += Lanes * Width;
                }
                else
                {
                    to = TransposePart(row + c, rows.Stride, n, left, format, to);
                }
            }
        }
    }

    /// <summary>Up to twelve rows of up to 16 elements as rows of twelve; returns the place behind them.</summary>
    private static float* TransposePart(float* row, nint stride, int rows, int columns, PanelFormat format, float* to)
    {
        float* staged = stackalloc float[(Lanes * Width) + Slack];
        Transpose(row, stride, rows, columns, format, staged);
        int floats = Width * (format == PanelFormat.Pairs ? (columns + 1) / 2 : columns);
        new ReadOnlySpan<float>(staged, floats).CopyTo(new Span<float>(to, floats));
        return to + floats;
    }

    /// <summary>Up to twelve rows of up to 16 elements, zeros otherwise, as 16 rows of twelve.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(float* row, nint stride, int rows, int columns, PanelFormat format, float* to)
    {
        Quad(row, stride, rows, columns, format, out Vector512<float> a0, out Vector512<float> a1, out Vector512<float> a2, out Vector512<float> a3);
        row += 4 * stride;
        Quad(row, stride, rows - 4, columns, format, out Vector512<float> b0, out Vector512<float> b1, out Vector512<float> b2, out Vector512<float> b3);
        row += 4 * stride;
        Quad(row, stride, rows - 8, columns, format, out Vector512<float> c0, out Vector512<float> c1, out Vector512<float> c2, out Vector512<float> c3);
        Vector512<float> low0 = Avx512F.Shuffle4x128(a0, b0, 0x44), low1 = Avx512F.Shuffle4x128(a1, b1, 0x44);
        Vector512<float> low2 = Avx512F.Shuffle4x128(a2, b2, 0x44), low3 = Avx512F.Shuffle4x128(a3, b3, 0x44);
        Vector512<float> high0 = Avx512F.Shuffle4x128(a0, b0, 0xEE), high1 = Avx512F.Shuffle4x128(a1, b1, 0xEE);
        Vector512<float> high2 = Avx512F.Shuffle4x128(a2, b2, 0xEE), high3 = Avx512F.Shuffle4x128(a3, b3, 0xEE);
        Avx512F.Shuffle4x128(low0, c0, 0x08).Store(to);
        Avx512F.Shuffle4x128(low1, c1, 0x08).Store(to + Width);
        Avx512F.Shuffle4x128(low2, c2, 0x08).Store(to + (2 * Width));
        Avx512F.Shuffle4x128(low3, c3, 0x08).Store(to + (3 * Width));
        Avx512F.Shuffle4x128(low0, c0, 0x1D).Store(to + (4 * Width));
        Avx512F.Shuffle4x128(low1, c1, 0x1D).Store(to + (5 * Width));
        Avx512F.Shuffle4x128(low2, c2, 0x1D).Store(to + (6 * Width));
        Avx512F.Shuffle4x128(low3, c3, 0x1D).Store(to + (7 * Width));
        Avx512F.Shuffle4x128(high0, c0, 0x28).Store(to + (8 * Width));
        Avx512F.Shuffle4x128(high1, c1, 0x28).Store(to + (9 * Width));
        Avx512F.Shuffle4x128(high2, c2, 0x28).Store(to + (10 * Width));
        Avx512F.Shuffle4x128(high3, c3, 0x28).Store(to + (11 * Width));
        Avx512F.Shuffle4x128(high0, c0, 0x3D).Store(to + (12 * Width));
        Avx512F.Shuffle4x128(high1, c1, 0x3D).Store(to + (13 * Width));
        Avx512F.Shuffle4x128(high2, c2, 0x3D).Store(to + (14 * Width));
        Avx512F.Shuffle4x128(high3, c3, 0x3D).Store(to + (15 * Width));
    }

    /// <summary>Four rows; vector c holds, per 128 bits b, the four rows' elements of column 4 b + c.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Quad(
        float* row, nint stride, int rows, int columns, PanelFormat format,
        out Vector512<float> x0, out Vector512<float> x1, out Vector512<float> x2, out Vector512<float> x3)
    {
        Vector512<float> r0 = Elements(row, rows > 0, columns, format), r1 = Elements(row + stride, rows > 1, columns, format);
        Vector512<float> r2 = Elements(row + (2 * stride), rows > 2, columns, format), r3 = Elements(row + (3 * stride), rows > 3, columns, format);
        Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        x0 = Avx512F.UnpackLow(low01, low23).AsSingle();
        x1 = Avx512F.UnpackHigh(low01, low23).AsSingle();
        x2 = Avx512F.UnpackLow(high01, high23).AsSingle();
        x3 = Avx512F.UnpackHigh(high01, high23).AsSingle();
    }

    /// <summary>Up to 16 panel elements of one row: 16 values, or 16 pairs of neighbours.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Elements(float* x, bool exists, int columns, PanelFormat format)
    {
        if (!exists)
        {
            return Vector512<float>.Zero;
        }

        if (format != PanelFormat.Pairs)
        {
            Vector512<float> values = columns >= Lanes ? Vector512.Load(x) : Tail(x, columns);
            return format == PanelFormat.Rounded ? Bf16.Round(values) : values;
        }

        Vector512<float> first = columns >= Lanes ? Vector512.Load(x) : Tail(x, columns);
        Vector512<float> second = columns >= 2 * Lanes ? Vector512.Load(x + Lanes) : columns > Lanes ? Tail(x + Lanes, columns - Lanes) : Vector512<float>.Zero;
        Vector512<ushort> upper = Vector512.Create(
            1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
            33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, (ushort)63);
        return Avx512BW.PermuteVar32x16x2(Bf16.RoundBits(first).AsUInt16(), upper, Bf16.RoundBits(second).AsUInt16()).AsSingle();
    }

    /// <summary>The last <paramref name="count"/> (less than 16) elements of a row of at least 16, zeros behind them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Tail(float* x, int count)
    {
        Vector512<int> lane = Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) + Vector512.Create(Lanes - count);
        Vector512<float> moved = Avx512F.PermuteVar16x32(Vector512.Load(x + count - Lanes), lane);
        return Vector512.ConditionalSelect(Vector512.LessThan(lane, Vector512.Create(Lanes)).AsSingle(), moved, Vector512<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Convert(Vector512<float> even, Vector512<float> odd, PanelFormat format) => format switch
    {
        PanelFormat.Pairs => Ops512.PairBf16(even, odd),
        PanelFormat.Rounded => Bf16.Round(even),
        _ => even,
    };
}
