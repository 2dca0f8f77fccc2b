using Lorikeet.Data.Augment;
using Lorikeet.Imaging;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Tests.Augment;

public sealed class AugmenterTests
{
    private static readonly PixelSize[] OneSize = [new(40, 30)];

    [Fact]
    public void NothingIsChangedWithoutOptions()
    {
        Sample sample = Conversation("What is left of the cat?", "A dog.");
        Image picture = Noise(5, 4);

        AugmentedSample result = Augmenter.Create(new AugmentOptions(), []).Apply(sample, [picture], 1);

        Assert.Same(sample.Messages, result.Messages);
        Assert.Same(picture, Assert.Single(result.Images));
    }

    [Fact]
    public void WhatIsDrawnDependsOnTheKeyAlone()
    {
        Augmenter augmenter = Augmenter.Create(Everything(), []), again = Augmenter.Create(Everything(), []);
        Sample sample = Conversation("How large is it?", "Large.");
        Image[] pictures = [Noise(30, 20), Noise(17, 40)];

        AugmentedSample[] forwards = [.. Enumerable.Range(0, 20).Select(key => augmenter.Apply(sample, pictures, (ulong)key))];
        AugmentedSample[] backwards = [.. Enumerable.Range(0, 20).Reverse().Select(key => again.Apply(sample, pictures, (ulong)key)).Reverse()];

        for (int key = 0; key < 20; key++)
        {
            Assert.Equal(forwards[key].Images.Select(Content), backwards[key].Images.Select(Content));
        }

        Assert.True(forwards.Select(f => Content(f.Images[0])).Distinct().Count() > 15);
        Assert.NotEqual(Content(forwards[0].Images[0]), Content(pictures[0]));
    }

    [Fact]
    public void OneChangeDoesNotMoveTheDrawsOfAnother()
    {
        var crop = new AugmentOptions { RandomResizedCrop = new CropOptions() };
        AugmentOptions more = crop with { HorizontalFlip = new FlipOptions(), ColorJitter = new ColorJitterOptions { Hue = 0.2 }, RandAugment = new RandAugmentOptions() };

        for (ulong key = 0; key < 10; key++)
        {
            Assert.Equal(
                Augmenter.Create(crop, []).Plan(Conversation("a", "b").Messages, OneSize, key).Sizes,
                Augmenter.Create(more, []).Plan(Conversation("a", "b").Messages, OneSize, key).Sizes);
        }
    }

    [Fact]
    public void ThePlanTellsTheSizesOfThePicturesItMakes()
    {
        Augmenter augmenter = Augmenter.Create(Everything(), []);
        Image[] pictures = [Noise(31, 20), Noise(3, 50), Noise(1, 1)];
        PixelSize[] sizes = [.. pictures.Select(p => new PixelSize(p.Width, p.Height))];

        for (ulong key = 0; key < 50; key++)
        {
            AugmentPlan plan = augmenter.Plan(Conversation("a", "b").Messages, sizes, key);
            Assert.Equal(plan.Sizes, plan.Apply(pictures).Select(p => new PixelSize(p.Width, p.Height)));
        }
    }

    [Fact]
    public void CropsKeepToScaleAndRatio()
    {
        var crop = new CropOptions { Scale = (0.25, 0.5), Ratio = (0.5, 2) };
        Augmenter augmenter = Augmenter.Create(new AugmentOptions { RandomResizedCrop = crop }, []);
        var seen = new HashSet<PixelSize>();

        for (ulong key = 0; key < 300; key++)
        {
            PixelSize size = Assert.Single(augmenter.Plan(Conversation("a", "b").Messages, [new PixelSize(400, 300)], key).Sizes);
            Assert.InRange((double)size.Width * size.Height / 120_000, 0.24, 0.51);
            Assert.InRange((double)size.Width / size.Height, 0.49, 2.03);
            seen.Add(size);
        }

        Assert.True(seen.Count > 250);
    }

    [Fact]
    public void APictureThatNoPartOfTheRatioFitsIsCutInTheMiddle()
    {
        var crop = new CropOptions { Scale = (0.9, 1), Ratio = (1, 1) };
        AugmentPlan plan = Augmenter.Create(new AugmentOptions { RandomResizedCrop = crop }, []).Plan(Conversation("a", "b").Messages, [new PixelSize(100, 10)], 7);

        Assert.Equal([new PixelSize(10, 10)], plan.Sizes);
        Assert.Equal(["crop 10x10 at 45,0"], plan.Describe(0));
    }

    [Fact]
    public void ACropOfAnAskedSizeIsResized()
    {
        AugmentPlan plan = Augmenter.Create(new AugmentOptions { RandomResizedCrop = new CropOptions { Size = 16 } }, []).Plan(Conversation("a", "b").Messages, OneSize, 7);

        Assert.Equal([new PixelSize(16, 16)], plan.Sizes);
        Assert.Equal(16, plan.Apply([Noise(40, 30)])[0].Height);
    }

