using Lorikeet.Data.Sampling;
using Lorikeet.Imaging;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Augment;

/// <summary>
/// Random changes to training samples. Everything is drawn from a counter-based generator keyed by the sample's key, so that a sample is
/// changed in the same way whatever came before it, on whatever thread, and after a resume. Safe from several threads.
/// </summary>
public sealed class Augmenter
{
    private const ulong FlipStream = 1, CropStream = 2, RandAugmentStream = 3, JitterStream = 4, SynonymStream = 5;

    private readonly AugmentOptions _options;
    private readonly ProtectedText _protected;
    private readonly SynonymList? _synonyms;
    private readonly Dictionary<PictureChange, PhraseSet<string>> _forbidding;
    private readonly Dictionary<FlipOptions, PhraseSet<SwapEntry>> _swaps;

    private Augmenter(AugmentOptions options, IEnumerable<string> protectedTokens)
    {
        AugmentChecks.Require(options);
        _options = options;
        _protected = new ProtectedText(protectedTokens);
        _synonyms = options.Synonyms is { } synonyms ? SynonymList.Read(synonyms.File) : null;
        PictureChange?[] changes = [options.RandomResizedCrop, options.HorizontalFlip, options.VerticalFlip, options.RandAugment, options.ColorJitter];
        _forbidding = changes.OfType<PictureChange>().ToDictionary(c => c, Forbidding, (IEqualityComparer<PictureChange>)ReferenceEqualityComparer.Instance);
        _swaps = changes.OfType<FlipOptions>().ToDictionary(f => f, Swaps, (IEqualityComparer<FlipOptions>)ReferenceEqualityComparer.Instance);
        Identity = AugmentChecks.Identity(options, _synonyms?.Hash);
        Notes = [.. AugmentChecks.Notes(options, _synonyms?.Phrases.Count ?? 0)];
    }

    /// <summary>Identity of what is drawn, for checkpoints: the options and the content of the word list.</summary>
    public string Identity { get; }

