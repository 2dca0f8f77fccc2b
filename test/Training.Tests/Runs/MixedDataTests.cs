using Lorikeet.Data.Sources;
using Lorikeet.Testing;
using Lorikeet.Tracking;

namespace Lorikeet.Training.Tests.Runs;

public sealed class MixedDataTests
{
    // 7 rows with weight 3 and 3 rows with weight 1 (all exhausted): 9 and 3 samples an epoch.
    private const string Mix = "--data.train=[{path: 'FOLDER/train.jsonl', weight: 3}, {path: 'FOLDER/eval.jsonl', weight: 1}]";

    [Fact]
    public void A_stopped_run_on_weighted_sources_resumes_to_the_same_bytes()
    {
        using var whole = new TinyRun();
        Outcome uninterrupted = whole.Train(settings: Settings(whole));
        using var parts = new TinyRun();
        parts.Train(stopAfter: 2, settings: Settings(parts));
        Outcome rest = parts.Train(UsedDirectory.Resume, settings: Settings(parts));
        Assert.Contains("continuing from", rest.Notes, StringComparison.Ordinal);
        Assert.Equal(12, uninterrupted.Events.OfType<RunStarted>().Single().Samples);
        Assert.Equal(6, uninterrupted.Result.Steps);
        Assert.Equal(File.ReadAllBytes(whole.AdapterPath), File.ReadAllBytes(parts.AdapterPath));
    }

    [Fact]
    public void Other_weights_are_other_data_to_a_checkpoint()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 2, settings: Settings(tiny));
        string[] other = Settings(tiny);
        other[0] = other[0].Replace("weight: 1", "weight: 1.001", StringComparison.Ordinal);
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: other));
        Assert.Contains("Resume with the same settings", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Held_out_rows_are_evaluated_and_not_trained_on()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: ["--data.eval=null", "--data.validation_split=2", "--train.per_device_train_batch_size=1", "--train.gradient_accumulation_steps=1", "--train.num_train_epochs=1"]);
        Assert.Equal(5, outcome.Events.OfType<RunStarted>().Single().Samples);
        Assert.Equal(5, outcome.Result.Steps);
        Assert.NotEmpty(outcome.Events.OfType<Evaluated>());
    }

    [Fact]
    public void Parquet_shards_with_pictures_train_and_resume_to_the_same_bytes()
    {
        Assert.SkipWhen(ParquetLibrary.Find().Version is null, "libduckdb is not installed (eng/native.sh duckdb)");
        string[] settings = [$"--data.train=[{Golden.Path("parquet", "cauldron")}, {{path: {Golden.Path("parquet", "rlaif.parquet")}, format: preference, max_samples: 2}}]", "--train.num_train_epochs=1"];
        using var whole = new TinyRun();
        Outcome uninterrupted = whole.Train(settings: settings);
        using var parts = new TinyRun();
        parts.Train(stopAfter: 1, settings: settings);
        parts.Train(UsedDirectory.Resume, settings: settings);
        Assert.Equal(12, uninterrupted.Events.OfType<RunStarted>().Single().Samples);
        Assert.Equal(File.ReadAllBytes(whole.AdapterPath), File.ReadAllBytes(parts.AdapterPath));
    }

    private static string[] Settings(TinyRun run) => [Mix.Replace("FOLDER", run.Folder, StringComparison.Ordinal)];
}
