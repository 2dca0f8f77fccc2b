namespace Lorikeet.Imaging;

/// <summary>
/// The filter's weights along one axis: output position i is the sum over t below <c>Count[i]</c> of source position <c>First[i]</c> + t
/// times <c>Weights[i * Taps + t]</c>, in fixed point with <see cref="FractionBits"/> bits.
/// Source: Pillow's Resample.c; the order of the double operations decides the last bit and is the same.
/// </summary>
internal sealed class ResizeCoefficients
{
    /// <summary>Fractional bits of a weight: 32 minus 8 for the value and 2 for overshoot.</summary>
    public const int FractionBits = 22;

    private ResizeCoefficients(int[] first, int[] count, int[] weights, int taps)
    {
        First = first;
        Count = count;
        Weights = weights;
        Taps = taps;
    }

    public int[] First { get; }

    public int[] Count { get; }

    /// <summary>[output size, Taps]; zero beyond Count.</summary>
    public int[] Weights { get; }

    public int Taps { get; }

    /// <summary>Computes the weights that shrink or stretch [from, to) of an axis to a number of output positions.</summary>
    public static ResizeCoefficients Compute(int inputSize, float from, float to, int outputSize, ResizeFilter filter)
    {
        double scale = (double)(to - from) / outputSize;
        double filterScale = Math.Max(scale, 1.0);
        double support = SupportOf(filter) * filterScale;
        int taps = (int)Math.Ceiling(support) * 2 + 1;
        // A tap beyond the picture never counts, however wide the filter is.
        int kept = Math.Min(taps, inputSize);
        var first = new int[outputSize];
        var count = new int[outputSize];
        var weights = new int[checked(outputSize * kept)];
        var exact = new double[kept];
        double inverse = 1.0 / filterScale;
        for (int i = 0; i < outputSize; i++)
        {
            double center = from + (i + 0.5) * scale;
            int begin = Math.Max((int)(center - support + 0.5), 0);
            int length = Math.Min((int)(center + support + 0.5), inputSize) - begin;
            double sum = 0;
            for (int t = 0; t < length; t++)
            {
                exact[t] = Filter(filter, (t + begin - center + 0.5) * inverse);
                sum += exact[t];
            }
            for (int t = 0; t < length; t++)
            {
                double weight = sum != 0.0 ? exact[t] / sum : exact[t];
                weights[i * kept + t] = (int)((weight < 0 ? -0.5 : 0.5) + weight * (1 << FractionBits));
            }
            (first[i], count[i]) = (begin, length);
        }
        return new ResizeCoefficients(first, count, weights, kept);
    }

    private static double SupportOf(ResizeFilter filter) => filter switch
    {
        ResizeFilter.Box => 0.5,
        ResizeFilter.Bilinear or ResizeFilter.Hamming => 1.0,
        ResizeFilter.Bicubic => 2.0,
        ResizeFilter.Lanczos => 3.0,
        _ => throw new ArgumentOutOfRangeException(nameof(filter), filter, "has no weights"),
    };

    private static double Filter(ResizeFilter filter, double x)
    {
        switch (filter)
        {
            case ResizeFilter.Box:
                return x is > -0.5 and <= 0.5 ? 1.0 : 0.0;
            case ResizeFilter.Bilinear:
                x = Math.Abs(x);
                return x < 1.0 ? 1.0 - x : 0.0;
            case ResizeFilter.Hamming:
                x = Math.Abs(x);
                if (x is 0.0 or >= 1.0)
                {
                    return x == 0.0 ? 1.0 : 0.0;
                }
                x *= Math.PI;
                // The window's constants are single precision in the reference.
                return Math.Sin(x) / x * (0.54f + 0.46f * Math.Cos(x));
            case ResizeFilter.Bicubic:
                const double A = -0.5;
                x = Math.Abs(x);
                return x < 1.0 ? ((A + 2.0) * x - (A + 3.0)) * x * x + 1
                    : x < 2.0 ? (((x - 5) * x + 8) * x - 4) * A
                    : 0.0;
            default:
                return x is >= -3.0 and < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0;
        }
    }

    private static double Sinc(double x)
    {
        if (x == 0.0)
        {
            return 1.0;
        }
        x *= Math.PI;
        return Math.Sin(x) / x;
    }
}