    /// <summary>What the user should know, one sentence each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Makes the augmentation of a run.</summary>
    /// <param name="options">What takes place.</param>
    /// <param name="protectedTokens">The tokenizer's special tokens: words inside them are never changed.</param>
    /// <exception cref="InvalidDataException">An option is out of range, or the word list is unusable.</exception>
    public static Augmenter Create(AugmentOptions options, IEnumerable<string> protectedTokens)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(protectedTokens);
        return new Augmenter(options, protectedTokens);
    }

    /// <summary>Decides what happens to a sample.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="sizes">Sizes of its pictures.</param>
    /// <param name="key">Key of the sample in this epoch.</param>
    public AugmentPlan Plan(IReadOnlyList<ChatMessage> messages, IReadOnlyList<PixelSize> sizes, ulong key)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(sizes);
        var counts = new AugmentCounts();
        counts.CountSample();
        PixelSize[] after = [.. sizes];
        var steps = new List<PictureStep>[after.Length];
        for (int i = 0; i < steps.Length; i++)
        {
            steps[i] = [];
        }

        IReadOnlyList<ChatMessage> changed = messages;
        if (steps.Length > 0)
        {
            Crop(messages, steps, after, key, counts);
            changed = Flip(_options.HorizontalFlip, AugmentChange.HorizontalFlip, messages, changed, steps, key, counts);
            changed = Flip(_options.VerticalFlip, AugmentChange.VerticalFlip, messages, changed, steps, key, counts);
            Colour(messages, steps, after, key, counts);
        }

        return new AugmentPlan(ReplaceSynonyms(changed, key, counts), after, steps, counts);
    }

    /// <summary>Decides, and does it. Of samples with videos, words alone are changed.</summary>
    /// <param name="sample">The sample.</param>
    /// <param name="images">Its pictures.</param>
    /// <param name="key">Key of the sample in this epoch.</param>
    public AugmentedSample Apply(Sample sample, IReadOnlyList<Image> images, ulong key)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(images);
        if (sample.Videos.Count > 0)
        {
            // The text speaks of pictures and videos together, and videos are not changed.
            AugmentPlan words = Plan(sample.Messages, [], key);
            return new AugmentedSample(words.Messages, images, words.Counts);
        }

        AugmentPlan plan = Plan(sample.Messages, [.. images.Select(i => new PixelSize(i.Width, i.Height))], key);
        return new AugmentedSample(plan.Messages, plan.Apply(images), plan.Counts);
    }

    private void Crop(IReadOnlyList<ChatMessage> messages, List<PictureStep>[] steps, PixelSize[] sizes, ulong key, AugmentCounts counts)
    {
        if (_options.RandomResizedCrop is not { } crop || IsForbidden(crop, AugmentChange.RandomResizedCrop, messages, counts))
        {
            return;
        }

        bool any = false;
        for (int i = 0; i < steps.Length; i++)
        {
            CounterRandom random = Random(key, CropStream, i);
            if (random.Uniform() < crop.Probability)
            {
                (PictureStep step, int width, int height) = PictureSteps.Crop(crop, sizes[i].Width, sizes[i].Height, random);
                steps[i].Add(step);
                sizes[i] = new PixelSize(width, height);
                any = true;
            }
        }

        Count(any, AugmentChange.RandomResizedCrop, counts);
    }

    /// <summary>One draw for all pictures of the sample: the text speaks of them together.</summary>
    private IReadOnlyList<ChatMessage> Flip(
        FlipOptions? flip, AugmentChange change, IReadOnlyList<ChatMessage> original, IReadOnlyList<ChatMessage> messages, List<PictureStep>[] steps, ulong key, AugmentCounts counts)
    {
        if (flip is null || IsForbidden(flip, change, original, counts) || Random(key, FlipStream, (int)change).Uniform() >= flip.Probability)
        {
            return messages;
        }

        bool horizontal = change == AugmentChange.HorizontalFlip;
        foreach (List<PictureStep> picture in steps)
        {
            picture.Add(new PictureStep(horizontal ? "horizontal flip" : "vertical flip", horizontal ? Imaging.Crop.FlipHorizontally : Imaging.Crop.FlipVertically));
        }

        counts.CountApplied(change);
        PhraseSet<SwapEntry> swaps = _swaps[flip];
        return swaps.Count == 0 ? messages : WordChanges.InMessages(messages, (_, _) => text => WordChanges.Replace(text, swaps, _protected, match =>
        {
            counts.CountSwap();
            return WordChanges.InCaseOf(text[match.Start..match.End], match.Value.Listed, match.Value.Other);
        }));
    }

    private void Colour(IReadOnlyList<ChatMessage> messages, List<PictureStep>[] steps, PixelSize[] sizes, ulong key, AugmentCounts counts)
    {
        if (_options.RandAugment is { } augment)
        {
            Each(augment, AugmentChange.Randaugment, RandAugmentStream, (i, random) => RandAugment.Draw(augment, sizes[i].Width, sizes[i].Height, random));
        }

        if (_options.ColorJitter is { } jitter)
        {
            Each(jitter, AugmentChange.ColorJitter, JitterStream, (_, random) => PictureSteps.Jitter(jitter, random));
        }

        void Each(PictureChange options, AugmentChange change, ulong stream, Func<int, CounterRandom, IEnumerable<PictureStep>> draw)
        {
            if (IsForbidden(options, change, messages, counts))
            {
                return;
            }

            bool any = false;
            for (int i = 0; i < steps.Length; i++)
            {
                CounterRandom random = Random(key, stream, i);
                if (random.Uniform() < options.Probability)
                {
                    steps[i].AddRange(draw(i, random));
                    any = true;
                }
            }

            Count(any, change, counts);
        }
    }

    private IReadOnlyList<ChatMessage> ReplaceSynonyms(IReadOnlyList<ChatMessage> messages, ulong key, AugmentCounts counts)
    {
        if (_synonyms is null || _options.Synonyms is not { } options)
        {
            return messages;
        }

        return WordChanges.InMessages(messages, (message, index) =>
        {
            if (!options.Roles.Contains(message.Role, StringComparer.OrdinalIgnoreCase))
            {
                return null;
            }

            CounterRandom random = Random(key, SynonymStream, index);
            return text => WordChanges.Replace(text, _synonyms.Phrases, _protected, match =>
            {
                // Both numbers are drawn for every word: what happens to one leaves the others alone.
                bool replaces = random.Uniform() < options.Probability;
                string word = match.Value.Alternatives[(int)random.Below((uint)match.Value.Alternatives.Count)];
                if (!replaces || !WordChanges.StandsAlone(text, match.Start, match.End))
                {
                    return null;
                }

                counts.CountSynonym();
                return WordChanges.InCaseOf(text[match.Start..match.End], match.Value.Listed, word);
            });
        });
    }

    private bool IsForbidden(PictureChange change, AugmentChange kind, IReadOnlyList<ChatMessage> messages, AugmentCounts counts)
    {
        PhraseSet<string> phrases = _forbidding[change];
        bool forbidden = phrases.Count > 0 && WordChanges.Texts(messages).Any(text => phrases.Find(text).Count > 0);
        if (forbidden)
        {
            counts.CountForbidden(kind);
        }

        return forbidden;
    }

    private static void Count(bool any, AugmentChange change, AugmentCounts counts)
    {
        if (any)
        {
            counts.CountApplied(change);
        }
    }

    private static CounterRandom Random(ulong key, ulong stream, int index) => new(key, (stream << 32) | (uint)index);

    private static PhraseSet<string> Forbidding(PictureChange change)
    {
        var phrases = new PhraseSet<string>();
        foreach (string phrase in change.SkipWhenTextMatches)
        {
            phrases.GetOrAdd(phrase, () => phrase);
        }

        return phrases;
    }

    private static PhraseSet<SwapEntry> Swaps(FlipOptions flip)
    {
        var phrases = new PhraseSet<SwapEntry>();
        foreach ((string one, string other) in flip.SwapWords)
        {
            phrases.GetOrAdd(one, () => new SwapEntry(one, other));
            phrases.GetOrAdd(other, () => new SwapEntry(other, one));
        }

        return phrases;
    }

    private sealed record SwapEntry(string Listed, string Other);
}
