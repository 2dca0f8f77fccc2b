using System.Globalization;

namespace Lorikeet.Imaging;

/// <summary>
/// Shears, shifts and rotations with the nearest pixel, in the picture's own size, bit for bit as Pillow's <c>Image.transform</c> and
/// <c>Image.rotate</c>. What comes from outside is filled. Source: Pillow's Geometry.c and Image.py; the matrices are torchvision's.
/// </summary>
public static class Affine
{
    /// <summary>Shears along the rows: a pixel at height y moves left by <paramref name="amount"/> y. The upper left corner stays.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="amount">Columns per row.</param>
    /// <param name="fill">Level of what comes from outside, alpha included.</param>
    public static Image ShearX(Image image, double amount, byte fill = 0) => Apply(image, new Matrix(1, Tangent(amount), 0, 0, 1, 0), fill);

    /// <summary>Shears along the columns: a pixel at column x moves up by <paramref name="amount"/> x. The upper left corner stays.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="amount">Rows per column.</param>
    /// <param name="fill">Level of what comes from outside, alpha included.</param>
    public static Image ShearY(Image image, double amount, byte fill = 0) => Apply(image, new Matrix(1, 0, 0, Tangent(amount), 1, 0), fill);

    /// <summary>Moves the picture.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="right">Columns to the right.</param>
    /// <param name="down">Rows down.</param>
    /// <param name="fill">Level of what comes from outside, alpha included.</param>
    public static Image Translate(Image image, int right, int down, byte fill = 0) => Apply(image, new Matrix(1, 0, -right, 0, 1, -down), fill);

    /// <summary>Rotates about the centre; the size stays, corners are lost.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="degrees">Counter-clockwise.</param>
    /// <param name="fill">Level of what comes from outside, alpha included.</param>
    public static Image Rotate(Image image, double degrees, byte fill = 0)
    {
        ArgumentNullException.ThrowIfNull(image);
        degrees = ((degrees % 360) + 360) % 360;
        switch (degrees)
        {
            case 0:
                return image;
            case 90 when image.Width == image.Height:
                return Transposition.Apply(image, 8);
            case 180:
                return Transposition.Apply(image, 3);
            case 270 when image.Width == image.Height:
                return Transposition.Apply(image, 6);
        }

        double angle = -degrees * (Math.PI / 180), cos = Round15(Math.Cos(angle)), sin = Round15(Math.Sin(angle)), minus = Round15(-Math.Sin(angle));
        double x = image.Width / 2.0, y = image.Height / 2.0;
        return Apply(image, new Matrix(cos, sin, (cos * -x) + (sin * -y) + x, minus, cos, (minus * -x) + (cos * -y) + y), fill);
    }

    /// <summary>The tangent as it comes back from degrees, where the reference takes it through an angle.</summary>
    private static double Tangent(double amount) => Math.Tan(Math.Atan(amount) * (180 / Math.PI) * (Math.PI / 180));

    private static double Round15(double value) => double.Parse(value.ToString("F15", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    private static Image Apply(Image image, Matrix m, byte fill)
    {
        ArgumentNullException.ThrowIfNull(image);
        byte[] target = new byte[image.Pixels.Length];
        if (fill != 0)
        {
            Array.Fill(target, fill);
        }

        bool fits = m.Fits(0, 0) && m.Fits(image.Width, image.Height) && m.Fits(0, image.Height) && m.Fits(image.Width, 0);
        if (fits)
        {
            InFixedPoint(image, m, target);
        }
        else
        {
            InFloatingPoint(image, m, target);
        }

        return image.With(target);
    }

    /// <summary>16.16 fixed point: coordinates are sums of rounded steps, as in the reference.</summary>
    private static void InFixedPoint(Image image, Matrix m, byte[] target)
    {
        int xStep = Fix(m.A), yStep = Fix(m.D), xRow = Fix(m.C + (m.A * 0.5) + (m.B * 0.5)), yRow = Fix(m.F + (m.D * 0.5) + (m.E * 0.5));
        int xDown = Fix(m.B), yDown = Fix(m.E), to = 0, size = image.BytesPerPixel;
        for (int row = 0; row < image.Height; row++, xRow += xDown, yRow += yDown)
        {
            for (int column = 0, x = xRow, y = yRow; column < image.Width; column++, x += xStep, y += yStep, to += size)
            {
                Copy(image, x >> 16, y >> 16, target, to);
            }
        }

        static int Fix(double value) => (int)Math.Floor((value * 65536.0) + 0.5);
    }

    /// <summary>For pictures too large for the fixed point.</summary>
    private static void InFloatingPoint(Image image, Matrix m, byte[] target)
    {
        double xRow = m.C + (m.B * 0.5) + (m.A * 0.5), yRow = m.F + (m.E * 0.5) + (m.D * 0.5);
        int to = 0, size = image.BytesPerPixel;
        for (int row = 0; row < image.Height; row++, xRow += m.B, yRow += m.E)
        {
            double x = xRow, y = yRow;
            for (int column = 0; column < image.Width; column++, x += m.A, y += m.D, to += size)
            {
                Copy(image, (int)Math.Floor(x), (int)Math.Floor(y), target, to);
            }
        }
    }

    private static void Copy(Image image, int x, int y, byte[] target, int to)
    {
        if ((uint)x < (uint)image.Width && (uint)y < (uint)image.Height)
        {
            int size = image.BytesPerPixel;
            image.Pixels.AsSpan(((y * image.Width) + x) * size, size).CopyTo(target.AsSpan(to, size));
        }
    }

    /// <summary>From a place in the result to the place in the source: (A x + B y + C, D x + E y + F).</summary>
    private readonly record struct Matrix(double A, double B, double C, double D, double E, double F)
    {
        public bool Fits(int x, int y) => Math.Abs((x * A) + (y * B) + C) < 32768.0 && Math.Abs((x * D) + (y * E) + F) < 32768.0;
    }
}