    [Fact]
    public void ProbabilitiesAreKept()
    {
        Augmenter augmenter = Augmenter.Create(new AugmentOptions { HorizontalFlip = new FlipOptions { Probability = 0.3 } }, []);

        int flipped = Enumerable.Range(0, 2000).Count(key => augmenter.Plan(Conversation("a", "b").Messages, OneSize, (ulong)key).Describe(0).Count > 0);

        Assert.InRange(flipped, 530, 670);
    }

    [Fact]
    public void AllPicturesOfASampleAreFlippedTogether()
    {
        Augmenter augmenter = Augmenter.Create(new AugmentOptions { HorizontalFlip = new FlipOptions { Probability = 0.5 } }, []);
        var outcomes = Enumerable.Range(0, 40).Select(key => augmenter.Plan(Conversation("a", "b").Messages, [new PixelSize(4, 4), new PixelSize(5, 5)], (ulong)key))
            .Select(plan => (First: plan.Describe(0).Count, Second: plan.Describe(1).Count)).ToList();

        Assert.All(outcomes, o => Assert.Equal(o.First, o.Second));
        Assert.Equal([0, 1], outcomes.Select(o => o.First).Distinct().Order());
    }

    [Theory]
    [InlineData("Is the cat LEFT of the dog?", true)]
    [InlineData("the left-hand side", true)]
    [InlineData("Two leftovers", false)]
    [InlineData("on the right\n hand", true)]
    [InlineData("that is right", false)]
    [InlineData("狗在左边", true)]
    [InlineData("狗在哪里", false)]
    public void AFlipIsLeftOutWhereTheTextForbidsIt(string answer, bool forbidden)
    {
        var flip = new FlipOptions { SkipWhenTextMatches = ["left", "right hand", "左"] };
        AugmentPlan plan = Augmenter.Create(new AugmentOptions { HorizontalFlip = flip }, []).Plan(Conversation("Where?", answer).Messages, OneSize, 3);

        Assert.Equal(forbidden, plan.Describe(0).Count == 0);
        Assert.Equal(
            forbidden ? "augmentation of 1 samples: horizontal_flip in 0, left out of 1 because of their text" : "augmentation of 1 samples: horizontal_flip in 1",
            plan.Counts.ToString());
    }

    [Fact]
    public void WordsChangePlacesWithAFlip()
    {
        var flip = new FlipOptions { SwapWords = new Dictionary<string, string> { ["left"] = "right", ["links"] = "rechts" } };
        Sample sample = Conversation("Left or RIGHT? <left> <image_left>", "On the left-hand side, rechts. Leftovers stay.");

        AugmentedSample result = Augmenter.Create(new AugmentOptions { HorizontalFlip = flip }, []).Apply(sample, [Noise(3, 2)], 3);

        Assert.Equal("Right or LEFT? <left> <image_left>", result.Messages[0].AllText);
        Assert.Equal("On the right-hand side, links. Leftovers stay.", result.Messages[1].AllText);
        Assert.IsType<ImagePart>(result.Messages[0].Parts![0]);
        Assert.Equal("augmentation of 1 samples: horizontal_flip in 1; 4 words swapped with a flip", result.Counts.ToString());
        Assert.Equal(Crop.FlipHorizontally(Noise(3, 2)).Pixels, result.Images[0].Pixels);
    }

    [Fact]
    public void TextAloneIsNeitherFlippedNorSwapped()
    {
        var flip = new FlipOptions { SwapWords = new Dictionary<string, string> { ["left"] = "right" } };
        Sample sample = Conversation("left", "right");

        Assert.Same(sample.Messages, Augmenter.Create(new AugmentOptions { HorizontalFlip = flip }, []).Apply(sample, [], 3).Messages);
    }

    [Fact]
    public void JitterStaysInItsRanges()
    {
        Augmenter augmenter = Augmenter.Create(new AugmentOptions { ColorJitter = new ColorJitterOptions { Brightness = 0.4, Hue = 0.1 } }, []);
        var orders = new HashSet<string>();
        for (ulong key = 0; key < 200; key++)
        {
            IReadOnlyList<string> steps = augmenter.Plan(Conversation("a", "b").Messages, OneSize, key).Describe(0);
            Assert.Equal(2, steps.Count);
            double brightness = Value(steps, "brightness"), hue = Value(steps, "hue");
            Assert.InRange(brightness, 0.6, 1.4);
            Assert.InRange(hue, -0.1, 0.1);
            orders.Add(steps[0].Split(' ')[0]);
        }

        Assert.Equal(["brightness", "hue"], orders.Order());
    }

