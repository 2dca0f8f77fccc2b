using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>A run file that was read.</summary>
/// <param name="Config">The configuration; all paths in it are absolute.</param>
/// <param name="Notes">What the user should be told: synonyms that were replaced, keys without effect.</param>
public sealed record LoadedRun(RunConfig Config, IReadOnlyList<string> Notes);

/// <summary>Reads run files.</summary>
public static class RunConfigReader
{
    /// <summary>
    /// Reads a run file and the settings of the command line that override it. Paths in the file are relative to the file, paths on
    /// the command line to the current folder.
    /// </summary>
    /// <param name="path">The run file.</param>
    /// <param name="overrides">Settings such as "--lora.r", "16"; see <see cref="RunOverrides.Split"/>.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="InvalidDataException">The file or a setting is wrong; the message lists everything that is, with its place.</exception>
    public static LoadedRun Load(string path, IReadOnlyList<string> overrides)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(overrides);
        if (!File.Exists(path))
        {
            throw new FileNotFoundException(Directory.Exists(path)
                ? $"{path}: is a folder; a run file was expected (see recipes/)" : $"{path}: there is no such run file", path);
        }

        string full = Path.GetFullPath(path);
        string folder = Path.GetDirectoryName(full)!;
        var context = new BindContext(folder, Path.GetFullPath("."));
        var config = Bind(YamlTree.ReadFile(full, path), path, overrides, context);
        if (config.Train.OutputDir is null)
        {
            config = config with { Train = config.Train with { OutputDir = Path.Combine(folder, "runs", Path.GetFileNameWithoutExtension(full)) } };
        }

        AddIdleSections(config, context);
        if (context.Problems.Count == 0)
        {
            context.Problems.AddRange(config.Validate().Select(problem => $"{PlaceOf(problem.Key, path, context)}: {problem}"));
        }

        ThrowIfWrong(path, context.Problems);
        return new LoadedRun(config, context.Notes);
    }

    private static RunConfig Bind(ConfigNode? document, string path, IReadOnlyList<string> overrides, BindContext context)
    {
        document = document is null or ScalarNode { IsNull: true } ? new MappingNode([], new Origin(path, 1, 1)) : document;
        if (document is not MappingNode root)
        {
            throw new InvalidDataException($"{document.Origin}: a run file has sections (model:, data:, lora:, ...), found {document.Kind}");
        }

        root = Synonyms.Normalise(RunOverrides.Apply(root, overrides), context);
        return (RunConfig)ConfigTree.Root.Read(root, "", context)!;
    }

    // Sections that the chosen method or objective does not look at: worth a word, but no error, so that --method can be tried out.
    private static void AddIdleSections(RunConfig config, BindContext context)
    {
        (string Section, bool IsUsed, string Why)[] sections =
        [
            ("lora", config.Method == TuningMethod.Lora, "method is not lora"),
            ("freeze", config.Method == TuningMethod.Freeze, "method is not freeze"),
            ("generation", config.Train is { EvalStrategy: not Strategy.No, EvalGenerations: > 0 }, "no samples are answered: eval_strategy is no, or eval_generations is 0"),
            ("wandb", config.ReportTo.Contains(Reporter.Wandb), "report_to does not name wandb"),
            ("dpo", config.Objective == TrainingObjective.Dpo, "objective is not dpo"),
        ];
        context.Notes.AddRange(sections.Where(s => !s.IsUsed && context.Origins.ContainsKey(s.Section))
            .Select(s => $"{context.Origins[s.Section]}: the section {s.Section} has no effect: {s.Why}"));
    }

    private static string PlaceOf(string key, string path, BindContext context)
    {
        for (string? at = key; at is not null; at = at.Contains('.', StringComparison.Ordinal) ? at[..at.LastIndexOf('.')] : null)
        {
            if (context.Origins.TryGetValue(at, out var origin))
            {
                return origin.ToString();
            }
        }

        return path;
    }

    private static void ThrowIfWrong(string path, List<string> problems)
    {
        if (problems.Count > 0)
        {
            throw new InvalidDataException(problems.Count == 1 ? problems[0]
                : FormattableString.Invariant($"{path}: {problems.Count} problems\n  ") + string.Join("\n  ", problems));
        }
    }
}
