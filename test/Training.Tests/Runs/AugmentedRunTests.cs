using Lorikeet.Tracking;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Runs whose samples change at random: the same bits from run to run, over stop and resume, and for any number of threads.</summary>
public sealed class AugmentedRunTests
{
    private static readonly Lazy<byte[]> Uninterrupted = new(() =>
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: Settings(tiny));
        Assert.Contains("augmentation of 14 samples: ", outcome.Notes, StringComparison.Ordinal);
        Assert.Contains("randaugment in 14", outcome.Notes, StringComparison.Ordinal);
        Assert.Contains("left out of 4 because of their text", outcome.Notes, StringComparison.Ordinal);
        Assert.Contains("words replaced by synonyms", outcome.Notes, StringComparison.Ordinal);
        return File.ReadAllBytes(tiny.AdapterPath);
    });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 2)]
    public void A_stopped_run_goes_on_to_the_same_bytes_whatever_the_threads(int stopAfter, int threads)
    {
        using var tiny = new TinyRun();
        Assert.True(tiny.Train(threads: threads, stopAfter: stopAfter, settings: Settings(tiny)).Result.Interrupted);
        Outcome second = tiny.Train(UsedDirectory.Resume, threads: 2, settings: Settings(tiny));
        Assert.Equal(4 - stopAfter, second.Steps.Count());
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void With_packing_too_a_stopped_run_goes_on_to_the_same_bytes()
    {
        using var whole = new TinyRun();
        using var stopped = new TinyRun();
        string[] packed = ["--data.packing=true", "--data.max_length=250", "--train.per_device_train_batch_size=1", "--train.gradient_accumulation_steps=1"];
        int steps = whole.Train(settings: [.. Settings(whole), .. packed]).Result.Steps;
        Assert.True(steps > 2, $"{steps}");
        stopped.Train(stopAfter: 2, settings: [.. Settings(stopped), .. packed]);
        stopped.Train(UsedDirectory.Resume, threads: 3, settings: [.. Settings(stopped), .. packed]);
        Assert.Equal(File.ReadAllBytes(whole.AdapterPath), File.ReadAllBytes(stopped.AdapterPath));
    }

    [Fact]
    public void Each_epoch_sees_other_pictures()
    {
        using var tiny = new TinyRun();
        string[] settings = ["--data.shuffle=false", "--train.learning_rate=1e-30", "--lora.lora_dropout=0", "--train.per_device_train_batch_size=4", "--train.gradient_accumulation_steps=2"];
        double[] plain = [.. tiny.Train(settings: settings).Steps.Select(s => s.Loss)];
        Assert.Equal(plain[0], plain[1], 1e-6);
        double[] changed = [.. tiny.Train(UsedDirectory.Overwrite, settings: [.. settings, "--data.augment.randaugment", "{magnitude: 20}"]).Steps.Select(s => s.Loss)];
        Assert.True(Math.Abs(changed[0] - changed[1]) > 1e-5, $"{changed[0]} and {changed[1]}");
        Assert.True(Math.Abs(changed[0] - plain[0]) > 1e-5, $"{changed[0]} and {plain[0]}");
    }

    [Fact]
    public void Evaluation_samples_are_never_changed()
    {
        using var tiny = new TinyRun();
        string[] settings = ["--train.learning_rate=1e-30"];
        double plain = tiny.Train(settings: settings).Events.OfType<Evaluated>().First().Loss;
        double augmented = tiny.Train(UsedDirectory.Overwrite, settings: [.. settings, .. Settings(tiny)]).Events.OfType<Evaluated>().First().Loss;
        Assert.Equal(plain, augmented, 1e-7);
    }

    [Fact]
    public void Resuming_with_another_augmentation_is_refused()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 1, settings: Settings(tiny));
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: [.. Settings(tiny), "--data.augment.randaugment.magnitude=4"]));
        Assert.Contains("data.augment.randaugment.magnitude: 12 in the checkpoint, 4 now", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: [.. Settings(tiny), "--data.thumbnail=50"]));
        Assert.Contains("data.thumbnail: null in the checkpoint, [50] now", error.Message, StringComparison.Ordinal);
        File.AppendAllText(Path.Combine(tiny.Folder, "words.txt"), "other: different\n");
        error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: Settings(tiny)));
        Assert.Contains("data.augment.synonyms.file: another word list", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_sample_that_would_become_too_long_stays_as_it_is()
    {
        using var tiny = new TinyRun();
        string words = Path.Combine(tiny.Folder, "long.txt");
        File.WriteAllText(words, "Question: " + string.Concat(Enumerable.Repeat("very long question ", 400)) + "\n");
        string[] settings = ["--train.max_steps=1", "--data.max_length=1000"];
        tiny.Train(settings: settings);
        byte[] plain = File.ReadAllBytes(tiny.AdapterPath);

        Outcome outcome = tiny.Train(UsedDirectory.Overwrite, settings: [.. settings, "--data.augment.synonyms", $"{{file: '{words}', probability: 1}}"]);

        Assert.Contains("4 left as they are, because changed they would have been too long", outcome.Notes, StringComparison.Ordinal);
        Assert.Equal(plain, File.ReadAllBytes(tiny.AdapterPath));
    }

    [Fact]
    public void A_word_list_that_is_missing_stops_the_run_before_it_starts()
    {
        using var tiny = new TinyRun();
        Assert.Contains("the word list cannot be read", Assert.Throws<InvalidDataException>(() => tiny.Train(settings: ["--data.augment.synonyms.file=nowhere.txt"])).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(tiny.Output));
    }

    private static string[] Settings(TinyRun tiny)
    {
        string words = Path.Combine(tiny.Folder, "words.txt");
        if (!File.Exists(words))
        {
            File.WriteAllText(words, "question, query, request\n");
        }

        return
        [
            "--data.augment.randaugment", "{magnitude: 12}",
            "--data.augment.horizontal_flip", "{probability: 0.5, skip_when_text_matches: ['3', '5']}",
            "--data.augment.random_resized_crop", "{scale: [0.5, 1]}",
            "--data.augment.color_jitter", "{brightness: 0.4, hue: 0.1}",
            "--data.augment.synonyms", $"{{file: '{words}', probability: 0.5}}",
        ];
    }
}
