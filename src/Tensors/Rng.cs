using System.Numerics;

namespace Lorikeet.Tensors;

/// <summary>
/// Counter-based random numbers: a pure function of a key and a counter, so that any value can be drawn again, in any
/// order, on any thread. Source: Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3" (Philox4x32-10).
/// </summary>
public static class Rng
{
    private const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;

    /// <summary>Four random words for a 64-bit key and a 128-bit counter.</summary>
    public static (uint X, uint Y, uint Z, uint W) Philox(ulong key, ulong counterLow, ulong counterHigh)
    {
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        uint c0 = (uint)counterLow, c1 = (uint)(counterLow >> 32), c2 = (uint)counterHigh, c3 = (uint)(counterHigh >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = (ulong)M0 * c0, p1 = (ulong)M1 * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ k1, (uint)p0);
            k0 += W0;
            k1 += W1;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>Uniform in [0, 1) with 24 random bits.</summary>
    public static float Uniform(uint word) => (word >> 8) * (1f / (1 << 24));

    /// <summary>Mixes values into one 64-bit key (SplitMix64 finaliser over a running state).</summary>
    public static ulong Key(params ReadOnlySpan<ulong> parts)
    {
        ulong state = 0x243F6A8885A308D3;
        foreach (ulong part in parts)
        {
            ulong z = state + part + 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            state = z ^ (z >> 31) ^ BitOperations.RotateLeft(state, 23);
        }

        return state;
    }

    /// <summary>A stable 64-bit key of a name (FNV-1a).</summary>
    public static ulong Key(string name)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in name)
        {
            hash = (hash ^ c) * 0x100000001B3;
        }

        return hash;
    }

    /// <summary>Fills with uniform numbers in [low, high).</summary>
    public static void FillUniform(Span<float> values, float low, float high, ulong key)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = low + ((high - low) * Uniform(Word(key, i)));
        }
    }

    /// <summary>Fills with normal numbers of mean 0 and the given standard deviation (Box-Muller).</summary>
    public static void FillNormal(Span<float> values, float deviation, ulong key)
    {
        for (int i = 0; i < values.Length; i++)
        {
            (uint x, uint y, _, _) = Philox(key, (ulong)i, 1);
            double radius = Math.Sqrt(-2 * Math.Log((x + 1.0) / 4294967296.0));
            values[i] = deviation * (float)(radius * Math.Cos(2 * Math.PI * (y / 4294967296.0)));
        }
    }

    private static uint Word(ulong key, int index)
    {
        (uint x, uint y, uint z, uint w) = Philox(key, (ulong)(index >> 2), 0);
        return (index & 3) switch { 0 => x, 1 => y, 2 => z, _ => w };
    }
}
