namespace Lorikeet.Imaging;

/// <summary>The seven ways in which an EXIF orientation turns or mirrors a picture.</summary>
internal static class Transposition
{
    /// <summary>The picture that a viewer shows for a stored picture with this tag.</summary>
    /// <param name="image">Any mode.</param>
    /// <param name="orientation">1 to 8.</param>
    public static Image Apply(Image image, int orientation)
    {
        int width = image.Width, height = image.Height, size = image.BytesPerPixel;
        bool swapped = orientation >= 5;
        int outWidth = swapped ? height : width, outHeight = swapped ? width : height;
        var target = new byte[image.Pixels.Length];
        for (int y = 0; y < outHeight; y++)
        {
            for (int x = 0; x < outWidth; x++)
            {
                var (fromX, fromY) = orientation switch
                {
                    2 => (width - 1 - x, y),
                    3 => (width - 1 - x, height - 1 - y),
                    4 => (x, height - 1 - y),
                    5 => (y, x),
                    6 => (y, height - 1 - x),
                    7 => (width - 1 - y, height - 1 - x),
                    8 => (width - 1 - y, x),
                    _ => (x, y),
                };
                long from = ((long)fromY * width + fromX) * size, to = ((long)y * outWidth + x) * size;
                for (int c = 0; c < size; c++)
                {
                    target[to + c] = image.Pixels[from + c];
                }
            }
        }
        return new Image(outWidth, outHeight, image.Mode, target);
    }
}
