namespace Lorikeet.Imaging;

/// <summary>How a resized pixel is made of source pixels. The numbers are Pillow's, as <c>resample</c> in preprocessor_config.json has them.</summary>
public enum ResizeFilter
{
    /// <summary>The nearest source pixel.</summary>
    Nearest = 0,

    /// <summary>Truncated sinc, 3 pixels on either side.</summary>
    Lanczos = 1,

    /// <summary>Triangle, 1 pixel on either side.</summary>
    Bilinear = 2,

    /// <summary>Cubic convolution with a = -0.5, 2 pixels on either side.</summary>
    Bicubic = 3,

    /// <summary>Mean of the source pixels covered.</summary>
    Box = 4,

    /// <summary>Hamming-windowed sinc, 1 pixel on either side.</summary>
    Hamming = 5,
}

/// <summary>A part of a picture, in source pixels, corners possibly between pixels.</summary>
/// <param name="Left">Left edge, at least 0.</param>
/// <param name="Top">Upper edge, at least 0.</param>
/// <param name="Right">Right edge, at most the width.</param>
/// <param name="Bottom">Lower edge, at most the height.</param>
public readonly record struct ResizeBox(float Left, float Top, float Right, float Bottom);
