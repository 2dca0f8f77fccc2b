using System.Text;

namespace Lorikeet.Training.Tests.Config;

/// <summary>Every message about a wrong run file.</summary>
public sealed class RunConfigErrorTests
{
    [Theory]
    [InlineData("lora: {rr: 4}", "run.yaml:3:8: unknown key 'lora.rr'; did you mean lora.r?")]
    [InlineData("lora:\n  target_module: [a]\n", "run.yaml:4:3: unknown key 'lora.target_module'; did you mean lora.target_modules?")]
    [InlineData("learning_rate: 1\n", "run.yaml:3:1: unknown key 'learning_rate'; did you mean train.learning_rate?")]
    [InlineData("lora: {learning_rate: 1}", "run.yaml:3:8: unknown key 'lora.learning_rate'; did you mean train.learning_rate?")]
    [InlineData("modle: {path: x}", "run.yaml:3:1: unknown key 'modle'; did you mean model?")]
    [InlineData("train: {lerning_rat: 1}", "run.yaml:3:9: unknown key 'train.lerning_rat'; did you mean train.learning_rate?")]
    [InlineData("freeze: {zzzzzzzzzz: 1}", "run.yaml:3:10: unknown key 'freeze.zzzzzzzzzz'; known here: train")]
    [InlineData("lora: {<<: {r: 1}}", "run.yaml:3:8: unknown key 'lora.<<': merge keys are not supported; write the keys out")]
    public void An_unknown_key_is_placed_and_the_nearest_named(string more, string message) =>
        Assert.Equal(message, RunFile.Error(RunFile.Least + more));

    [Theory]
    [InlineData("lora: {r: eight}", "run.yaml:3:11: lora.r: expected a whole number, found eight")]
    [InlineData("lora: {r: 8.5}", "run.yaml:3:11: lora.r: expected a whole number, found 8.5")]
    [InlineData("lora: {r: \"8\"}", "run.yaml:3:11: lora.r: expected a whole number, found the text \"8\"")]
    [InlineData("lora: {r: 99999999999}", "run.yaml:3:11: lora.r: expected a whole number between -2147483648 and 2147483647, found 99999999999")]
    [InlineData("lora: {r: }", "run.yaml:3:11: lora.r: expected a whole number, found nothing")]
    [InlineData("lora: {r: [8]}", "run.yaml:3:11: lora.r: expected a whole number, found a list")]
    [InlineData("lora: 8", "run.yaml:3:7: lora: expected a section (keys with values), found 8")]
    [InlineData("lora: {use_rslora: 1}", "run.yaml:3:20: lora.use_rslora: expected true or false, found 1")]
    [InlineData("train: {learning_rate: nan}", "run.yaml:3:24: train.learning_rate: expected a number, found nan")]
    [InlineData("train: {learning_rate: 1e999}", "run.yaml:3:24: train.learning_rate: expected a number, found 1e999")]
    [InlineData("train: {learning_rate: 0x1}", "run.yaml:3:24: train.learning_rate: expected a number, found 0x1")]
    [InlineData("train: {bf16: maybe}", "run.yaml:3:15: train.bf16: expected true or false, found maybe")]
    [InlineData("lora: {modules_to_save: {a: b}}", "run.yaml:3:25: lora.modules_to_save: expected a list (a text each), found a section")]
    [InlineData("lora: {modules_to_save: [a, [b]]}", "run.yaml:3:29: lora.modules_to_save[1]: expected a text, found a list")]
    [InlineData("lora: {rank_pattern: {a: b}}", "run.yaml:3:26: lora.rank_pattern.a: expected a whole number, found b")]
    [InlineData("lora: {rank_pattern: 3}", "run.yaml:3:22: lora.rank_pattern: expected keys with values (a whole number each), found 3")]
    [InlineData("lora: {target_modules: {a: 1}}", "run.yaml:3:24: lora.target_modules: expected a pattern or a list of module names, found a section")]
    [InlineData("lora: {target_modules: \"\"}", "run.yaml:3:24: lora.target_modules: expected a pattern or a list of module names, found the text \"\"")]
    [InlineData("train: {output_dir: true}", "run.yaml:3:21: train.output_dir: expected a path (in quotes, if the word itself is meant), found true")]
    [InlineData("generation: {max_new_tokens: ~}", "run.yaml:3:30: generation.max_new_tokens: expected a whole number, found ~")]
    public void A_wrong_type_says_the_key_what_was_expected_and_what_was_found(string more, string message) =>
        Assert.Equal(message, RunFile.Error(RunFile.Least + more));

