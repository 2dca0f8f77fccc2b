namespace Lorikeet.Imaging;

/// <summary>
/// Resizes pictures bit for bit as Pillow's <c>Image.resize</c> and <c>Image.thumbnail</c> do (8 bits per channel, fixed-point weights).
/// Pictures with alpha are premultiplied while they are filtered. Source: Pillow's Resample.c and Geometry.c.
/// </summary>
public static class Resize
{
    /// <summary>The picture, or a part of it, at another size.</summary>
    /// <param name="image">Any mode but <see cref="PixelMode.I16"/>.</param>
    /// <param name="width">New width in pixels, at least 1.</param>
    /// <param name="height">New height in pixels, at least 1.</param>
    /// <param name="filter">The resampling filter.</param>
    /// <param name="box">The part to take; the whole picture if null.</param>
    /// <returns>The resized picture, same mode; the picture itself if nothing changes.</returns>
    /// <exception cref="ArgumentException">A size below 1, a box outside the picture, or 16-bit pixels.</exception>
    public static Image Apply(Image image, int width, int height, ResizeFilter filter, ResizeBox? box = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (!Enum.IsDefined(filter))
        {
            throw new ArgumentException($"unknown resampling filter {(int)filter}; known are 0 to 5.", nameof(filter));
        }
        if (image.Mode == PixelMode.I16)
        {
            throw new ArgumentException("16-bit pictures are not resized; convert to RGB first.", nameof(image));
        }
        var whole = new ResizeBox(0, 0, image.Width, image.Height);
        var part = box ?? whole;
        if (!(part.Left >= 0 && part.Top >= 0 && part.Right <= image.Width && part.Bottom <= image.Height
            && part.Right > part.Left && part.Bottom > part.Top))
        {
            throw new ArgumentException($"the box {part} is empty or outside the picture of {image.Width} x {image.Height}.", nameof(box));
        }
        if (width == image.Width && height == image.Height && part == whole)
        {
            return image;
        }
        if (filter == ResizeFilter.Nearest)
        {
            return Nearest(image, width, height, part);
        }
        int channels = image.BytesPerPixel;
        bool hasAlpha = image.Mode is PixelMode.LA or PixelMode.RGBA;
        var pixels = hasAlpha ? PixelConversions.Premultiply(image.Pixels, channels) : image.Pixels;
        var raster = Resample(new Raster(pixels, image.Width, image.Height, channels), width, height, part, filter);
        if (hasAlpha)
        {
            PixelConversions.Unpremultiply(raster.Pixels, channels);
        }
        return new Image(width, height, image.Mode, raster.Pixels, image.Orientation);
    }

    /// <summary>
    /// The picture reduced, if need be, to fit a size, with its aspect ratio. Source: Pillow's <c>thumbnail</c> with <c>reducing_gap=None</c>.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="maxWidth">Largest width, at least 1.</param>
    /// <param name="maxHeight">Largest height, at least 1.</param>
    /// <param name="filter">The resampling filter.</param>
    public static Image Thumbnail(Image image, int maxWidth, int maxHeight, ResizeFilter filter = ResizeFilter.Bicubic)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxWidth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxHeight, 1);
        (int width, int height) = ThumbnailSize(new PixelSize(image.Width, image.Height), maxWidth, maxHeight);
        return Apply(image, width, height, filter);
    }

    /// <summary>The size of a thumbnail of a picture of a size.</summary>
    internal static PixelSize ThumbnailSize(PixelSize size, int maxWidth, int maxHeight)
    {
        if (maxWidth >= size.Width && maxHeight >= size.Height)
        {
            return size;
        }
        double aspect = (double)size.Width / size.Height;
        int width = maxWidth, height = maxHeight;
        if ((double)width / height >= aspect)
        {
            width = RoundAspect(height * aspect, n => Math.Abs(aspect - (double)n / height));
        }
        else
        {
            height = RoundAspect(width / aspect, n => n == 0 ? 0 : Math.Abs(aspect - (double)width / n));
        }
        return new PixelSize(width, height);
    }

    /// <summary>The whole number next to a side whose aspect ratio is closer; the lower one on a tie.</summary>
    private static int RoundAspect(double side, Func<int, double> error)
    {
        int low = (int)Math.Floor(side), high = (int)Math.Ceiling(side);
        return Math.Max(error(high) < error(low) ? high : low, 1);
    }

    private static Raster Resample(Raster source, int width, int height, ResizeBox part, ResizeFilter filter)
    {
        bool horizontal = width != source.Width || part.Left != 0 || part.Right != width;
        bool vertical = height != source.Height || part.Top != 0 || part.Bottom != height;
        var columns = horizontal ? ResizeCoefficients.Compute(source.Width, part.Left, part.Right, width, filter) : null;
        var rows = vertical ? ResizeCoefficients.Compute(source.Height, part.Top, part.Bottom, height, filter) : null;
        if (columns is null || rows is null)
        {
            return columns is not null ? Resampler.Horizontal(source, columns, 0, source.Height) : Resampler.Vertical(source, rows!, 0);
        }
        if (ShrinksMoreVertically(source, width, height))
        {
            return Resampler.Horizontal(Resampler.Vertical(source, rows, 0), columns, 0, height);
        }
        // Only rows that the second pass reads are made by the first.
        int firstRow = rows.First[0], lastRow = rows.First[height - 1] + rows.Count[height - 1];
        return Resampler.Vertical(Resampler.Horizontal(source, columns, firstRow, lastRow - firstRow), rows, firstRow);
    }

    /// <summary>
    /// Which pass comes first decides the rounding. Since version 13 Pillow begins with the rows if the height loses more than twice as
    /// many pixels as the width; before, it began with the columns always (results differ by a level here and there).
    /// </summary>
    private static bool ShrinksMoreVertically(Raster source, int width, int height) =>
        height < source.Height && source.Height - height > 2 * (source.Width - width);

    private static Image Nearest(Image image, int width, int height, ResizeBox part)
    {
        var columns = NearestPositions(part.Left, part.Right, width, image.Width);
        var rows = NearestPositions(part.Top, part.Bottom, height, image.Height);
        int size = image.BytesPerPixel;
        var target = new byte[(long)width * height * size];
        int to = 0;
        for (int y = 0; y < height; y++)
        {
            int row = rows[y] * image.Width;
            for (int x = 0; x < width; x++)
            {
                int from = (row + columns[x]) * size;
                for (int c = 0; c < size; c++)
                {
                    target[to++] = image.Pixels[from + c];
                }
            }
        }
        return new Image(width, height, image.Mode, target, image.Orientation);
    }

    /// <summary>The positions accumulate their rounding errors, as in the reference.</summary>
    private static int[] NearestPositions(float from, float to, int count, int size)
    {
        double step = ((double)to - from) / count, position = from + step * 0.5;
        var positions = new int[count];
        for (int i = 0; i < count; i++, position += step)
        {
            positions[i] = Math.Clamp((int)position, 0, size - 1);
        }
        return positions;
    }
}

/// <summary>Interleaved 8-bit pixels between the passes of a resize.</summary>
/// <param name="Pixels">(Height, Width, Channels).</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Channels">1 to 4.</param>
internal sealed record Raster(byte[] Pixels, int Width, int Height, int Channels);
