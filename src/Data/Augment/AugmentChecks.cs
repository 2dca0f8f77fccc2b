using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lorikeet.Data.Augment;

/// <summary>Ranges of the options, their identity, and what the user is told about them.</summary>
internal static class AugmentChecks
{
    /// <summary>Refuses what cannot be drawn.</summary>
    /// <exception cref="InvalidDataException">An option is out of range; the message names its key.</exception>
    public static void Require(AugmentOptions options)
    {
        foreach ((string key, string message) in Problems(options))
        {
            throw new InvalidDataException($"data.augment.{key}: {message}");
        }
    }

    /// <summary>Everything that cannot be drawn: keys below <c>data.augment</c>, and what was expected.</summary>
    public static IEnumerable<(string Key, string Message)> Problems(AugmentOptions options) =>
        Rules(options).Where(rule => !rule.Holds).Select(rule => (rule.Key, string.Create(CultureInfo.InvariantCulture, $"expected {rule.Expected}, found {rule.Found}")));

    private static IEnumerable<Rule> Rules(AugmentOptions options) =>
    [
        .. Common("random_resized_crop", options.RandomResizedCrop), .. Common("horizontal_flip", options.HorizontalFlip),
        .. Common("vertical_flip", options.VerticalFlip), .. Common("randaugment", options.RandAugment), .. Common("color_jitter", options.ColorJitter),
        .. Crop(options.RandomResizedCrop), .. Magnitude(options.RandAugment), .. Jitter(options.ColorJitter),
        .. Swaps("horizontal_flip", options.HorizontalFlip), .. Swaps("vertical_flip", options.VerticalFlip), .. Synonyms(options.Synonyms),
    ];

    private static Rule[] Crop(CropOptions? crop) => crop is null ? [] :
    [
        new(crop.Scale is { Low: > 0, High: <= 1 } && crop.Scale.Low <= crop.Scale.High, "random_resized_crop.scale", "two numbers above 0 and up to 1, the smaller one first", crop.Scale),
        new(crop.Ratio.Low > 0 && crop.Ratio.Low <= crop.Ratio.High && double.IsFinite(crop.Ratio.High), "random_resized_crop.ratio", "two numbers above 0, the smaller one first", crop.Ratio),
        new(crop.Size is null or (>= 1 and <= 16384), "random_resized_crop.size", "1 to 16384 pixels", crop.Size),
    ];

    private static Rule[] Magnitude(RandAugmentOptions? augment) => augment is null ? [] :
    [
        new(augment.NumOps is >= 0 and <= 100, "randaugment.num_ops", "0 to 100", augment.NumOps),
        new(augment.NumMagnitudeBins >= 2, "randaugment.num_magnitude_bins", "at least 2", augment.NumMagnitudeBins),
        new(augment.Magnitude >= 0 && augment.Magnitude < augment.NumMagnitudeBins, "randaugment.magnitude", FormattableString.Invariant($"0 to {augment.NumMagnitudeBins - 1} (num_magnitude_bins is {augment.NumMagnitudeBins})"), augment.Magnitude),
    ];

    private static Rule[] Jitter(ColorJitterOptions? jitter) => jitter is null ? [] :
    [
        new(jitter.Brightness >= 0 && double.IsFinite(jitter.Brightness), "color_jitter.brightness", "0 or more", jitter.Brightness),
        new(jitter.Contrast >= 0 && double.IsFinite(jitter.Contrast), "color_jitter.contrast", "0 or more", jitter.Contrast),
        new(jitter.Saturation >= 0 && double.IsFinite(jitter.Saturation), "color_jitter.saturation", "0 or more", jitter.Saturation),
        new(jitter.Hue is >= 0 and <= 0.5, "color_jitter.hue", "0 to 0.5", jitter.Hue),
    ];

    private static Rule[] Synonyms(SynonymOptions? synonyms) => synonyms is null ? [] : [new(synonyms.Probability is >= 0 and <= 1, "synonyms.probability", "0 to 1", synonyms.Probability)];

