using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Imaging;

/// <summary>
/// The two passes of a filtered resize, vectorised: 32-bit fixed-point sums, exact, so that any order of the additions gives the same
/// bits. Lanes: 8 x int32. Horizontally a step handles 8 / stride source pixels, where three channels are first spread to four bytes
/// per pixel; vertically 32 neighbouring bytes of a row.
/// </summary>
internal static class Resampler
{
    private const int Half = 1 << (ResizeCoefficients.FractionBits - 1);
    private const int Lanes = 8;

    /// <summary>Resizes rows [firstRow, firstRow + rowCount) to the width that the coefficients have.</summary>
    public static Raster Horizontal(Raster source, ResizeCoefficients columns, int firstRow, int rowCount)
    {
        int width = columns.First.Length, channels = source.Channels;
        // Two channels take part as four with two idle: rare (grey with alpha), and simpler than a third kernel.
        int stride = channels == 1 ? 1 : 4;
        int pixelsPerStep = Lanes / stride;
        int steps = (columns.Taps + pixelsPerStep - 1) / pixelsPerStep;
        var weights = SpreadWeights(columns, stride, steps);
        var row = new byte[source.Width * stride + steps * Lanes];
        var target = new byte[checked(width * rowCount * channels)];
        for (int y = 0; y < rowCount; y++)
        {
            SpreadRow(source.Pixels.AsSpan((firstRow + y) * source.Width * channels, source.Width * channels), row, channels);
            var output = target.AsSpan(y * width * channels, width * channels);
            if (stride == 1)
            {
                GreyRow(row, columns, weights, steps, output);
            }
            else
            {
                ColourRow(row, columns, weights, steps, output, channels);
            }
        }
        return new Raster(target, width, rowCount, channels);
    }

    /// <summary>Resizes columns; coefficient rows are relative to a picture whose first row is <paramref name="firstRow"/>.</summary>
    public static Raster Vertical(Raster source, ResizeCoefficients rows, int firstRow)
    {
        int height = rows.First.Length, bytes = source.Width * source.Channels;
        var target = new byte[checked(height * bytes)];
        for (int y = 0; y < height; y++)
        {
            var weights = rows.Weights.AsSpan(y * rows.Taps, rows.Count[y]);
            var input = source.Pixels.AsSpan((rows.First[y] - firstRow) * bytes);
            CombineRows(input, bytes, weights, target.AsSpan(y * bytes, bytes));
        }
        return new Raster(target, source.Width, height, source.Channels);
    }

    /// <summary>[output position][step x lanes]: each weight once per byte of a pixel, zero beyond the last tap.</summary>
    private static int[] SpreadWeights(ResizeCoefficients columns, int stride, int steps)
    {
        var spread = new int[checked(columns.First.Length * steps * Lanes)];
        for (int x = 0; x < columns.First.Length; x++)
        {
            for (int t = 0; t < columns.Count[x]; t++)
            {
                spread.AsSpan(x * steps * Lanes + t * stride, stride).Fill(columns.Weights[x * columns.Taps + t]);
            }
        }
        return spread;
    }

    private static void SpreadRow(ReadOnlySpan<byte> pixels, byte[] row, int channels)
    {
        if (channels is 1 or 4)
        {
            pixels.CopyTo(row);
            return;
        }
        int from = 0, to = 0;
        if (channels == 3)
        {
            var order = Vector128.Create((byte)0, 1, 2, 0x80, 3, 4, 5, 0x80, 6, 7, 8, 0x80, 9, 10, 11, 0x80);
            ref byte start = ref MemoryMarshal.GetReference(pixels);
            for (; from + 16 <= pixels.Length; from += 12, to += 16)
            {
                var spread = Vector128.Shuffle(Vector128.LoadUnsafe(ref start, (nuint)from), order);
                spread.CopyTo(row, to);
            }
        }
        for (; from < pixels.Length; from += channels, to += 4)
        {
            pixels.Slice(from, channels).CopyTo(row.AsSpan(to));
        }
    }

