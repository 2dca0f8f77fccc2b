namespace Lorikeet.Imaging;

/// <summary>The size of a picture in pixels.</summary>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
public readonly record struct PixelSize(int Width, int Height);
