using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Panel packing with AVX-512. A panel holds <c>width</c> rows of op(A) (or columns of op(B)): element (k, i) lies at
/// <c>dst[k * width + i]</c>; rows that don't exist are zero. See <see cref="KernelSet.Pack"/> for the arguments.
/// </summary>
internal static unsafe class Packing512
{
    // How many stored rows ahead AcrossK asks for: rows are too far apart for the hardware's prefetching.
    private const int RowsAhead = 12;

    /// <summary>Packs from a matrix stored with k contiguous.</summary>
    public static void AlongK<TSource>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TSource : IPackSource
    {
        nint panel = (kc + TSource.KPerElement - 1) / TSource.KPerElement * width;
        for (; rows > 0; row += width, rows -= width, dst += panel)
        {
            PanelAlongK<TSource>(m, row, Math.Min(rows, width), k0, kc, dst, width);
        }
    }

    /// <summary>Packs from a matrix stored with k as the row: pieces of it are copied, all panels in one pass over k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AcrossK<TSource>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TSource : IPackSource
    {
        nint panel = (kc + TSource.KPerElement - 1) / TSource.KPerElement * width;
        nint end = k0 + kc;
        for (nint k = k0; k < end; k += TSource.KPerElement, dst += width)
        {
            bool pair = k + 1 < end, last = k + TSource.KPerElement >= end;
            float* d = dst;
            int i = 0;
            for (; i + width <= rows; i += width, d += panel)
            {
                TSource.Prefetch(m, k + RowsAhead, row + i);
                if (width == 32)
                {
                    TSource.Prefetch(m, k + RowsAhead, row + i + 16);
                    TSource.Across16(m, k, row + i, pair).Store(d);
                    TSource.Across16(m, k, row + i + 16, pair).Store(d + 16);
                }
                else if (!last && i + 16 <= rows)
                {
                    // Width 12: the four values too many are overwritten by the next k.
                    TSource.Across16(m, k, row + i, pair).Store(d);
                }
                else
                {
                    // Width 12 where a sixteen-wide store would run into the next panel: two overlapping vectors.
                    TSource.Across8(m, k, row + i, pair).Store(d);
                    TSource.Across8(m, k, row + i + 4, pair).Store(d + 4);
                }
            }

            if (i < rows)
            {
                PartOfPanel<TSource>(m, k, pair, row + i, rows - i, d, width);
            }
        }
    }

    /// <summary>One k of a panel of which not all rows exist.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PartOfPanel<TSource>(in MatrixView m, nint k, bool pair, nint row, int rows, float* dst, int width)
        where TSource : IPackSource
    {
        int i = 0;
        if (rows >= 16)
        {
            TSource.Across16(m, k, row, pair).Store(dst);
            i = 16;
        }

        if (i + 8 <= rows)
        {
            TSource.Across8(m, k, row + i, pair).Store(dst + i);
            i += 8;
        }

        for (; i < width; i++)
        {
            dst[i] = i < rows ? TSource.Across1(m, k, row + i, pair) : 0;
        }
    }

    /// <summary>One panel; 4 rows x 16 elements are transposed at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PanelAlongK<TSource>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TSource : IPackSource
    {
        nint step = 16 * TSource.KPerElement;
        for (int at = 0; at < width; at += 4)
        {
            // Widths that are no multiple of 4 end with a group that overlaps the one before.
            int i = Math.Min(at, width - 4);
            float* d = dst + i;
            nint r = row + i;
            nint k = k0;
            nint end = k0 + kc;
            if (i + 4 <= rows)
            {
                for (; k + step <= end; k += step, d += 16 * width)
                {
                    // The next group's rows: their short pieces end before the hardware has noticed a stream.
                    TSource.Prefetch(m, r + 4, k);
                    TSource.Prefetch(m, r + 5, k);
                    TSource.Prefetch(m, r + 6, k);
                    TSource.Prefetch(m, r + 7, k);
                    Transpose(TSource.AlongK(m, r, k), TSource.AlongK(m, r + 1, k), TSource.AlongK(m, r + 2, k), TSource.AlongK(m, r + 3, k), d, width);
                }
            }
            else
            {
                for (; k + step <= end; k += step, d += 16 * width)
                {
                    Vector512<float> v0 = i < rows ? TSource.AlongK(m, r, k) : Vector512<float>.Zero;
                    Vector512<float> v1 = i + 1 < rows ? TSource.AlongK(m, r + 1, k) : Vector512<float>.Zero;
                    Vector512<float> v2 = i + 2 < rows ? TSource.AlongK(m, r + 2, k) : Vector512<float>.Zero;
                    Transpose(v0, v1, v2, Vector512<float>.Zero, d, width);
                }
            }

            if (k < end)
            {
                Tail<TSource>(m, r, rows - i, k, (int)(end - k), d, width);
            }
        }
    }

    /// <summary>The last, incomplete step along k of one group of four rows, of which <paramref name="rows"/> exist.</summary>
    private static void Tail<TSource>(in MatrixView m, nint row, int rows, nint k, int count, float* dst, int width)
        where TSource : IPackSource
    {
        Vector512<float> v0 = rows > 0 ? TSource.AlongKTail(m, row, k, count) : Vector512<float>.Zero;
        Vector512<float> v1 = rows > 1 ? TSource.AlongKTail(m, row + 1, k, count) : Vector512<float>.Zero;
        Vector512<float> v2 = rows > 2 ? TSource.AlongKTail(m, row + 2, k, count) : Vector512<float>.Zero;
        Vector512<float> v3 = rows > 3 ? TSource.AlongKTail(m, row + 3, k, count) : Vector512<float>.Zero;
        float* staged = stackalloc float[64];
        Transpose(v0, v1, v2, v3, staged, 4);
        int elements = (count + TSource.KPerElement - 1) / TSource.KPerElement;
        for (int e = 0; e < elements; e++)
        {
            Vector128.Load(staged + 4 * e).Store(dst + e * width);
        }
    }

    /// <summary>Writes four rows of 16 elements as 16 groups of four, <paramref name="width"/> apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3, float* dst, int width)
    {
        Vector512<double> lo01 = Avx512F.UnpackLow(v0, v1).AsDouble(), hi01 = Avx512F.UnpackHigh(v0, v1).AsDouble();
        Vector512<double> lo23 = Avx512F.UnpackLow(v2, v3).AsDouble(), hi23 = Avx512F.UnpackHigh(v2, v3).AsDouble();
        StoreLanes(Avx512F.UnpackLow(lo01, lo23), dst, 4 * width);
        StoreLanes(Avx512F.UnpackHigh(lo01, lo23), dst + width, 4 * width);
        StoreLanes(Avx512F.UnpackLow(hi01, hi23), dst + 2 * width, 4 * width);
        StoreLanes(Avx512F.UnpackHigh(hi01, hi23), dst + 3 * width, 4 * width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLanes(Vector512<double> v, float* dst, int stride)
    {
        Avx512F.ExtractVector128(v, 0).AsSingle().Store(dst);
        Avx512F.ExtractVector128(v, 1).AsSingle().Store(dst + stride);
        Avx512F.ExtractVector128(v, 2).AsSingle().Store(dst + 2 * stride);
        Avx512F.ExtractVector128(v, 3).AsSingle().Store(dst + 3 * stride);
    }
}
