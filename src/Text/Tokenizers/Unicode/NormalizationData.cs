namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Combining classes and decompositions of Unicode 11, the version by which the reference normalizes.
/// .NET's own <c>String.Normalize</c> needs ICU and returns its input unchanged in invariant mode.
/// </summary>
internal sealed class NormalizationData
{
    private const int HangulBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TailCount = 28;
    private const int HangulCount = LeadCount * VowelCount * TailCount;

    private static readonly Lazy<NormalizationData> Shared = new(Load);

    private readonly Dictionary<int, byte> _classes = [];
    private readonly Dictionary<int, int[]> _canonical = [];
    private readonly Dictionary<int, int[]> _compatible = [];
    private readonly Dictionary<(int, int), int> _composed = [];
    private readonly HashSet<int> _marks = [];

    public static NormalizationData Instance => Shared.Value;

    /// <summary>Canonical combining class; 0 for starters and everything unknown.</summary>
    public int CombiningClass(int c) => c < 0x300 ? 0 : _classes.GetValueOrDefault(c);

    /// <summary>Whether a code point is a combining mark (categories Mn, Mc, Me of Unicode 9, whose marks the reference strips as accents).</summary>
    public bool IsMark(int c) => c >= 0x300 && _marks.Contains(c);

    /// <summary>Appends the full decomposition of one code point.</summary>
    public void Decompose(int c, bool compatible, List<int> output)
    {
        if (c < 0xA0)
        {
            output.Add(c);
        }
        else if ((uint)(c - HangulBase) < HangulCount)
        {
            int index = c - HangulBase;
            output.Add(LeadBase + index / (VowelCount * TailCount));
            output.Add(VowelBase + index % (VowelCount * TailCount) / TailCount);
            if (index % TailCount != 0)
            {
                output.Add(TailBase + index % TailCount);
            }
        }
        else if (_canonical.TryGetValue(c, out int[]? parts) || (compatible && _compatible.TryGetValue(c, out parts)))
        {
            foreach (int part in parts)
            {
                Decompose(part, compatible, output);
            }
        }
        else
        {
            output.Add(c);
        }
    }

    /// <summary>The primary composite of two code points, or -1.</summary>
    public int Compose(int first, int second)
    {
        if ((uint)(first - LeadBase) < LeadCount && (uint)(second - VowelBase) < VowelCount)
        {
            return HangulBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TailCount;
        }

        bool openSyllable = (uint)(first - HangulBase) < HangulCount && (first - HangulBase) % TailCount == 0;
        if (openSyllable && second > TailBase && second < TailBase + TailCount)
        {
            return first + second - TailBase;
        }

        return _composed.TryGetValue((first, second), out int composed) ? composed : -1;
    }

    private static NormalizationData Load()
    {
        NormalizationData data = new();
        using Stream stream = typeof(NormalizationData).Assembly.GetManifestResourceStream("Lorikeet.Text.normalization.bin")
            ?? throw new InvalidOperationException("the assembly lacks its resource normalization.bin.");
        using BinaryReader reader = new(stream);
        int c = 0;
        for (int n = reader.Read7BitEncodedInt(); n > 0; n--)
        {
            c += reader.Read7BitEncodedInt();
            data._classes[c] = (byte)reader.Read7BitEncodedInt();
        }

        c = 0;
        for (int n = reader.Read7BitEncodedInt(); n > 0; n--)
        {
            c += reader.Read7BitEncodedInt();
            int flags = reader.Read7BitEncodedInt();
            int[] parts = new int[reader.Read7BitEncodedInt()];
            for (int i = 0; i < parts.Length; i++)
            {
                parts[i] = reader.Read7BitEncodedInt();
            }

            ((flags & 1) != 0 ? data._compatible : data._canonical)[c] = parts;
            if ((flags & 2) != 0)
            {
                data._composed[(parts[0], parts[1])] = c;
            }
        }

        c = 0;
        for (int n = reader.Read7BitEncodedInt(); n > 0; n--)
        {
            c += reader.Read7BitEncodedInt();
            data._marks.Add(c);
        }

        return data;
    }
}
