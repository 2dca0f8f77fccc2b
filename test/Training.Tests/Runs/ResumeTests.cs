using Lorikeet.Nn.Weights;
using Lorikeet.Testing;
using Lorikeet.Tracking;
using Lorikeet.Training.Config;

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
    [InlineData("garbled manifest")]
    [InlineData("later version")]
    [InlineData("empty")]
    public void A_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(string damage)
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 3, settings: ["--train.save_steps=1"]);
        Damage(Checkpoint.PathOf(tiny.Output, 3), damage);
        Outcome second = tiny.Train(UsedDirectory.Resume, settings: ["--train.save_steps=1", "--train.save_total_limit=1"]);
        Assert.Equal(["checkpoint-3.set-aside", "checkpoint-4"], Directory.GetDirectories(tiny.Output).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal));
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
    public void Resuming_with_other_settings_is_refused_with_every_key_that_differs_and_changes_nothing()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 1);
        string[] before = Contents(tiny.Output);
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(
            UsedDirectory.Resume,
            settings: ["--train.per_device_train_batch_size=1", "--lora.lora_alpha=9", "--train.save_steps=1", "--train.logging_steps=2"]));
        Assert.Equal(
            $"""
            {Checkpoint.PathOf(tiny.Output, 1)}: was made with other settings:
              lora.lora_alpha: 8 in the checkpoint, 9 now
              train.per_device_train_batch_size: 2 in the checkpoint, 1 now
            Resume with the same settings, or start anew with --overwrite.
            """,
            error.Message);
        Assert.Equal(before, Contents(tiny.Output));
    }

    [Fact]
    public void Resuming_with_other_data_is_refused()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 1);
        string data = Path.Combine(tiny.Folder, "train.jsonl");
        File.WriteAllText(data, File.ReadAllText(data).Replace("Question 3", "Question 9", StringComparison.Ordinal));
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume));
        Assert.Contains("data.train: other samples", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("model.safetensors", "the weights of")]
    [InlineData("preprocessor_config.json", "the picture settings of")]
    public void Resuming_on_another_base_is_refused(string file, string what)
    {
        string folder = Directory.CreateTempSubdirectory("lorikeet-base-").FullName;
        try
        {
            foreach (string source in Directory.GetFiles(Golden.Path("models", "smolvlm")))
            {
                File.Copy(source, Path.Combine(folder, Path.GetFileName(source)));
            }

            using var tiny = new TinyRun(folder);
            tiny.Train(stopAfter: 1);
            byte[] bytes = File.ReadAllBytes(Path.Combine(folder, file));
            bytes = file.EndsWith(".json", StringComparison.Ordinal) ? [.. bytes, (byte)'\n'] : [.. bytes[..^2], (byte)(bytes[^2] ^ 1), bytes[^1]];
            File.WriteAllBytes(Path.Combine(folder, file), bytes);
            var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume));
            Assert.Contains($"model.path: {what}", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_second_run_in_the_same_directory_is_refused_while_the_first_goes_on()
    {
        using var tiny = new TinyRun();
        Directory.CreateDirectory(tiny.Output);
        using (FolderLock.Take(Path.Combine(tiny.Output, RunFolder.LockName), "process 17"))
        {
            var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume));
            Assert.Contains("in use by process 17", error.Message, StringComparison.Ordinal);
        }

        tiny.Train(UsedDirectory.Resume);
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Theory]
    [InlineData(WritePoint.MidFile)]
    [InlineData(WritePoint.BeforeManifest)]
    [InlineData(WritePoint.BeforeRename)]
    public void A_full_disk_leaves_the_last_checkpoint_and_nothing_half_written(WritePoint at)
    {
        using var tiny = new TinyRun();
        int times = 0;
        var error = Assert.Throws<IOException>(() => tiny.Train(
            reached: point =>
            {
                if (point == at && ++times == 2)
                {
                    throw new IOException("No space left on device");
                }
            },
            settings: "--train.save_steps=1"));
        Assert.Contains("checkpoint-2: the checkpoint cannot be written: No space left on device. checkpoint-1 is the last one", error.Message, StringComparison.Ordinal);
        Assert.Equal(["checkpoint-1", "events.jsonl", "run.yaml"], Directory.GetFileSystemEntries(tiny.Output).Select(e => Path.GetFileName(e)).Order(StringComparer.Ordinal));
        tiny.Train(UsedDirectory.Resume, settings: "--train.save_steps=1");
        Assert.True(Uninterrupted.Value.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Theory]
    [InlineData("adapter_model.safetensors", "--model.compute=bfloat16", "--lora.use_rslora=true")]
    [InlineData("adapter_model.safetensors", "--data.packing=true", "--data.max_length=2000")]
    [InlineData("model.safetensors", "--method=freeze", "--freeze.train=[connector]")]
    [InlineData("model.safetensors", "--method=full")]
    public void Other_ways_of_training_are_the_same_from_run_to_run_and_over_a_stop(string file, params string[] settings)
    {
        using var tiny = new TinyRun();
        tiny.Train(settings: settings);
        byte[] first = File.ReadAllBytes(Path.Combine(tiny.Output, file));
        Outcome stopped = tiny.Train(UsedDirectory.Overwrite, threads: 1, stopAfter: 1, settings: settings);
        Assert.True(stopped.Result.Interrupted);
        tiny.Train(UsedDirectory.Resume, threads: 3, settings: settings);
        Assert.True(first.AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(tiny.Output, file))));
    }

    [Fact]
    public void Keys_that_may_change_over_a_stop_are_keys_of_the_run_file()
    {
        var everything = new RunConfig { Data = new DataSection { Augment = new AugmentSection { Synonyms = new SynonymsSection() } } };
        var known = SettingsDifference.Values(RunConfigWriter.Write(everything));
        Assert.All(SettingsDifference.Named, key => Assert.Contains(key, known.Keys));
        Assert.True(known.Count > 60, $"{known.Count} keys were found");
    }

    [Fact]
    public void A_damaged_best_checkpoint_is_trained_again_where_the_run_returns_to_it()
    {
        string[] settings = ["--train.save_steps=1", "--train.eval_steps=1", "--train.load_best_model_at_end=true", "--train.learning_rate=0.2"];
        using var tiny = new TinyRun();
        Outcome whole = tiny.Train(settings: settings);
        byte[] expected = File.ReadAllBytes(tiny.AdapterPath);
        int best = whole.Result.BestStep!.Value;
        Assert.InRange(best, 1, 3);
        Damage(Checkpoint.PathOf(tiny.Output, best), "flip");
        Outcome again = tiny.Train(UsedDirectory.Resume, settings: settings);
        Assert.Contains($"needs checkpoint-{best}, the best one, which is damaged", again.Notes, StringComparison.Ordinal);
        Assert.Equal(4, again.Steps.Last().Step);
        Assert.True(expected.AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void Only_the_newest_checkpoints_and_the_best_are_kept()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: ["--train.save_steps=1", "--train.eval_steps=1", "--train.save_total_limit=1", "--train.load_best_model_at_end=true"]);
        int[] kept = [.. Checkpoint.List(tiny.Output).Select(c => c.Step)];
        Assert.Equal(new[] { 4, outcome.Result.BestStep!.Value }.Distinct(), kept);
    }

    private static string[] Contents(string folder) =>
        [.. Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).Select(f => f + " " + Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f))))];

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
            case "empty":
                Directory.Delete(checkpoint, recursive: true);
                Directory.CreateDirectory(checkpoint);
                break;
            case "garbled manifest":
                File.WriteAllText(manifest, File.ReadAllText(manifest)[..^20]);
                break;
            case "later version":
                File.WriteAllText(manifest, File.ReadAllText(manifest).Replace("\"version\": 1", "\"version\": 2", StringComparison.Ordinal));
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