    private static Rule[] Common(string name, PictureChange? change) => change is null ? [] :
    [
        new(change.Probability is >= 0 and <= 1, name + ".probability", "0 to 1", change.Probability),
        new(change.SkipWhenTextMatches.All(w => w.Trim().Length > 0), name + ".skip_when_text_matches", "words", "an empty one"),
    ];

    private static Rule[] Swaps(string name, FlipOptions? flip)
    {
        string[] words = flip is null ? [] : [.. flip.SwapWords.SelectMany(p => new[] { p.Key.Trim(), p.Value.Trim() })];
        string? twice = words.GroupBy(w => w, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1)?.Key;
        return
        [
            new(words.All(w => w.Length > 0), name + ".swap_words", "pairs of words", "an empty word"),
            new(twice is null, name + ".swap_words", "each word once (a pair works in both directions)", $"'{twice}' more than once"),
        ];
    }

    /// <summary>A hash of everything that changes what is drawn; where the word list lies does not.</summary>
    public static string Identity(AugmentOptions o, string? listHash)
    {
        var text = new StringBuilder();
        if (o.RandomResizedCrop is { } crop)
        {
            Add(text, crop, $"crop {crop.Scale.Low:R} {crop.Scale.High:R} {crop.Ratio.Low:R} {crop.Ratio.High:R} {crop.Size}");
        }

        foreach ((string name, FlipOptions? flip) in new[] { ("horizontal", o.HorizontalFlip), ("vertical", o.VerticalFlip) })
        {
            if (flip is not null)
            {
                Add(text, flip, $"{name} {string.Join('\u0001', flip.SwapWords.OrderBy(p => p.Key, StringComparer.Ordinal))}");
            }
        }

        if (o.RandAugment is { } a)
        {
            Add(text, a, $"randaugment {a.NumOps} {a.Magnitude} {a.NumMagnitudeBins} {a.Fill} {string.Join(',', a.Operations)}");
        }

        if (o.ColorJitter is { } j)
        {
            Add(text, j, $"jitter {j.Brightness:R} {j.Contrast:R} {j.Saturation:R} {j.Hue:R}");
        }

        if (o.Synonyms is { } s)
        {
            text.Append(CultureInfo.InvariantCulture, $"synonyms {listHash} {s.Probability:R} {string.Join(',', s.Roles)}\n");
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())).AsSpan(0, 8));
    }

    /// <summary>What takes place, and what the options leave to chance.</summary>
    public static IEnumerable<string> Notes(AugmentOptions options, int words)
    {
        if (options.HorizontalFlip is { Probability: > 0, SkipWhenTextMatches.Count: 0, SwapWords.Count: 0 })
        {
            yield return "data.augment.horizontal_flip mirrors every picture, also where the text says left or right: name such words in skip_when_text_matches or swap_words if yours does.";
        }

        if (options.VerticalFlip is { Probability: > 0, SkipWhenTextMatches.Count: 0, SwapWords.Count: 0 })
        {
            yield return "data.augment.vertical_flip turns every picture upside down, also where the text says above or below: name such words in skip_when_text_matches or swap_words if yours does.";
        }

        if (options.ColorJitter is { Brightness: 0, Contrast: 0, Saturation: 0, Hue: 0 })
        {
            yield return "data.augment.color_jitter changes nothing: brightness, contrast, saturation and hue are all 0.";
        }

        if (options.Synonyms is { } synonyms)
        {
            yield return FormattableString.Invariant($"data.augment.synonyms: {words} words of {synonyms.File} are replaced with probability {synonyms.Probability} in what {string.Join(" and ", synonyms.Roles)} say.");
        }
    }

    private static void Add(StringBuilder text, PictureChange change, FormattableString what) =>
        text.Append(what.ToString(CultureInfo.InvariantCulture)).Append(CultureInfo.InvariantCulture, $" {change.Probability:R} {string.Join('\u0001', change.SkipWhenTextMatches)}\n");

    private sealed record Rule(bool Holds, string Key, string Expected, object? Found);
}
