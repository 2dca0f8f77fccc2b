using System.Text.Json;
using Lorikeet.Tracking;
using Lorikeet.Training.Batching;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Rows that cannot be used as they are, and packing.</summary>
public sealed class RowPolicyTests
{
    private static readonly string[] Whole = ["--data.shuffle=false", "--lora.lora_dropout=0", "--train.per_device_train_batch_size=20", "--train.gradient_accumulation_steps=1", "--train.num_train_epochs=3", "--train.save_steps=50", "--train.eval_strategy=no"];

    [Fact]
    public void Skipping_trains_on_the_rest_and_lists_every_bad_row_once()
    {
        using var clean = new TinyRun();
        clean.Train(settings: Whole);
        using var spoiled = new TinyRun();
        var rows = File.ReadAllLines(Path.Combine(spoiled.Folder, "train.jsonl")).ToList();
        rows.Insert(1, "{ this is no JSON");
        rows.Insert(3, TinyRun.Row("missing.png", "What?", "Nothing."));
        rows.Add(TinyRun.Row("tiny.png", "An empty answer?", ""));
        File.WriteAllLines(Path.Combine(spoiled.Folder, "train.jsonl"), rows);

        InvalidDataException stopped = Assert.Throws<InvalidDataException>(() => spoiled.Train(settings: Whole));
        Assert.Contains("train.jsonl:2", stopped.Message, StringComparison.Ordinal);
        Outcome outcome = spoiled.Train(UsedDirectory.Overwrite, settings: [.. Whole, "--data.on_error=skip"]);

        Assert.Equal(File.ReadAllBytes(clean.AdapterPath), File.ReadAllBytes(spoiled.AdapterPath));
        JsonElement[] listed = Listed(spoiled);
        Assert.Equal([2, 4, 10], listed.Select(Line));
        Assert.All(listed, row => Assert.Equal("skipped", row.GetProperty("action").GetString()));
        Assert.Contains("missing.png", listed[1].GetProperty("reason").GetString(), StringComparison.Ordinal);
        Assert.Contains(outcome.Events.OfType<Noted>(), n => n.Message.Contains("3 skipped", StringComparison.Ordinal));
    }

