using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Config;

public sealed class OverridesAndSynonymsTests
{
    [Fact]
    public void Settings_of_the_command_line_win_over_the_file()
    {
        var config = RunFile.Config("lora: {r: 4, lora_alpha: 2}\nmethod: full\n",
            "--lora.r", "16", "--train.learning_rate=1e-4", "--method", "lora", "--train.max_steps", "-1", "--lora.target_modules", "[q_proj, v_proj]",
            "--lora.rank_pattern", "{a.b: 3}", "--report_to", "none", "--train.bf16", "--data.prompt", "What: is # this?", "--data.eval", "null");
        Assert.Equal((16, 2.0), (config.Lora.R, config.Lora.LoraAlpha));
        Assert.Equal((1e-4, -1, true), (config.Train.LearningRate, config.Train.MaxSteps, config.Train.Bf16));
        Assert.Equal(TuningMethod.Lora, config.Method);
        Assert.Equal(["q_proj", "v_proj"], config.Lora.TargetModules!.Names);
        Assert.Equal(3, config.Lora.RankPattern["a.b"]);
        Assert.Equal([Reporter.None], config.ReportTo);
        Assert.Equal("What: is # this?", config.Data.Prompt);
        Assert.Null(config.Data.Eval);
    }

    [Fact]
    public void The_last_of_two_settings_wins_and_a_whole_section_changes_the_keys_it_names()
    {
        var config = RunFile.Config("lora: {r: 4, lora_alpha: 2}\n", "--lora.r", "5", "--lora.r=6", "--lora", "{lora_alpha: 7}");
        Assert.Equal((6, 7.0), (config.Lora.R, config.Lora.LoraAlpha));
        Assert.Equal(9, RunFile.Config("", "--lora", "{rank: 9}").Lora.R);
    }

    [Fact]
    public void Hyphens_are_underscores_in_keys() =>
        Assert.Equal(0.5, RunFile.Config("", "--train.learning-rate", "0.5").Train.LearningRate);

    [Fact]
    public void A_pattern_may_contain_any_sign() => Assert.Equal(".*\\.(q|v)_proj: {#}",
        RunFile.Config("", "--lora.target_modules", ".*\\.(q|v)_proj: {#}").Lora.TargetModules!.Pattern);

    [Theory]
    [InlineData("--lora.rr=1", "command line: --lora.rr: unknown key 'lora.rr'; did you mean lora.r?")]
    [InlineData("--lora.r=x", "command line: --lora.r: lora.r: expected a whole number, found x")]
    [InlineData("--lora.r=", "command line: --lora.r: lora.r: expected a whole number, found nothing")]
    [InlineData("--lora.r", "command line: --lora.r: a value is missing")]
    [InlineData("--learning_rate", "command line: --learning_rate: unknown key 'learning_rate'; did you mean train.learning_rate?")]
    [InlineData("--lora.r=0", "command line: --lora.r: lora.r: must be at least 1 and at most 65536, found 0")]
    [InlineData("v_proj", "command line: unexpected 'v_proj'; settings look like --lora.r 16, and lists like --lora.target_modules '[q_proj, v_proj]'")]
    [InlineData("--lora.modules_to_save={a: 1}", "command line: --lora.modules_to_save: lora.modules_to_save: expected a list (a text each), found a section")]
    public void A_wrong_setting_is_named(string setting, string message) => Assert.Equal(message, RunFile.Error(RunFile.Least, setting));

    [Fact]
    public void Settings_are_told_apart_from_a_verbs_own_arguments()
    {
        var (others, settings) = RunOverrides.Split(
            ["run.yaml", "--lora.r", "16", "--resume", "--train.bf16", "other", "--method=full", "--train.fp16", "false", "--json", "--train.max_steps", "-1", "--", "--lora.r"]);
        Assert.Equal(["run.yaml", "--resume", "other", "--json", "--", "--lora.r"], others);
        Assert.Equal(["--lora.r", "16", "--train.bf16", "--method=full", "--train.fp16", "false", "--train.max_steps", "-1"], settings);
    }

    [Theory]
    [InlineData("train: {optim: adamw}", "3:9: train.optim: adamw is taken as adamw_torch")]
    [InlineData("train: {optim: adamw_torch_fused}", "3:9: train.optim: adamw_torch_fused is taken as adamw_torch")]
    [InlineData("train: {evaluation_strategy: \"no\"}", "3:9: train.evaluation_strategy is taken as train.eval_strategy")]
    [InlineData("lora: {task_type: CAUSAL_LM}", "3:8: lora.task_type is ignored: the model's family says what it does")]
    [InlineData("train: {max_seq_length: 77}", "3:9: train.max_seq_length is taken as data.max_length")]
    [InlineData("train: {report_to: none}", "3:9: train.report_to is taken as report_to")]
    [InlineData("method: full\nlora: {r: 3}", "4:1: the section lora has no effect: method is not lora")]
    [InlineData("generation: {temperature: 1}", "3:1: the section generation has no effect: no samples are answered: eval_strategy is no, or eval_generations is 0")]
    [InlineData("wandb: {project: p}", "3:1: the section wandb has no effect: report_to does not name wandb")]
    [InlineData("dpo: {beta: 0.2}", "3:1: the section dpo has no effect: objective is not dpo")]
    public void What_other_programs_call_it_is_accepted_with_a_word(string more, string note)
    {
        var run = RunFile.Load(RunFile.Least + more);
        Assert.EndsWith("run.yaml:" + note, Assert.Single(run.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void Synonyms_set_the_key_that_is_meant()
    {
        Assert.Equal(77, RunFile.Config("train: {max_seq_length: 77}").Data.MaxLength);
        Assert.Equal([Reporter.None], RunFile.Config("train: {report_to: none}").ReportTo);
        Assert.Equal(WeightType.Bfloat16, RunFile.Load("model: {path: m, torch_dtype: torch.bfloat16}\ndata: {train: t}\n").Config.Model.Dtype);
        Assert.Equal(ComputeType.Float32, RunFile.Config("", "--model.compute", "f32").Model.Compute);
        Assert.Equal(55, RunFile.Config("", "--data.max_seq_length=55").Data.MaxLength);
        Assert.Equal(9, RunFile.Config("lora: {rank: 4}", "--lora.r", "9").Lora.R);
        Assert.Equal(9, RunFile.Config("lora: {r: 4}", "--lora.rank", "9").Lora.R);
    }

    [Fact]
    public void A_key_and_its_synonym_in_one_file_contradict_each_other() => Assert.Equal(
        "run.yaml:3:14: lora.r is given twice; first at run.yaml:3:8", RunFile.Error(RunFile.Least + "lora: {r: 4, rank: 8}"));
}
