namespace Lorikeet.Data.Sampling;

/// <summary>
/// SplitMix64 over a counter that starts at a place given by seed and stream: what it draws depends on nothing else.
/// Source: Steele, Lea and Flood 2014.
/// </summary>
internal struct CounterRandom(ulong seed, ulong stream)
{
    private const ulong Gamma = 0x9E3779B97F4A7C15;

    private ulong _state = Mix(Mix(seed + Gamma) ^ (stream * 0xD1342543DE82EF95));

    /// <summary>A uniform number below a bound; rejects the few draws that would favour small numbers (Lemire 2019).</summary>
    public uint Below(uint bound)
    {
        uint threshold = (uint)(-bound) % bound;
        while (true)
        {
            ulong product = (ulong)(uint)(Next() >> 32) * bound;
            if ((uint)product >= threshold)
            {
                return (uint)(product >> 32);
            }
        }
    }

    /// <summary>Uniform in [0, 1) with 53 random bits.</summary>
    public double Uniform() => (Next() >> 11) * (1.0 / (1L << 53));

    /// <summary>Uniform between two numbers.</summary>
    public double Between(double low, double high) => low + ((high - low) * Uniform());

    private ulong Next()
    {
        _state += Gamma;
        return Mix(_state);
    }

    /// <summary>A bijection that scatters neighbouring numbers.</summary>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