    [Theory]
    [InlineData("method: lorra", "run.yaml:3:9: method: expected one of lora, full, freeze, adapter, found lorra; did you mean 'lora'?")]
    [InlineData("train: {eval_strategy: step}", "run.yaml:3:24: train.eval_strategy: expected one of no, steps, epoch, found step; did you mean 'steps'?")]
    [InlineData("report_to: [jsonl, all]", "run.yaml:3:20: report_to[1]: expected one of none, jsonl, tensorboard, wandb, mlflow, found all")]
    [InlineData("lora: {bias: yes}", "run.yaml:3:14: lora.bias: expected one of none, all, lora_only, found yes")]
    public void A_wrong_word_lists_the_words(string more, string message) => Assert.Equal(message, RunFile.Error(RunFile.Least + more));

    [Theory]
    [InlineData("a: 1\na: 2\n", "run.yaml:2:1: the key 'a' is given twice; first at run.yaml:1:1")]
    [InlineData("- a\n- b\n", "run.yaml:1:1: a run file has sections (model:, data:, lora:, ...), found a list")]
    [InlineData("hello", "run.yaml:1:1: a run file has sections (model:, data:, lora:, ...), found hello")]
    [InlineData("lora: *x\n", "run.yaml:1:7: the alias *x has no anchor before it")]
    [InlineData("lora: !!python/object:os.system {r: 1}\n", "run.yaml:1:7: the tag tag:yaml.org,2002:python/object:os.system is not supported; write the plain value")]
    [InlineData("? [a]\n: b\n", "run.yaml:1:3: a key was expected here, and a key is a single word")]
    [InlineData("lora: {}\n---\nlora: {}\n", "run.yaml:2:1: a run file is one YAML document; remove the second one")]
    public void What_is_no_run_file_is_placed(string text, string message) => Assert.Equal(message, RunFile.Error(text));

    [Theory]
    [InlineData("lora: {r: 8\n")]
    [InlineData("lora: [\n")]
    [InlineData("lora:\n\tr: 8\n")]
    [InlineData("lora: \"abc\n")]
    [InlineData("%YAML 9.9\n---\n%\n")]
    [InlineData("a: b: c\n")]
    [InlineData("lora: @x\n")]
    public void Broken_YAML_is_said_to_be_that_with_its_place(string text) =>
        Assert.Matches(@"^run\.yaml:\d+:\d+: not valid YAML: ", RunFile.Error(text));

    [Fact]
    public void Deep_nesting_and_multiplied_aliases_are_refused_before_they_cost_anything()
    {
        Assert.Equal("run.yaml:1:26: nested more than 16 levels deep", RunFile.Error("augment: " + new string('[', 5000)));
        var bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 9; i++)
        {
            bomb.Append($"a{i}: &a{i} [{string.Join(", ", Enumerable.Repeat($"*a{i - 1}", 10))}]\n");
        }

