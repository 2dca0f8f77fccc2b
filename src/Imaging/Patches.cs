namespace Lorikeet.Imaging;

/// <summary>
/// Cuts planar pictures into the rows of a matrix, so that a strided convolution without overlap becomes one matrix product with its
/// weight reshaped from (out, Channels, PatchHeight, PatchWidth) to (out, Channels * PatchHeight * PatchWidth).
/// </summary>
public static class Patches
{
    /// <summary>The patches of a picture, row by row. Pixels that fill no patch at the right and lower edge are left out, as a convolution does.</summary>
    /// <param name="planes">(Channels, Height, Width).</param>
    /// <param name="channels">Channels.</param>
    /// <param name="height">Height in pixels, at least <paramref name="patchHeight"/>.</param>
    /// <param name="width">Width in pixels, at least <paramref name="patchWidth"/>.</param>
    /// <param name="patchHeight">Height of a patch in pixels.</param>
    /// <param name="patchWidth">Width of a patch in pixels.</param>
    /// <returns>(P, channels * patchHeight * patchWidth) with P = (height / patchHeight) * (width / patchWidth); channel-major within a row.</returns>
    /// <exception cref="ArgumentException">A picture smaller than a patch, or a span of another length.</exception>
    public static float[] Extract(ReadOnlySpan<float> planes, int channels, int height, int width, int patchHeight, int patchWidth)
    {
        var rows = new float[checked(height / patchHeight * (width / patchWidth) * channels * patchHeight * patchWidth)];
        Extract(planes, channels, height, width, (patchHeight, patchWidth), rows);
        return rows;
    }

    /// <summary>As the other overload, into a span that the caller owns.</summary>
    /// <param name="planes">(Channels, Height, Width).</param>
    /// <param name="channels">Channels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="patch">Height and width of a patch in pixels.</param>
    /// <param name="rows">Receives (P, channels * patch height * patch width).</param>
    /// <exception cref="ArgumentException">A picture smaller than a patch, or a span of another length.</exception>
    public static void Extract(ReadOnlySpan<float> planes, int channels, int height, int width, (int Height, int Width) patch, Span<float> rows)
    {
        int down = height / patch.Height, across = width / patch.Width;
        int rowLength = channels * patch.Height * patch.Width;
        if (planes.Length != channels * height * width || down < 1 || across < 1 || rows.Length != down * across * rowLength)
        {
            throw new ArgumentException(
                $"({channels}, {height}, {width}) pixels in patches of {patch.Height} x {patch.Width} take {channels * height * width} values and give " +
                $"{down * across} x {rowLength}; got spans of {planes.Length} and {rows.Length}.");
        }
        for (int p = 0; p < down * across; p++)
        {
            int top = p / across * patch.Height, left = p % across * patch.Width;
            var row = rows.Slice(p * rowLength, rowLength);
            for (int line = 0; line < channels * patch.Height; line++)
            {
                int c = line / patch.Height, y = top + line % patch.Height;
                planes.Slice((c * height + y) * width + left, patch.Width).CopyTo(row[(line * patch.Width)..]);
            }
        }
    }
}
