namespace Lorikeet.Imaging;

/// <summary>Parts and mirror images.</summary>
public static class Crop
{
    /// <summary>A part of a picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="left">First column.</param>
    /// <param name="top">First row.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part is empty or outside the picture.</exception>
    public static Image Take(Image image, int left, int top, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(top);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, image.Width - left);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, image.Height - top);
        if (width == image.Width && height == image.Height)
        {
            return image;
        }

        int size = image.BytesPerPixel, row = width * size;
        byte[] target = new byte[row * height];
        for (int y = 0; y < height; y++)
        {
            image.Pixels.AsSpan((((top + y) * image.Width) + left) * size, row).CopyTo(target.AsSpan(y * row, row));
        }

        return new Image(width, height, image.Mode, target, image.Orientation);
    }

    /// <summary>The mirror image, left and right exchanged.</summary>
    /// <param name="image">The picture.</param>
    public static Image FlipHorizontally(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Transposition.Apply(image, 2);
    }

    /// <summary>The picture with top and bottom exchanged.</summary>
    /// <param name="image">The picture.</param>
    public static Image FlipVertically(Image image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Transposition.Apply(image, 4);
    }
}
