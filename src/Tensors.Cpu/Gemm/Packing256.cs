using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>Panel packing with AVX2, f32 elements; same layout and arguments as <see cref="Packing512"/>.</summary>
internal static unsafe class Packing256
{
    /// <summary>Packs from a matrix stored with k contiguous.</summary>
    public static void AlongK<TLoader>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TLoader : IElementLoader
    {
        for (; rows > 0; row += width, rows -= width, dst += kc * width)
        {
            PanelAlongK<TLoader>(m, row, Math.Min(rows, width), k0, kc, dst, width);
        }
    }

    /// <summary>Packs from a matrix stored with k as the row: pieces of it are copied, all panels in one pass over k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AcrossK<TLoader>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TLoader : IElementLoader
    {
        for (nint k = k0; k < k0 + kc; k++, dst += width)
        {
            float* d = dst;
            for (int i = 0; i < rows; i += width, d += kc * width)
            {
                PieceOfRow<TLoader>(m, k, row + i, Math.Min(width, rows - i), d, width);
            }
        }
    }

    /// <summary>One k of one panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void PieceOfRow<TLoader>(in MatrixView m, nint k, nint row, int rows, float* dst, int width)
        where TLoader : IElementLoader
    {
        int i = 0;
        for (; i + 8 <= rows; i += 8)
        {
            TLoader.Load8(m, k, row + i).Store(dst + i);
        }

        if (rows == 6)
        {
            // A whole narrow panel, as two overlapping vectors.
            TLoader.Load4(m, k, row).Store(dst);
            TLoader.Load4(m, k, row + 2).Store(dst + 2);
            return;
        }

        for (; i < width; i++)
        {
            dst[i] = i < rows ? TLoader.Load1(m, k, row + i) : 0;
        }
    }

    /// <summary>One panel; 4 rows x 8 elements are transposed at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PanelAlongK<TLoader>(in MatrixView m, nint row, int rows, nint k0, nint kc, float* dst, int width)
        where TLoader : IElementLoader
    {
        for (int at = 0; at < width; at += 4)
        {
            int i = Math.Min(at, width - 4);
            float* d = dst + i;
            nint r = row + i;
            nint k = 0;
            for (; k + 8 <= kc; k += 8, d += 8 * width)
            {
                Vector256<float> v0 = i < rows ? TLoader.Load8(m, r, k0 + k) : Vector256<float>.Zero;
                Vector256<float> v1 = i + 1 < rows ? TLoader.Load8(m, r + 1, k0 + k) : Vector256<float>.Zero;
                Vector256<float> v2 = i + 2 < rows ? TLoader.Load8(m, r + 2, k0 + k) : Vector256<float>.Zero;
                Vector256<float> v3 = i + 3 < rows ? TLoader.Load8(m, r + 3, k0 + k) : Vector256<float>.Zero;
                Transpose(v0, v1, v2, v3, d, width);
            }

            for (; k < kc; k++, d += width)
            {
                for (int j = 0; j < 4; j++)
                {
                    d[j] = i + j < rows ? TLoader.Load1(m, r + j, k0 + k) : 0;
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Transpose(Vector256<float> v0, Vector256<float> v1, Vector256<float> v2, Vector256<float> v3, float* dst, int width)
    {
        Vector256<double> lo01 = Avx.UnpackLow(v0, v1).AsDouble(), hi01 = Avx.UnpackHigh(v0, v1).AsDouble();
        Vector256<double> lo23 = Avx.UnpackLow(v2, v3).AsDouble(), hi23 = Avx.UnpackHigh(v2, v3).AsDouble();
        StoreLanes(Avx.UnpackLow(lo01, lo23), dst, 4 * width);
        StoreLanes(Avx.UnpackHigh(lo01, lo23), dst + width, 4 * width);
        StoreLanes(Avx.UnpackLow(hi01, hi23), dst + 2 * width, 4 * width);
        StoreLanes(Avx.UnpackHigh(hi01, hi23), dst + 3 * width, 4 * width);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreLanes(Vector256<double> v, float* dst, int stride)
    {
        v.GetLower().AsSingle().Store(dst);
        v.GetUpper().AsSingle().Store(dst + stride);
    }
}