        Assert.EndsWith("more than 20000 values (aliases count in full)", RunFile.Error(bomb.ToString()), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lora: {r: 0}", "run.yaml:3:8: lora.r: must be at least 1 and at most 65536, found 0")]
    [InlineData("lora: {lora_alpha: -1}", "run.yaml:3:8: lora.lora_alpha: must be greater than 0, found -1")]
    [InlineData("lora: {lora_dropout: 1.0}", "run.yaml:3:8: lora.lora_dropout: must be at least 0 and less than 1, found 1")]
    [InlineData("train: {learning_rate: -0.1}", "run.yaml:3:9: train.learning_rate: must be at least 0, found -0.1")]
    [InlineData("train: {max_steps: 0}", "run.yaml:3:9: train.max_steps: must be at least 1, or -1 to train for num_train_epochs; found 0")]
    [InlineData("train: {bf16: true, fp16: true}", "bf16 and fp16 cannot both be true")]
    [InlineData("train: {bf16: true}\nmodel2: {}", "run.yaml:4:1: unknown key 'model2'; did you mean model?")]
    [InlineData("train: {eval_strategy: steps}", "run.yaml:3:9: train.eval_strategy: is steps, but data.eval names no evaluation samples")]
    [InlineData("train: {early_stopping_patience: 3}", "run.yaml:3:9: train.early_stopping_patience: needs evaluations, but eval_strategy is no")]
    [InlineData("train: {early_stopping_threshold: 0.1}", "run.yaml:3:9: train.early_stopping_threshold: has no effect without early_stopping_patience")]
    [InlineData("train: {save_strategy: best}", "run.yaml:3:9: train.save_strategy: needs evaluations, but eval_strategy is no")]
    [InlineData("train: {eval_on_start: true}", "run.yaml:3:9: train.eval_on_start: needs an eval_strategy other than no")]
    [InlineData("train: {metric_for_best_model: score}", "run.yaml:3:9: train.metric_for_best_model: is score; expected loss or one of exact_match, quasi_exact_match,")]
    [InlineData("train: {metric_for_best_model: eval_exact_match, eval_generations: 0}", "run.yaml:3:9: train.metric_for_best_model: is exact_match, which looks at answered samples, but eval_generations is 0")]
    [InlineData("train: {load_best_model_at_end: true}", "run.yaml:3:9: train.load_best_model_at_end: needs eval_strategy and save_strategy to be the same and not no, or save_strategy: best; they are no and steps")]
    [InlineData("report_to: [none, jsonl]", "run.yaml:3:1: report_to: none stands alone")]
    [InlineData("method: freeze", "run.yaml: freeze.train: is required with method freeze: the parts to train, for example [connector]")]
    [InlineData("train: {lr_scheduler_kwargs: {power: 2}}", "run.yaml:3:31: train.lr_scheduler_kwargs.power: has no effect on the schedule linear; it belongs to polynomial")]
    [InlineData("train: {lr_scheduler_type: cosine_with_min_lr}", "run.yaml:3:1: train.lr_scheduler_kwargs.min_lr: cosine_with_min_lr needs exactly one of min_lr and min_lr_rate")]
    [InlineData("train: {lr_scheduler_type: warmup_stable_decay}", "train.lr_scheduler_kwargs.num_decay_steps: is required with the schedule warmup_stable_decay")]
    public void Values_that_cannot_be_are_refused(string more, string message) =>
        Assert.Contains(message, RunFile.Error(RunFile.Least + more), StringComparison.Ordinal);

    [Fact]
    public void Best_checkpoint_needs_an_evaluation_at_each_save() => Assert.Equal(
        "run.yaml:3:40: train.save_steps: must be a multiple of eval_steps with load_best_model_at_end, so that every checkpoint has an evaluation; 50 is none of 20",
        RunFile.Error("model: {path: m}\ndata: {train: t, eval: e}\ntrain: {load_best_model_at_end: true,  save_steps: 50, eval_steps: 20, eval_strategy: steps}\n"));

    [Fact]
    public void Two_keys_that_say_which_tokens_count_must_agree() => Assert.Equal(
        "run.yaml:2:46: data.loss_on: says which tokens count, but assistant_only_loss: false says that all do; remove one of the two",
        RunFile.Error("model: {path: m}\ndata: {train: t, assistant_only_loss: false, loss_on: last_turn}\n"));

    [Fact]
    public void Compute_and_bf16_must_agree()
    {
        const string Data = "data: {train: t}\n";
        Assert.Equal("run.yaml:2:9: train.bf16: is true, but model.compute asks for float32; remove one of the two",
            RunFile.Error("model: {path: m, compute: float32}\ntrain: {bf16: true}\n" + Data));
        Assert.Equal("run.yaml:2:9: train.bf16: is false, but model.compute asks for bfloat16; remove one of the two",
            RunFile.Error("model: {path: m, compute: bf16}\ntrain: {bf16: false}\n" + Data));
    }

    [Fact]
    public void The_base_and_the_data_are_required_and_all_problems_come_at_once()
    {
        Assert.Equal("run.yaml: 3 problems\n"
            + "  run.yaml:1:8: lora.r: must be at least 1 and at most 65536, found -3\n"
            + "  run.yaml: model.path: is required: the directory of the base model\n"
            + "  run.yaml: data.train: is required: the file of training samples", RunFile.Error("lora: {r: -3}\n"));
        Assert.Contains("model.path: is required", RunFile.Error(""), StringComparison.Ordinal);
        Assert.Contains("model.path: is required", RunFile.Error("# nothing but a comment\n"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("quantization: {load_in_4bit: true}", "quantization: quantized base weights")]
    [InlineData("quantization: {bnb_4bit_quant_type: nf4}", "quantization: quantized base weights")]
    [InlineData("method: adapter", "method: adapters other than LoRA")]
    [InlineData("lora: {use_dora: true}", "lora.use_dora: DoRA")]
    [InlineData("lora: {init_lora_weights: loftq}", "lora.init_lora_weights: this initialisation")]
    [InlineData("objective: dpo", "objective: preference optimisation")]
    [InlineData("train: {optim: paged_adamw_8bit}", "train.optim: optimizer state in eight bits")]
    [InlineData("train: {fp16: true}", "train.fp16: float16 arithmetic")]
    [InlineData("cache: {vision_features: on}", "cache.vision_features: the cache of vision features")]
    [InlineData("cache: {directory: c}", "cache.directory: the cache of vision features")]
    [InlineData("cache: {max_bytes: 5}", "cache.max_bytes: the cache of vision features")]
    [InlineData("report_to: [mlflow]", "report_to: reporting to MLflow")]
    public void What_does_not_exist_yet_is_refused_and_never_ignored(string line, string message)
    {
        string section = line.Split(':')[0];
        string rest = string.Join('\n', RunFile.Least.Split('\n').Where(l => !l.StartsWith(section + ":", StringComparison.Ordinal)));
        Assert.Contains($"{message}: not available yet in this version of Lorikeet", RunFile.Error(line + "\n" + rest), StringComparison.Ordinal);
    }
}
