using System.Globalization;
using System.Text;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Config;

public sealed class RunConfigReaderTests
{
    [Fact]
    public void Defaults_are_those_of_PEFT_and_TrainingArguments()
    {
        var config = RunFile.Config("");
        Assert.Equal((TuningMethod.Lora, TrainingObjective.Sft), (config.Method, config.Objective));
        Assert.Equal((8, 8.0, 0.0, null), (config.Lora.R, config.Lora.LoraAlpha, config.Lora.LoraDropout, config.Lora.TargetModules));
        Assert.Equal((5e-5, 3.0, -1, 8, 1), (config.Train.LearningRate, config.Train.NumTrainEpochs, config.Train.MaxSteps,
            config.Train.PerDeviceTrainBatchSize, config.Train.GradientAccumulationSteps));
        Assert.Equal((0.9, 0.999, 1e-8, 1.0, 0.0), (config.Train.AdamBeta1, config.Train.AdamBeta2, config.Train.AdamEpsilon,
            config.Train.MaxGradNorm, config.Train.WeightDecay));
        Assert.Equal((Strategy.No, SaveStrategy.Steps, 500, 42L), (config.Train.EvalStrategy, config.Train.SaveStrategy, config.Train.SaveSteps, config.Train.Seed));
        Assert.Equal([Reporter.Jsonl], config.ReportTo);
    }

    [Theory]
    [InlineData("org/name")]
    [InlineData("org/name@refs/pr/7")]
    public void A_model_of_the_hub_stays_a_name_unless_there_is_a_directory_of_that_name(string name)
    {
        using var file = new RunFile($"model: {{path: {name}}}\ndata: {{train: t.jsonl}}\n");
        Assert.Equal(name, RunConfigReader.Load(file.Path, []).Config.Model.Path);
        Directory.CreateDirectory(Path.Combine(file.Folder, name));
        Assert.Equal(Path.Combine(file.Folder, name), RunConfigReader.Load(file.Path, []).Config.Model.Path);
    }

    [Fact]
    public void Paths_are_relative_to_the_run_file_and_on_the_command_line_to_the_current_folder()
    {
        using var file = new RunFile(RunFile.Least);
        var config = RunConfigReader.Load(file.Path, ["--data.eval", "e.jsonl"]).Config;
        Assert.Equal(Path.Combine(file.Folder, "m"), config.Model.Path);
        Assert.Equal(Path.Combine(file.Folder, "t.jsonl"), config.Data.Train);
        Assert.Equal(Path.GetFullPath("e.jsonl"), config.Data.Eval);
        Assert.Equal(Path.Combine(file.Folder, "runs", "run"), config.Train.OutputDir);
    }

    [Theory]
    [InlineData("1e-4", 1e-4)]
    [InlineData("2.0e-4", 2e-4)]
    [InlineData("1", 1.0)]
    [InlineData(".5", .5)]
    [InlineData("1_000.5", 1000.5)]
    public void Numbers_may_be_written_as_Python_writes_them(string text, double value) =>
        Assert.Equal(value, RunFile.Config($"train: {{learning_rate: {text}}}").Train.LearningRate);

    [Fact]
    public void Target_modules_may_be_a_text_or_a_list()
    {
        Assert.Equal("all-linear", RunFile.Config("lora: {target_modules: all-linear}").Lora.TargetModules!.Pattern);
        Assert.Equal(["q_proj", "v_proj"], RunFile.Config("lora:\n  target_modules:\n  - q_proj\n  - v_proj\n").Lora.TargetModules!.Names);
        Assert.Null(RunFile.Config("lora: {target_modules: null}").Lora.TargetModules);
    }

    [Theory]
    [InlineData("no")]
    [InlineData("\"no\"")]
    [InlineData("false")]
    [InlineData("No")]
    public void An_unquoted_no_is_the_word_where_a_word_is_expected(string word) =>
        Assert.Equal(SaveStrategy.No, RunFile.Config($"train: {{eval_strategy: {word}, save_strategy: {word}}}").Train.SaveStrategy);

    [Theory]
    [InlineData("true", LoraInitialization.KaimingUniform)]
    [InlineData("True", LoraInitialization.KaimingUniform)]
    [InlineData("false", LoraInitialization.Random)]
    [InlineData("gaussian", LoraInitialization.Gaussian)]
    public void The_initialisation_is_a_switch_or_a_word(string word, LoraInitialization meant) =>
        Assert.Equal(meant, RunFile.Config($"lora: {{init_lora_weights: {word}}}").Lora.InitLoraWeights);

    [Theory]
    [InlineData("report_to: none", Reporter.None)]
    [InlineData("report_to: [none]", Reporter.None)]
    [InlineData("report_to: jsonl", Reporter.Jsonl)]
    public void A_single_value_stands_for_a_list_of_one(string line, Reporter reporter) =>
        Assert.Equal([reporter], RunFile.Config(line).ReportTo);

    [Fact]
    public void Anchors_and_aliases_work() =>
        Assert.Equal(["a"], RunFile.Config("lora: {target_modules: &m [a], modules_to_save: *m}").Lora.ModulesToSave!);

    [Fact]
    public void The_culture_of_the_machine_does_not_matter()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = { NumberDecimalSeparator = ",", NegativeSign = "~" } };
            var config = RunFile.Config("train: {learning_rate: 0.25, max_steps: -1}");
            Assert.Equal(0.25, config.Train.LearningRate);
            Assert.Contains("learning_rate: 0.25\n", RunConfigWriter.Write(config), StringComparison.Ordinal);
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Bf16_decides_over_an_automatic_compute_type()
    {
        Assert.Equal(ComputeType.Bfloat16, RunFile.Config("train: {bf16: true}").EffectiveCompute);
        Assert.Equal(ComputeType.Float32, RunFile.Config("train: {bf16: false}").EffectiveCompute);
        Assert.Equal(ComputeType.Auto, RunFile.Config("").EffectiveCompute);
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<FileNotFoundException>(() => RunConfigReader.Load("nowhere/run.yaml", []));
        Assert.Equal("nowhere/run.yaml: there is no such run file", error.Message);
    }

    [Fact]
    public void A_file_that_is_no_text_or_too_large_is_refused()
    {
        using var file = new RunFile("");
        File.WriteAllBytes(file.Path, [0x6d, 0xff, 0xfe]);
        var error = Assert.Throws<InvalidDataException>(() => RunConfigReader.Load(file.Path, []));
        Assert.Equal($"{file.Path}: not UTF-8 text (byte 1); save the run file as UTF-8", error.Message);

        File.WriteAllBytes(file.Path, new byte[(1 << 20) + 1]);
        error = Assert.Throws<InvalidDataException>(() => RunConfigReader.Load(file.Path, []));
        Assert.Equal($"{file.Path}: a run file may have 1048576 bytes, this one has 1048577; is it the right file?", error.Message);
    }

    [Fact]
    public void A_run_file_with_a_byte_order_mark_is_read()
    {
        using var file = new RunFile("");
        File.WriteAllText(file.Path, RunFile.Least, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));
        Assert.NotNull(RunConfigReader.Load(file.Path, []).Config.Model.Path);
    }
}