    [Fact]
    public void A_file_that_changes_in_use_ends_the_run_also_where_rows_are_skipped()
    {
        using var tiny = new TinyRun();
        string path = Path.Combine(tiny.Folder, "train.jsonl");
        using Data.Dataset dataset = Data.Dataset.Open(new Data.DatasetOptions { Path = path, ImageRoot = Testing.Golden.Path("cases", "images") });
        var loader = new SampleLoader(
            dataset, Models.ModelCatalog.LoadProcessor(Models.ModelDirectory.Open(tiny.Model)), new SampleOptions { OnError = Training.Config.RowErrorPolicy.Skip });
        Assert.NotNull(loader.Load(0).Sample);
        File.AppendAllText(path, "{}\n");
        Assert.Contains("changed while in use", Assert.Throws<InvalidDataException>(() => loader.Load(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_data_set_without_a_usable_row_is_an_error()
    {
        using var tiny = new TinyRun();
        string path = Path.Combine(tiny.Folder, "train.jsonl");
        File.WriteAllLines(path, Enumerable.Repeat(TinyRun.Row("missing.png", "What?", "Nothing."), 3));
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => tiny.Train(settings: "--data.on_error=skip"));
        Assert.Contains("every row", error.Message, StringComparison.Ordinal);
        Assert.Contains("missing.png", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dropping_leaves_out_what_is_too_long()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: [.. Whole, "--data.max_length=60", "--data.on_overflow=drop"]);
        JsonElement[] listed = Listed(tiny);
        Assert.NotEmpty(listed);
        Assert.All(listed, row => Assert.Equal("dropped", row.GetProperty("action").GetString()));
        Assert.All(listed, row => Assert.Contains("max_length is 60", row.GetProperty("reason").GetString(), StringComparison.Ordinal));
        Assert.All(outcome.Events.OfType<StepTaken>(), step => Assert.True(step.Tokens <= 60 * (7 - listed.Length)));
    }

    [Fact]
    public void Downscaling_makes_pictures_smaller_until_the_sample_fits_and_says_so()
    {
        using var tiny = new TinyRun();
        long before = tiny.Train(settings: Whole).Events.OfType<StepTaken>().First().Tokens;
        Outcome outcome = tiny.Train(UsedDirectory.Overwrite, settings: [.. Whole, "--data.max_length=60", "--data.on_overflow=downscale"]);
        JsonElement[] listed = Listed(tiny);
        Assert.NotEmpty(listed);
        Assert.All(listed, row => Assert.Equal("downscaled", row.GetProperty("action").GetString()));
        StepTaken step = outcome.Events.OfType<StepTaken>().First();
        Assert.Equal(7, step.Images);
        Assert.InRange(step.Tokens, 7, Math.Min(before - 1, 700));
    }

    [Fact]
    public void A_text_that_no_smaller_picture_makes_fit_is_an_error()
    {
        using var tiny = new TinyRun();
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => tiny.Train(settings: [.. Whole, "--data.max_length=3", "--data.on_overflow=downscale"]));
        Assert.Contains("no smaller size", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Packing_changes_neither_losses_nor_gradients()
    {
        string[] settings = [.. Whole, "--lora.lora_dropout=0.1"];
        using var loose = new TinyRun();
        Outcome unpacked = loose.Train(settings: settings);
        using var tight = new TinyRun();
        Outcome packed = tight.Train(settings: [.. settings, "--data.packing=true", "--data.max_length=130"]);
        foreach ((StepTaken a, StepTaken b) in unpacked.Events.OfType<StepTaken>().Zip(packed.Events.OfType<StepTaken>()))
        {
            Assert.Equal(a.Loss, b.Loss, 1e-5 * a.Loss);
            Assert.Equal(a.GradNorm, b.GradNorm, 1e-5 * a.GradNorm);
            Assert.Equal(a.Tokens, b.Tokens);
        }
    }

    [Fact]
    public void A_packed_run_goes_on_where_it_stopped()
    {
        string[] settings = ["--data.packing=true", "--data.max_length=130", "--train.per_device_train_batch_size=1", "--train.gradient_accumulation_steps=2", "--train.save_steps=1", "--train.num_train_epochs=3", "--data.on_error=skip"];
        using var whole = new TinyRun();
        Spoil(whole);
        whole.Train(settings: settings);
        using var broken = new TinyRun();
        Spoil(broken);
        broken.Train(stopAfter: 2, settings: settings);
        Outcome second = broken.Train(UsedDirectory.Resume, threads: 1, settings: settings);
        Assert.Equal(File.ReadAllBytes(whole.AdapterPath), File.ReadAllBytes(broken.AdapterPath));
        Assert.Equal(File.ReadAllText(Path.Combine(whole.Output, Quarantine.FileName)), File.ReadAllText(Path.Combine(broken.Output, Quarantine.FileName)).Replace(broken.Folder, whole.Folder, StringComparison.Ordinal));
        Assert.DoesNotContain(second.Events.OfType<Progressed>(), p => p.Activity == "measuring samples");
    }

    [Fact]
    public void A_list_cut_off_by_a_crash_is_continued()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("lorikeet-list-").FullName, Quarantine.FileName);
        RowRemark[] rows = [.. Enumerable.Range(0, 3).Select(i => new RowRemark(i, $"f:{i}", RowAction.Dropped, "too long"))];
        using (var list = new Quarantine(path, _ => { }))
        {
            list.Add(rows[0]);
            list.Add(rows[1]);
        }

        string whole = File.ReadAllText(path);
        File.WriteAllText(path, whole[..^7]);
        using (var list = new Quarantine(path, _ => { }))
        {
            Assert.Equal(1, list.Count);
            Array.ForEach(rows, list.Add);
            Assert.Equal(3, list.Count);
        }

        Assert.StartsWith(whole, File.ReadAllText(path), StringComparison.Ordinal);
        Assert.Equal(3, File.ReadAllLines(path).Length);
    }

    private static void Spoil(TinyRun tiny) => File.AppendAllText(Path.Combine(tiny.Folder, "train.jsonl"), TinyRun.Row("missing.png", "What?", "Nothing.") + "\n");

    private static JsonElement[] Listed(TinyRun tiny) =>
        [.. File.ReadAllLines(Path.Combine(tiny.Output, Quarantine.FileName)).Select(line => JsonDocument.Parse(line).RootElement)];

    private static int Line(JsonElement row) => int.Parse(row.GetProperty("origin").GetString()!.Split(':')[^1], System.Globalization.CultureInfo.InvariantCulture);
}
