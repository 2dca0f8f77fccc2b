using Lorikeet.Data.Sampling;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Config;

public sealed class DataSourcesTests
{
    [Fact]
    public void One_path_is_one_source()
    {
        using var file = new RunFile("model: {path: m}\ndata: {train: t.jsonl, eval: {path: e.jsonl, split: \"test[:1%]\"}}\n");
        RunConfig config = RunConfigReader.Load(file.Path, []).Config;
        Assert.Equal([new DataSource { Path = Path.Combine(file.Folder, "t.jsonl") }], config.Data.Train!.Items);
        Assert.Equal([new DataSource { Path = Path.Combine(file.Folder, "e.jsonl"), Split = "test[:1%]" }], config.Data.Eval!.Items);
        Assert.Equal(StoppingStrategy.AllExhausted, config.Data.StoppingStrategy);
    }

    [Fact]
    public void A_list_holds_paths_and_sources()
    {
        using var file = new RunFile("""
            model: {path: m}
            data:
              train:
                - a.jsonl
                - {path: b.parquet, weight: 0.5, split: "train[:6%]", max_samples: 10, format: qa, image_root: pictures, prompt: "What?"}
            """);
        RunConfig config = RunConfigReader.Load(file.Path, []).Config;
        Assert.Equal(config.Data.Train, RunFile.Load(RunConfigWriter.Write(config)).Config.Data.Train);
        Assert.Equal(
            [
                new DataSource { Path = Path.Combine(file.Folder, "a.jsonl") },
                new DataSource { Path = Path.Combine(file.Folder, "b.parquet"), Weight = 0.5, Split = "train[:6%]", MaxSamples = 10, Format = "qa", ImageRoot = Path.Combine(file.Folder, "pictures"), Prompt = "What?" },
            ],
            config.Data.Train!.Items);
    }

    [Fact]
    public void The_command_line_takes_lists_too()
    {
        RunConfig config = RunFile.Config("", "--data.train", "[a.jsonl, {path: b.jsonl, weight: 2}]", "--data.eval", "/x/odd [name].jsonl");
        Assert.Equal(["a.jsonl", "b.jsonl"], config.Data.Train!.Items.Select(i => Path.GetFileName(i.Path)));
        Assert.Equal(2, config.Data.Train.Items[1].Weight);
        Assert.Equal("/x/odd [name].jsonl", config.Data.Eval!.Items[0].Path);
        Assert.Equal(0.25, RunFile.Config("", "--data.test_size", "0.25").Data.ValidationSplit);
    }

    [Theory]
    [InlineData("[]", "data.train: expected at least one source")]
    [InlineData("[a.jsonl, [b.jsonl]]", "data.train[1]: expected a path, or a list of paths")]
    [InlineData("[{path: a.jsonl, wieght: 2}]", "unknown key 'data.train[0].wieght'; did you mean weight?")]
    [InlineData("[{weight: 2}]", "data.train[0]: needs a path")]
    [InlineData("[{path: a.jsonl, weight: 0}]", "data.train[0].weight: must be greater than 0, found 0")]
    [InlineData("[{path: a.jsonl, weight: heavy}]", "data.train[0].weight: expected a number, found heavy")]
    [InlineData("{path: a.jsonl, max_samples: 0}", "data.train.max_samples: must be at least 1, found 0")]
    public void Unusable_sources_are_named(string train, string expected) =>
        Assert.Contains(expected, RunFile.Error($"data: {{train: {train}}}\n"), StringComparison.Ordinal);

    [Theory]
    [InlineData("{train: t, eval: e, validation_split: 0.1}", "data.validation_split: holds out samples for evaluation, but data.eval names some")]
    [InlineData("{train: t, validation_split: 1.5}", "data.validation_split: must be a share below 1 or a whole number of samples, found 1.5")]
    [InlineData("{train: t, validation_split: 0}", "data.validation_split: must be greater than 0, found 0")]
    [InlineData("{train: t, eval: [{path: e, weight: 2}]}", "data.eval: gives a source a weight")]
    [InlineData("{train: [{path: t, weight: 2}], packing: true}", "data.packing: makes packs that hold every row once; it cannot be combined with weights of sources")]
    public void Contradictions_are_named(string data, string expected) =>
        Assert.Contains(expected, RunFile.Error($"data: {data}\n"), StringComparison.Ordinal);

    [Theory]
    [InlineData("val_size: 0.1", 0.1)]
    [InlineData("val_set_size: 200", 200)]
    [InlineData("split_dataset_ratio: 0.01", 0.01)]
    public void Other_programs_names_for_the_validation_split_are_known(string yaml, double expected) =>
        Assert.Equal(expected, RunFile.Load($"model: {{path: m}}\ndata: {{train: t.jsonl, {yaml}}}\n").Config.Data.ValidationSplit);

    [Fact]
    public void Other_programs_words_for_the_length_of_an_epoch_are_known() =>
        Assert.Equal(StoppingStrategy.FirstExhausted, RunFile.Load("model: {path: m}\ndata: {train: t.jsonl, mix_strategy: interleave_under}\n").Config.Data.StoppingStrategy);
}