    private static void GreyRow(byte[] row, ResizeCoefficients columns, int[] weights, int steps, Span<byte> output)
    {
        ref byte pixels = ref MemoryMarshal.GetArrayDataReference(row);
        ref int weight = ref MemoryMarshal.GetArrayDataReference(weights);
        nuint at = 0;
        for (int x = 0; x < output.Length; x++)
        {
            nuint from = (nuint)columns.First[x];
            var sum = Vector256<int>.Zero;
            for (int s = 0; s < steps; s++, from += Lanes, at += Lanes)
            {
                sum += Widen(ref Unsafe.Add(ref pixels, from)) * Vector256.LoadUnsafe(ref weight, at);
            }
            output[x] = (byte)Math.Clamp((Vector256.Sum(sum) + Half) >> ResizeCoefficients.FractionBits, 0, 255);
        }
    }

    private static void ColourRow(byte[] row, ResizeCoefficients columns, int[] weights, int steps, Span<byte> output, int channels)
    {
        ref byte pixels = ref MemoryMarshal.GetArrayDataReference(row);
        ref int weight = ref MemoryMarshal.GetArrayDataReference(weights);
        nuint at = 0;
        int to = 0;
        for (int x = 0; x < columns.First.Length; x++, to += channels)
        {
            nuint from = (nuint)columns.First[x] * 4;
            var sum = Vector256<int>.Zero;
            for (int s = 0; s < steps; s++, from += Lanes, at += Lanes)
            {
                sum += Widen(ref Unsafe.Add(ref pixels, from)) * Vector256.LoadUnsafe(ref weight, at);
            }
            var value = (sum.GetLower() + sum.GetUpper() + Vector128.Create(Half)) >> ResizeCoefficients.FractionBits;
            value = Vector128.Min(Vector128.Max(value, Vector128<int>.Zero), Vector128.Create(255));
            uint packed = Vector128.Narrow(Vector128.Narrow(value, value).AsUInt16(), Vector128<ushort>.Zero).AsUInt32().ToScalar();
            if (to + 4 <= output.Length)
            {
                Unsafe.WriteUnaligned(ref output[to], packed);
            }
            else
            {
                for (int c = 0; c < channels; c++, packed >>= 8)
                {
                    output[to + c] = (byte)packed;
                }
            }
        }
    }

    private static void CombineRows(ReadOnlySpan<byte> input, int bytes, ReadOnlySpan<int> weights, Span<byte> output)
    {
        const int Block = 4 * Lanes;
        ref byte start = ref MemoryMarshal.GetReference(input);
        int x = 0;
        for (; x + Block <= bytes; x += Block)
        {
            var sum0 = Vector256.Create(Half);
            var (sum1, sum2, sum3) = (sum0, sum0, sum0);
            ref byte column = ref Unsafe.Add(ref start, x);
            foreach (int weight in weights)
            {
                var factor = Vector256.Create(weight);
                sum0 += Widen(ref column) * factor;
                sum1 += Widen(ref Unsafe.Add(ref column, Lanes)) * factor;
                sum2 += Widen(ref Unsafe.Add(ref column, 2 * Lanes)) * factor;
                sum3 += Widen(ref Unsafe.Add(ref column, 3 * Lanes)) * factor;
                column = ref Unsafe.Add(ref column, bytes);
            }
            Store(sum0, sum1, sum2, sum3, output[x..]);
        }
        for (; x < bytes; x++)
        {
            int sum = Half;
            for (int t = 0; t < weights.Length; t++)
            {
                sum += input[t * bytes + x] * weights[t];
            }
            output[x] = (byte)Math.Clamp(sum >> ResizeCoefficients.FractionBits, 0, 255);
        }
    }

    private static void Store(Vector256<int> a, Vector256<int> b, Vector256<int> c, Vector256<int> d, Span<byte> output)
    {
        var low = Vector256.Narrow(Clamp(a), Clamp(b)).AsUInt16();
        var high = Vector256.Narrow(Clamp(c), Clamp(d)).AsUInt16();
        Vector256.Narrow(low, high).CopyTo(output);

        static Vector256<int> Clamp(Vector256<int> sum) =>
            Vector256.Min(Vector256.Max(sum >> ResizeCoefficients.FractionBits, Vector256<int>.Zero), Vector256.Create(255));
    }

    /// <summary>Eight bytes as eight int32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Widen(ref byte source)
    {
        var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref source)).AsByte();
        if (Avx2.IsSupported)
        {
            return Avx2.ConvertToVector256Int32(bytes);
        }
        var (low, high) = Vector128.Widen(Vector128.WidenLower(bytes));
        return Vector256.Create(low, high).AsInt32();
    }
}
