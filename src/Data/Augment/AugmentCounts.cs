using System.Globalization;

namespace Lorikeet.Data.Augment;

/// <summary>The changes that are counted.</summary>
internal enum AugmentChange
{
    /// <summary>Crops.</summary>
    RandomResizedCrop,

    /// <summary>Left and right.</summary>
    HorizontalFlip,

    /// <summary>Top and bottom.</summary>
    VerticalFlip,

    /// <summary>RandAugment.</summary>
    Randaugment,

    /// <summary>Colours.</summary>
    ColorJitter,
}

/// <summary>What augmentation did to a number of samples. Not safe for several threads at once.</summary>
public sealed class AugmentCounts
{
    private static readonly string[] Names = ["random_resized_crop", "horizontal_flip", "vertical_flip", "randaugment", "color_jitter"];
    private readonly long[] _applied = new long[Names.Length];
    private readonly long[] _forbidden = new long[Names.Length];
    private long _samples;
    private long _words;
    private long _swapped;
    private long _leftAlone;

    /// <summary>Samples counted.</summary>
    public long Samples => _samples;

    /// <summary>The counts of one sample that was used as it is, because changed it would have been too long.</summary>
    public static AugmentCounts LeftAlone() => new() { _samples = 1, _leftAlone = 1 };

    /// <summary>Adds what was counted elsewhere.</summary>
    public void Add(AugmentCounts other)
    {
        ArgumentNullException.ThrowIfNull(other);
        for (int i = 0; i < Names.Length; i++)
        {
            _applied[i] += other._applied[i];
            _forbidden[i] += other._forbidden[i];
        }

        _samples += other._samples;
        _words += other._words;
        _swapped += other._swapped;
        _leftAlone += other._leftAlone;
    }

    /// <summary>The counts in one sentence, or null where no sample was counted.</summary>
    public override string? ToString()
    {
        if (_samples == 0)
        {
            return null;
        }

        var parts = new List<string>();
        for (int i = 0; i < Names.Length; i++)
        {
            if (_applied[i] > 0 || _forbidden[i] > 0)
            {
                string forbidden = _forbidden[i] > 0 ? Text($", left out of {_forbidden[i]} because of their text") : "";
                parts.Add(Text($"{Names[i]} in {_applied[i]}{forbidden}"));
            }
        }

        if (_swapped > 0)
        {
            parts.Add(Text($"{_swapped} words swapped with a flip"));
        }

        if (_words > 0)
        {
            parts.Add(Text($"{_words} words replaced by synonyms"));
        }

        if (_leftAlone > 0)
        {
            parts.Add(Text($"{_leftAlone} left as they are, because changed they would have been too long"));
        }

        return Text($"augmentation of {_samples} samples: {(parts.Count > 0 ? string.Join("; ", parts) : "nothing was drawn")}");
    }

    internal void CountSample() => _samples++;

    internal void CountApplied(AugmentChange change) => _applied[(int)change]++;

    internal void CountForbidden(AugmentChange change) => _forbidden[(int)change]++;

    internal void CountSynonym() => _words++;

    internal void CountSwap() => _swapped++;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
