using Lorikeet.Tracking;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>The same bits from run to run, over stop and resume, and for any number of threads.</summary>
public sealed class ResumeTests
{
    private static readonly Lazy<byte[]> Uninterrupted = new(() =>
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train();
        Assert.Equal(4, outcome.Result.Steps);
        Assert.Equal([2, 4], outcome.Events.OfType<Evaluated>().Select(e => (int)e.Step));
        return File.ReadAllBytes(tiny.AdapterPath);
    });

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Any_number_of_threads_gives_the_same_bytes(int threads)
    {
        using var tiny = new TinyRun();
        tiny.Train(threads: threads);
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_stopped_run_goes_on_to_the_same_bytes(int stopAfter)
    {
        using var tiny = new TinyRun();
        Outcome first = tiny.Train(stopAfter: stopAfter);
        Assert.True(first.Result.Interrupted);
        Assert.Equal(stopAfter, first.Result.Steps);
        Assert.False(File.Exists(tiny.AdapterPath));
        Assert.True(Directory.Exists(Checkpoint.PathOf(tiny.Output, stopAfter)));

        Outcome second = tiny.Train(UsedDirectory.Resume, threads: 3);
        Assert.Equal(4 - stopAfter, second.Steps.Count());
        Assert.Contains($"after step {stopAfter} of 4", second.Notes, StringComparison.Ordinal);
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void Another_seed_gives_other_bytes()
    {
        using var tiny = new TinyRun();
        tiny.Train(settings: "--train.seed=8");
        Assert.False(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Theory]
    [InlineData("truncate")]
    [InlineData("flip")]
    [InlineData("remove")]
    [InlineData("no manifest")]
    [InlineData("odd manifest")]
    public void A_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(string damage)
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 3, settings: ["--train.save_steps=1"]);
        Damage(Checkpoint.PathOf(tiny.Output, 3), damage);
        Outcome second = tiny.Train(UsedDirectory.Resume, settings: ["--train.save_steps=1"]);
        Assert.Contains("checkpoint-3 is damaged", second.Notes, StringComparison.Ordinal);
        Assert.Contains("after step 2 of 4", second.Notes, StringComparison.Ordinal);
        Assert.Equal([3, 4], second.Steps.Select(s => (int)s.Step));
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void Without_any_whole_checkpoint_the_run_starts_anew_and_says_so()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 1);
        Damage(Checkpoint.PathOf(tiny.Output, 1), "flip");
        Outcome second = tiny.Train(UsedDirectory.Resume);
        Assert.Contains("no checkpoint is whole", second.Notes, StringComparison.Ordinal);
        Assert.Equal(4, second.Steps.Count());
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void A_used_directory_is_refused_and_kept_unless_replaced()
    {
        using var tiny = new TinyRun();
        tiny.Train(settings: "--train.max_steps=1");
        byte[] before = File.ReadAllBytes(tiny.AdapterPath);
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train());
        Assert.Contains("--resume", error.Message, StringComparison.Ordinal);
        Assert.Contains("--overwrite", error.Message, StringComparison.Ordinal);

        // A mistake elsewhere must not cost the run that is to be replaced.
        Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Overwrite, settings: "--data.train=nowhere.jsonl"));
        Assert.Equal(before, File.ReadAllBytes(tiny.AdapterPath));
        Assert.True(Directory.Exists(Checkpoint.PathOf(tiny.Output, 1)));
        tiny.Train(UsedDirectory.Overwrite);
        Assert.False(Directory.Exists(Checkpoint.PathOf(tiny.Output, 1)));
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void Resuming_with_other_data_or_settings_is_refused()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 1);
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: "--train.per_device_train_batch_size=1"));
        Assert.Contains("Resume with the same settings", error.Message, StringComparison.Ordinal);
        string data = Path.Combine(tiny.Folder, "train.jsonl");
        File.WriteAllText(data, File.ReadAllText(data).Replace("Question 3", "Question 9", StringComparison.Ordinal));
        Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume));
    }

    [Fact]
    public void Only_the_newest_checkpoints_and_the_best_are_kept()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: ["--train.save_steps=1", "--train.eval_steps=1", "--train.save_total_limit=1", "--train.load_best_model_at_end=true"]);
        int[] kept = [.. Checkpoint.List(tiny.Output).Select(c => c.Step)];
        Assert.Equal(new[] { 4, outcome.Result.BestStep!.Value }.Distinct(), kept);
    }

    private static void Damage(string checkpoint, string how)
    {
        string file = Path.Combine(checkpoint, "adapter_model.safetensors"), manifest = Path.Combine(checkpoint, "manifest.json");
        byte[] bytes = File.ReadAllBytes(file);
        switch (how)
        {
            case "truncate":
                File.WriteAllBytes(file, bytes[..(bytes.Length / 2)]);
                break;
            case "flip":
                bytes[^5] ^= 4;
                File.WriteAllBytes(file, bytes);
                break;
            case "remove":
                File.Delete(Path.Combine(checkpoint, "optimizer.safetensors"));
                break;
            case "no manifest":
                File.Delete(manifest);
                break;
            default:
                File.WriteAllText(manifest, """{"adapter_model.safetensors": null}""");
                break;
        }
    }
}
