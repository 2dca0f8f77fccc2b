namespace Lorikeet.Imaging;

/// <summary>What one pixel of an <see cref="Image"/> holds. The names are Pillow's.</summary>
public enum PixelMode
{
    /// <summary>Grey, 1 byte.</summary>
    L,

    /// <summary>Grey and alpha, 2 bytes.</summary>
    LA,

    /// <summary>Red, green, blue, 3 bytes.</summary>
    RGB,

    /// <summary>Red, green, blue, alpha (not premultiplied), 4 bytes.</summary>
    RGBA,

    /// <summary>Cyan, magenta, yellow, key as ink amounts (0 = no ink), 4 bytes.</summary>
    CMYK,

    /// <summary>16-bit grey, 2 bytes, low byte first.</summary>
    I16,
}

/// <summary>What happens to transparency when pictures become RGB (run file key <c>data.alpha</c>).</summary>
public enum AlphaHandling
{
    /// <summary>What the model family's reference processor does; most of them drop the alpha channel.</summary>
    Reference,

    /// <summary>Blend on white, as Pillow's <c>alpha_composite</c> does.</summary>
    White,
}
