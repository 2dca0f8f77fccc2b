using System.Globalization;
using Lorikeet.Cli.Terminal;
using Lorikeet.Imaging;

namespace Lorikeet.Cli.Html;

/// <summary>Puts pictures into a page as data, reduced to thumbnails, until they have together reached a size; then words stand for them.</summary>
/// <param name="longestEdge">Longest edge of a thumbnail in pixels.</param>
/// <param name="maxBytes">Bytes of all thumbnails together, before they become text.</param>
internal sealed class PagePictures(int longestEdge = 256, long maxBytes = 16L << 20)
{
    private const int SmallEdge = 96;
    private const int Quality = 85;
    private long _bytes;

    /// <summary>Pictures that were left out because the page had become too large.</summary>
    public int LeftOut { get; private set; }

    /// <summary>A sentence about the pictures that were left out; null if there are none.</summary>
    public string? Note => LeftOut == 0 ? null : string.Create(
        CultureInfo.InvariantCulture, $"{LeftOut} pictures are left out of this page: together its thumbnails may have {Words.Bytes(maxBytes)}.");

    /// <summary>An image element.</summary>
    /// <param name="image">The picture in full.</param>
    /// <param name="name">What it is called; also its text where pictures aren't shown.</param>
    public HtmlText Of(Image image, string name)
    {
        string what = string.Create(CultureInfo.InvariantCulture, $"{name}, {image.Width} x {image.Height}");
        if (_bytes >= maxBytes)
        {
            LeftOut++;
            return HtmlText.Of($"<span class=\"note\">picture left out: {what}</span>");
        }

        Image small = Resize.Thumbnail(image.Mode is PixelMode.I16 or PixelMode.CMYK ? image.ToRgb() : image, longestEdge, longestEdge);
        (string type, byte[] file) = Encode(small);
        _bytes += file.Length;
        string shown = small.Width <= SmallEdge && small.Height <= SmallEdge ? "picture small" : "picture";
        return HtmlText.Of($"<img class=\"{shown}\" width=\"{small.Width}\" height=\"{small.Height}\" alt=\"{what}\" title=\"{what}\" src=\"data:{type};base64,{Convert.ToBase64String(file)}\">");
    }

    // PNG keeps transparency, and is the smaller one for drawings.
    private static (string Type, byte[] File) Encode(Image image)
    {
        byte[] png = ImageEncoder.EncodePng(image);
        if (image.Mode is PixelMode.LA or PixelMode.RGBA)
        {
            return ("image/png", png);
        }

        byte[] jpeg = ImageEncoder.EncodeJpeg(image, Quality);
        return jpeg.Length < png.Length ? ("image/jpeg", jpeg) : ("image/png", png);
    }
}
