using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>
/// Names that other programs use for the same thing, in the one place where they are known. Each use is told to the user. Sections are
/// rewritten before anything is bound.
/// </summary>
internal static class Synonyms
{
    private static readonly Dictionary<string, string> Keys = new(StringComparer.Ordinal)
    {
        ["model.model_name_or_path"] = "model.path",
        ["model.torch_dtype"] = "model.dtype",
        ["data.train_file"] = "data.train",
        ["data.validation_file"] = "data.eval",
        ["data.eval_file"] = "data.eval",
        ["data.validation"] = "data.eval",
        ["data.test_size"] = "data.validation_split",
        ["data.val_size"] = "data.validation_split",
        ["data.eval_size"] = "data.validation_split",
        ["data.val_set_size"] = "data.validation_split",
        ["data.split_dataset_ratio"] = "data.validation_split",
        ["data.video_maxlen"] = "data.video_max_frames",
        ["data.fps_max_frames"] = "data.video_max_frames",
        ["data.fps_min_frames"] = "data.video_min_frames",
        ["data.mix_strategy"] = "data.stopping_strategy",
        ["data.max_train_samples"] = "data.max_samples",
        ["data.max_seq_length"] = "data.max_length",
        ["data.max_seq_len"] = "data.max_length",
        ["data.cutoff_len"] = "data.max_length",
        ["train.max_seq_length"] = "data.max_length",
        ["train.max_length"] = "data.max_length",
        ["train.packing"] = "data.packing",
        ["train.assistant_only_loss"] = "data.assistant_only_loss",
        ["train.report_to"] = "report_to",
        ["train.evaluation_strategy"] = "train.eval_strategy",
        ["train.lr_scheduler"] = "train.lr_scheduler_type",
        ["train.batch_size"] = "train.per_device_train_batch_size",
        ["train.lr"] = "train.learning_rate",
        ["train.epochs"] = "train.num_train_epochs",
        ["train.optimizer"] = "train.optim",
        ["lora.rank"] = "lora.r",
        ["lora.lora_rank"] = "lora.r",
        ["lora.alpha"] = "lora.lora_alpha",
        ["lora.dropout"] = "lora.lora_dropout",
        ["lora.lora_target"] = "lora.target_modules",
        ["lora.init_weights"] = "lora.init_lora_weights",
        ["lora.additional_target"] = "lora.modules_to_save",
        ["train.wandb_project"] = "wandb.project",
        ["train.early_stopping_steps"] = "train.early_stopping_patience",
        ["dpo.pref_beta"] = "dpo.beta",
        ["dpo.pref_loss"] = "dpo.loss_type",
    };

    /// <summary>Keys that make no difference here, and why.</summary>
    private static readonly Dictionary<string, string> WithoutEffect = new(StringComparer.Ordinal)
    {
        ["lora.task_type"] = "the model's family says what it does",
        ["lora.peft_type"] = "the section's name says it",
        ["train.remove_unused_columns"] = "every row format knows its columns",
        ["train.dataloader_num_workers"] = "pictures are always prepared beside the computation",
        ["train.dataloader_pin_memory"] = "it concerns GPUs",
        ["train.disable_tqdm"] = "the progress line follows the terminal",
        ["train.logging_first_step"] = "the first step is always told",
        ["train.do_train"] = "the verb says it",
        ["train.do_eval"] = "eval_strategy says it",
        ["train.ddp_find_unused_parameters"] = "it concerns torch",
        ["train.gradient_checkpointing_kwargs"] = "there is one kind of checkpointing",
        ["train.push_to_hub"] = "a run never uploads anything",
    };

    private static readonly Dictionary<string, Dictionary<string, string>> Values = new(StringComparer.Ordinal)
    {
        ["train.optim"] = new(StringComparer.OrdinalIgnoreCase)
        {
            ["adamw"] = "adamw_torch",
            ["adamw_hf"] = "adamw_torch",
            ["adamw_torch_fused"] = "adamw_torch",
            ["adamw_bnb_8bit"] = "adamw_8bit",
            ["paged_adamw_8bit"] = "adamw_8bit",
        },
        ["train.lr_scheduler_type"] = new(StringComparer.OrdinalIgnoreCase)
        {
            ["wsd"] = "warmup_stable_decay",
            ["cosine_with_hard_restarts"] = "cosine_with_restarts",
        },
        ["data.stopping_strategy"] = new(StringComparer.OrdinalIgnoreCase) { ["interleave_over"] = "all_exhausted", ["interleave_under"] = "first_exhausted" },
        ["lora.init_lora_weights"] = new(StringComparer.OrdinalIgnoreCase) { ["kaiming_uniform"] = "true", ["default"] = "true" },
        ["model.dtype"] = NumberTypes(),
        ["model.compute"] = NumberTypes(),
        ["quantization.bnb_4bit_compute_dtype"] = NumberTypes(),
    };

