namespace Lorikeet.Training;

/// <summary>
/// Compares the resolved run file of a checkpoint with that of a run which is to go on from it. Every key must be the same, but for those
/// that cannot change what is trained.
/// </summary>
internal static class SettingsDifference
{
    // What paths hold is compared by content; the length of the run by RunExtension; the device is part of what RunState.InstructionSet tells.
    private static readonly HashSet<string> Free = new(StringComparer.Ordinal)
    {
        "model.path", "model.device", "data.train", "data.image_root", "data.augment.synonyms.file", "train.output_dir", "train.run_name", "train.logging_dir", "train.logging_steps", "train.save_strategy",
        "train.save_steps", "train.save_total_limit", "train.num_train_epochs", "train.max_steps", "report_to",
    };

    private static readonly string[] FreeSections = ["wandb.", "cache."];

    // They decide which step is the best one, which counts only where the run returns to it or ends because of it.
    private static readonly HashSet<string> Evaluation = new(StringComparer.Ordinal)
    {
        "data.eval", "train.eval_strategy", "train.eval_steps", "train.eval_delay", "train.eval_on_start", "train.eval_generations",
        "train.per_device_eval_batch_size", "train.metric_for_best_model", "train.greater_is_better", "train.early_stopping_threshold",
    };

    /// <summary>The keys named by this class, which a test looks up among those that exist.</summary>
    internal static IEnumerable<string> Named => [.. Free, .. Evaluation];

    /// <summary>One line for every key that differs and matters: its name, the checkpoint's value and the one of now.</summary>
    /// <param name="then">Text of the checkpoint's run file, as RunConfigWriter writes it.</param>
    /// <param name="now">Text of the run's.</param>
    /// <param name="defaults">Text of a run file with nothing set: the value of a key that the other text does not know yet.</param>
    public static IReadOnlyList<string> Find(string then, string now, string defaults)
    {
        Dictionary<string, string> old = Values(then), current = Values(now), usual = Values(defaults);
        bool keepsBest = old.Concat(current).Any(v => (v.Key == "train.load_best_model_at_end" && v.Value == "true") || (v.Key == "train.early_stopping_patience" && v.Value != "null"));
        var lines = new List<string>();
        foreach (string key in current.Keys.Union(old.Keys).Order(StringComparer.Ordinal))
        {
            if (Free.Contains(key) || FreeSections.Any(s => key.StartsWith(s, StringComparison.Ordinal)) || (!keepsBest && (Evaluation.Contains(key) || key.StartsWith("generation.", StringComparison.Ordinal))))
            {
                continue;
            }

            string? before = old.GetValueOrDefault(key, usual.GetValueOrDefault(key, "not known")), after = current.GetValueOrDefault(key, "not known");
            if (before != after)
            {
                lines.Add($"{key}: {before} in the checkpoint, {after} now");
            }
        }

        return lines;
    }

    /// <summary>The values of a text by full key.</summary>
    internal static Dictionary<string, string> Values(string text)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        var sections = new List<string>();
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            int depth = (line.Length - line.TrimStart(' ').Length) / 2;
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0 || depth > sections.Count)
            {
                continue;
            }

            sections.RemoveRange(depth, sections.Count - depth);
            string name = line[..colon].Trim(), value = line[(colon + 1)..].Trim();
            if (value.Length == 0)
            {
                sections.Add(name);
            }
            else
            {
                values[string.Join('.', sections.Append(name))] = value;
            }
        }

        return values;
    }
}
