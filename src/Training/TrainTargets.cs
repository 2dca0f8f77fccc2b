using System.Globalization;
using System.Text.RegularExpressions;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>What a run file means by its targets, on a given model.</summary>
internal static class TrainTargets
{
    /// <summary>The adapter's settings with targets resolved: as written where PEFT means the same, else as a list of module paths.</summary>
    /// <exception cref="InvalidDataException">Nothing is left to adapt.</exception>
    public static LoraConfig Lora(RunConfig run, LoadedModel loaded)
    {
        LoraSection s = run.Lora;
        LoraConfig config = new()
        {
            R = s.R,
            LoraAlpha = s.LoraAlpha,
            LoraDropout = s.LoraDropout,
            TargetModules = Match(s.TargetModules, "lora.target_modules") ?? LanguageLayers(loaded.Model),
            ExcludeModules = Match(s.ExcludeModules, "lora.exclude_modules"),
            Bias = s.Bias switch { BiasTraining.All => LoraBias.All, BiasTraining.LoraOnly => LoraBias.LoraOnly, _ => LoraBias.None },
            UseRslora = s.UseRslora,
            InitLoraWeights = s.InitLoraWeights switch
            {
                LoraInitialization.Gaussian => LoraInit.Gaussian,
                LoraInitialization.Random => LoraInit.Random,
                _ => LoraInit.Default,
            },
            ModulesToSave = s.ModulesToSave ?? [],
            RankPattern = s.RankPattern,
            AlphaPattern = s.AlphaPattern,
            BaseModelNameOrPath = loaded.Directory.Origin?.Repository ?? loaded.Directory.Path,
            Revision = loaded.Directory.Origin?.Commit,
        };
        config.Validate("lora");
        return IsFiltered(s) ? config with { TargetModules = Filtered(s, config, loaded.Model) } : config;
    }

    /// <summary>Which parameters train under the method <c>freeze</c>.</summary>
    /// <exception cref="InvalidDataException">A name means nothing in this model.</exception>
    public static Func<string, bool> Freeze(FreezeSection section, VisionLanguageModel model)
    {
        Func<string, bool>[] rules = [.. section.Train.Select(entry => FreezeRule(entry, model))];
        return name => rules.Any(rule => rule(name));
    }

    private static Func<string, bool> FreezeRule(string entry, VisionLanguageModel model)
    {
        // "language.layers.4-7" or "vision.layers.11" means blocks of a tower.
        Match range = Regex.Match(entry, @"^(\w+)\.layers\.(\d{1,6})(?:-(\d{1,6}))?$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        string word = range.Success ? range.Groups[1].Value : entry;
        if (!Enum.TryParse(word, ignoreCase: true, out Tower tower))
        {
            bool Inside(string name) => ('.' + name + '.').Contains('.' + entry + '.', StringComparison.Ordinal);
            return model.Parts.Params.Any(p => Inside(p.Name))
                ? Inside
                : throw new InvalidDataException($"freeze.train: '{entry}' is neither a tower (vision, connector, language, head), blocks of one (language.layers.4-7) nor a module or parameter of this model");
        }

        if (!range.Success)
        {
            return name => model.TowerOf(name) == tower;
        }

        int first = int.Parse(range.Groups[2].Value, CultureInfo.InvariantCulture);
        int last = range.Groups[3].Success ? int.Parse(range.Groups[3].Value, CultureInfo.InvariantCulture) : first;
        int[] blocks = [.. model.Parts.Params.Where(p => model.TowerOf(p.Name) == tower).Select(p => BlockOf(p.Name)).OfType<int>().Distinct().Order()];
        return first <= last && blocks.Contains(first) && blocks.Contains(last)
            ? name => model.TowerOf(name) == tower && BlockOf(name) is { } block && block >= first && block <= last
            : throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture, $"freeze.train: '{entry}': the {word} part of this model has {(blocks.Length == 0 ? "no numbered blocks" : $"the blocks {blocks[0]} to {blocks[^1]}")}"));
    }

    /// <summary>The number of the block that a parameter lies in, under any name that checkpoints have for a tower's list of blocks; or null.</summary>
    private static int? BlockOf(string name)
    {
        Match block = Regex.Match(name, @"\.(?:layers|blocks|resblocks|h)\.(\d+)\.", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        return block.Success ? int.Parse(block.Groups[1].Value, CultureInfo.InvariantCulture) : null;
    }

    private static ModuleMatch? Match(ModuleNames? names, string key)
    {
        if (names?.Pattern is not { } pattern)
        {
            return names is null ? null : ModuleMatch.OfNames(names.Names);
        }

        try
        {
            return ModuleMatch.OfPattern(pattern);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{key}: {e.Message}", e);
        }
    }

    /// <summary>The default target: the language model's linear layers, as a pattern that PEFT resolves alike.</summary>
    private static ModuleMatch LanguageLayers(VisionLanguageModel model)
    {
        string tower = model.Towers[Tower.Language];
        string[] names = [.. model.Parts.Linears.Where(l => model.TowerOf(l.Path) == Tower.Language).Select(l => l.Path[(l.Path.LastIndexOf('.') + 1)..]).Distinct()];
        return ModuleMatch.OfPattern($"{Regex.Escape(tower)}\\..*\\.({string.Join('|', names)})");
    }

    private static bool IsFiltered(LoraSection s) =>
        (s.FinetuneVisionLayers ?? s.FinetuneLanguageLayers ?? s.FinetuneConnector ?? s.FinetuneAttentionModules ?? s.FinetuneMlpModules) is not null;

    private static ModuleMatch Filtered(LoraSection s, LoraConfig config, VisionLanguageModel model)
    {
        // Without target_modules the switches choose among all layers, and the language model is on unless switched off.
        LoraConfig all = s.TargetModules is null ? config with { TargetModules = ModuleMatch.OfPattern(ModuleMatch.AllLinear) } : config;
        bool isOpen = s.TargetModules is not null;
        string[] paths = [.. AdapterSet.Targets(model.Parts, model.LmHead, all).Select(l => l.Path).Where(path => Keeps(s, model.TowerOf(path), path, isOpen))];
        return paths.Length > 0
            ? ModuleMatch.OfNames(paths)
            : throw new InvalidDataException("lora: the finetune_* switches leave no layer to adapt");
    }

    private static bool Keeps(LoraSection s, Tower tower, string path, bool isOpen)
    {
        bool inTower = tower switch
        {
            Tower.Vision => s.FinetuneVisionLayers ?? isOpen,
            Tower.Connector => s.FinetuneConnector ?? isOpen,
            Tower.Language => s.FinetuneLanguageLayers ?? true,
            _ => isOpen,
        };
        bool isAttention = path.Contains("attn.", StringComparison.Ordinal) || path.Contains("attention.", StringComparison.Ordinal);
        bool isMlp = path.Contains("mlp.", StringComparison.Ordinal);
        return inTower && !(isAttention && s.FinetuneAttentionModules == false) && !(isMlp && s.FinetuneMlpModules == false);
    }
}