    /// <summary>The tree with every synonym replaced; what was replaced is noted in the context.</summary>
    public static MappingNode Normalise(MappingNode root, BindContext context)
    {
        var kept = new List<MappingEntry>();
        var moved = new List<(string Path, MappingEntry Entry)>();
        foreach (var entry in root.Entries)
        {
            kept.Add(entry with { Value = Section(entry, moved, context) });
        }

        var result = root with { Entries = kept };
        foreach (var (path, entry) in moved)
        {
            result = Place(result, path, entry, context);
        }

        return result with { Entries = [.. result.Entries.Select(entry => WithValues(entry, entry.Key, context))] };
    }

    /// <summary>The key that a name stands for; the name itself if it is none of the synonyms.</summary>
    public static string KeyFor(string path) => Keys.GetValueOrDefault(path, path);

    /// <summary>True for a key that is accepted and has no effect.</summary>
    public static bool HasNoEffect(string path) => WithoutEffect.ContainsKey(path);

    private static ConfigNode Section(MappingEntry section, List<(string Path, MappingEntry Entry)> moved, BindContext context)
    {
        if (section.Value is not MappingNode mapping)
        {
            return section.Value;
        }

        var kept = new List<MappingEntry>();
        foreach (var entry in mapping.Entries)
        {
            string path = $"{section.Key}.{entry.Key}";
            if (WithoutEffect.TryGetValue(path, out string? why))
            {
                context.Notes.Add($"{entry.KeyOrigin}: {path} is ignored: {why}");
            }
            else if (Keys.TryGetValue(path, out string? meant))
            {
                context.Notes.Add($"{entry.KeyOrigin}: {path} is taken as {meant}");
                moved.Add((meant, entry));
            }
            else
            {
                kept.Add(entry);
            }
        }

        return mapping with { Entries = kept };
    }

    /// <summary>Puts a value at a path such as data.max_length.</summary>
    private static MappingNode Place(MappingNode root, string path, MappingEntry entry, BindContext context)
    {
        string[] parts = path.Split('.');
        string key = parts[^1];
        if (parts.Length == 1)
        {
            return With(root, entry with { Key = key }, path, context);
        }

        var existing = root.Entries.FirstOrDefault(e => e.Key == parts[0]);
        var section = existing?.Value as MappingNode ?? new MappingNode([], entry.KeyOrigin);
        var changed = new MappingEntry(parts[0], existing?.KeyOrigin ?? entry.KeyOrigin, With(section, entry with { Key = key }, path, context));
        return root with { Entries = [.. root.Entries.Where(e => e.Key != parts[0]), changed] };
    }

    private static MappingNode With(MappingNode section, MappingEntry entry, string path, BindContext context)
    {
        if (section.Entries.FirstOrDefault(e => e.Key == entry.Key) is not { } other)
        {
            return section with { Entries = [.. section.Entries, entry] };
        }

        // The command line wins over the file whatever names the two used; twice in one place is a contradiction.
        if (other.KeyOrigin.IsCommandLine == entry.KeyOrigin.IsCommandLine)
        {
            context.Problem(entry.KeyOrigin, $"{path} is given twice; first at {other.KeyOrigin}");
            return section;
        }

        return entry.KeyOrigin.IsCommandLine ? section with { Entries = [.. section.Entries.Where(e => e != other), entry] } : section;
    }

    private static MappingEntry WithValues(MappingEntry entry, string path, BindContext context)
    {
        if (entry.Value is MappingNode section)
        {
            return entry with { Value = section with { Entries = [.. section.Entries.Select(e => WithValues(e, $"{path}.{e.Key}", context))] } };
        }

        string? written = entry.Value switch { ScalarNode scalar => scalar.Text, ArgumentNode argument => argument.Text, _ => null };
        if (written is null || !Values.TryGetValue(path, out var words) || !words.TryGetValue(written, out string? meant))
        {
            return entry;
        }

        context.Notes.Add($"{entry.KeyOrigin}: {path}: {written} is taken as {meant}");
        return entry with { Value = new ScalarNode(meant, Plain: true, entry.Value.Origin) };
    }

    private static Dictionary<string, string> NumberTypes() => new(StringComparer.OrdinalIgnoreCase)
    {
        ["bf16"] = "bfloat16",
        ["torch.bfloat16"] = "bfloat16",
        ["fp16"] = "float16",
        ["f16"] = "float16",
        ["half"] = "float16",
        ["torch.float16"] = "float16",
        ["fp32"] = "float32",
        ["f32"] = "float32",
        ["float"] = "float32",
        ["torch.float32"] = "float32",
    };
}