    [Fact]
    public void CountsAddUp()
    {
        Augmenter augmenter = Augmenter.Create(Everything() with { VerticalFlip = new FlipOptions { SkipWhenTextMatches = ["above"] } }, []);
        var all = new AugmentCounts();
        Assert.Null(all.ToString());
        foreach (string text in new[] { "above", "below", "above" })
        {
            all.Add(augmenter.Plan(Conversation(text, "b").Messages, OneSize, 1).Counts);
        }

        Assert.Equal(3, all.Samples);
        Assert.Contains("vertical_flip in 1, left out of 2 because of their text", all.ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<AugmentOptions, string> Unusable() => new()
    {
        { new AugmentOptions { HorizontalFlip = new FlipOptions { Probability = 1.5 } }, "data.augment.horizontal_flip.probability: expected 0 to 1, found 1.5" },
        { new AugmentOptions { RandAugment = new RandAugmentOptions { Magnitude = 31 } }, "data.augment.randaugment.magnitude: expected 0 to 30 (num_magnitude_bins is 31), found 31" },
        { new AugmentOptions { RandomResizedCrop = new CropOptions { Scale = (0.5, 0.2) } }, "data.augment.random_resized_crop.scale: expected two numbers above 0 and up to 1, the smaller one first, found (0.5, 0.2)" },
        { new AugmentOptions { ColorJitter = new ColorJitterOptions { Hue = 0.6 } }, "data.augment.color_jitter.hue: expected 0 to 0.5, found 0.6" },
        { new AugmentOptions { VerticalFlip = new FlipOptions { SkipWhenTextMatches = [" "] } }, "data.augment.vertical_flip.skip_when_text_matches: expected words, found an empty one" },
        {
            new AugmentOptions { VerticalFlip = new FlipOptions { SwapWords = new Dictionary<string, string> { ["up"] = "down", ["Down"] = "under" } } },
            "data.augment.vertical_flip.swap_words: expected each word once (a pair works in both directions), found 'down' more than once"
        },
    };

    [Theory]
    [MemberData(nameof(Unusable))]
    public void OptionsOutOfRangeAreRefused(AugmentOptions options, string message) =>
        Assert.Equal(message, Assert.Throws<InvalidDataException>(() => Augmenter.Create(options, [])).Message);

    [Fact]
    public void TheIdentityFollowsEveryOption()
    {
        AugmentOptions all = Everything();
        AugmentOptions[] others =
        [
            all,
            all with { VerticalFlip = null },
            all with { HorizontalFlip = all.HorizontalFlip! with { SwapWords = new Dictionary<string, string> { ["a"] = "b" } } },
            all with { HorizontalFlip = all.HorizontalFlip! with { SkipWhenTextMatches = ["a"] } },
            all with { RandAugment = all.RandAugment! with { Fill = 1 } },
            all with { RandAugment = all.RandAugment! with { Operations = [RandAugmentOperation.Invert] } },
            all with { RandomResizedCrop = all.RandomResizedCrop! with { Scale = (0.1, 1) } },
            all with { ColorJitter = all.ColorJitter! with { Contrast = 0.3 } },
        ];

        string[] identities = [.. others.Select(o => Augmenter.Create(o, []).Identity)];

        Assert.Equal(identities.Length, identities.Distinct().Count());
        Assert.Equal(identities[0], Augmenter.Create(Everything(), []).Identity);
    }

    [Fact]
    public void FlipsWithoutWordsAreRemarkedUpon() =>
        Assert.Contains(
            "skip_when_text_matches",
            Assert.Single(Augmenter.Create(new AugmentOptions { HorizontalFlip = new FlipOptions() }, []).Notes), StringComparison.Ordinal);

    internal static Sample Conversation(string question, string answer) => new()
    {
        Messages = [new ChatMessage("user", [new ImagePart(), new TextPart(question)]), new ChatMessage("assistant", answer)],
        Images = [],
        Origin = "a.jsonl:1",
        RowId = 0,
    };

    private static AugmentOptions Everything() => new()
    {
        RandomResizedCrop = new CropOptions(),
        HorizontalFlip = new FlipOptions { Probability = 0.5 },
        VerticalFlip = new FlipOptions { Probability = 0.5 },
        RandAugment = new RandAugmentOptions(),
        ColorJitter = new ColorJitterOptions { Brightness = 0.4, Contrast = 0.4, Saturation = 0.4, Hue = 0.1 },
    };

    private static Image Noise(int width, int height) =>
        new(width, height, PixelMode.RGB, [.. Enumerable.Range(0, 3 * width * height).Select(i => (byte)((i * 2654435761) >> 13))]);

    private static string Content(Image image) => $"{image.Width}x{image.Height} {Convert.ToBase64String(image.Pixels)}";

    private static double Value(IReadOnlyList<string> steps, string name) =>
        double.Parse(steps.Single(s => s.StartsWith(name, StringComparison.Ordinal))[name.Length..], System.Globalization.CultureInfo.InvariantCulture);
}
