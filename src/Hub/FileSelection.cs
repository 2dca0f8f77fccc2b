using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lorikeet.Hub;

/// <summary>Which files of a repository are wanted. Without patterns: those that loading needs.</summary>
public sealed record FileSelection
{
    /// <summary>Patterns of the wanted files (<c>*</c> also matches <c>/</c>); empty for what loading needs.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>Patterns of files to leave out.</summary>
    public IReadOnlyList<string> Exclude { get; init; } = [];
}

/// <summary>A file that is not fetched, whatever was asked, and why.</summary>
internal sealed record RefusedFile(string Path, string Reason);

/// <summary>A repository's files, sorted by what happens to them.</summary>
internal sealed record ChosenFiles(IReadOnlyList<RepositoryFile> Wanted, IReadOnlyList<RefusedFile> Refused, int Unneeded)
{
    // Reading one of these can run code of its author.
    private static readonly HashSet<string> Pickles = new(StringComparer.OrdinalIgnoreCase)
    {
        ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".dill", ".joblib", ".npy", ".npz", ".t7", ".mar", ".nemo", ".distcp",
    };

    private static readonly HashSet<string> Programs = new(StringComparer.OrdinalIgnoreCase)
    {
        ".py", ".pyc", ".pyx", ".pyd", ".ipynb", ".sh", ".bat", ".ps1", ".exe", ".dll", ".so", ".dylib", ".js", ".jar", ".class", ".cmd", ".com", ".msi", ".whl", ".egg",
    };

    /// <summary>Chooses among the files of a repository.</summary>
    public static ChosenFiles Of(IReadOnlyList<RepositoryFile> files, RepositoryKind kind, FileSelection selection)
    {
        Func<string, bool> isNeeded = kind == RepositoryKind.Dataset ? NeededFiles.OfDataset(files.Select(file => file.Path)) : NeededFiles.OfModel(files.Select(file => file.Path));
        var wanted = new List<RepositoryFile>();
        var refused = new List<RefusedFile>();
        int unneeded = 0;
        foreach (RepositoryFile file in files)
        {
            bool isAsked = selection.Include.Count == 0 ? isNeeded(file.Path) : selection.Include.Any(pattern => Glob.Matches(pattern, file.Path));
            bool isExcluded = selection.Exclude.Any(pattern => Glob.Matches(pattern, file.Path));
            bool mayMatter = selection.Include.Count == 0 ? !file.Path.Contains('/', StringComparison.Ordinal) : isAsked;
            string? reason = Reason(file.Path);
            if (reason is not null && mayMatter && !isExcluded)
            {
                refused.Add(new RefusedFile(file.Path, reason));
            }
            else if (reason is null && isAsked && !isExcluded)
            {
                wanted.Add(file);
            }
            else
            {
                unneeded++;
            }
        }

        return new ChosenFiles(wanted, refused, unneeded);
    }

    /// <summary>True for a file that may hold a pickle.</summary>
    public static bool IsPickle(string path) => Pickles.Contains(Path.GetExtension(path));

    private static string? Reason(string path) =>
        IsPickle(path) ? "a pickle can run code when it is read; only safetensors are fetched"
        : Programs.Contains(Path.GetExtension(path)) ? "programs are never fetched"
        : SafePath.Oddity(path);
}

/// <summary>The files that loading needs.</summary>
internal static partial class NeededFiles
{
    private const long MaxSettingsBytes = 4 << 20;

    private static readonly string[] Tables = [".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv"];
    private static readonly string[] PicturesAndCaptions = [".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".txt"];
    private static readonly string[] Vocabularies = ["merges.txt", "vocab.txt", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "added_tokens.json"];

    /// <summary>Tells which of a model's files are needed: weights of one kind, and all settings beside them.</summary>
    public static Func<string, bool> OfModel(IEnumerable<string> paths)
    {
        var names = paths.ToHashSet(StringComparer.Ordinal);
        bool hasUsual = names.Any(IsUsualWeights);
        return path => path.Contains('/', StringComparison.Ordinal)
            ? path.StartsWith("additional_chat_templates/", StringComparison.Ordinal) && path.EndsWith(".jinja", StringComparison.Ordinal)
            : path.EndsWith(".safetensors", StringComparison.Ordinal) ? (hasUsual ? IsUsualWeights(path) : true) && !IsRival(path, names)
            : path.EndsWith(".index.json", StringComparison.Ordinal) ? path == "model.safetensors.index.json" && !IsRival(path, names)
            : IsSetting(path);
    }

    /// <summary>Tells which of a data set's files are needed: its tables, and where none is Parquet, which holds its pictures, also pictures and captions.</summary>
    public static Func<string, bool> OfDataset(IEnumerable<string> paths)
    {
        string[] endings = paths.Any(path => HasEnding(path, [".parquet"])) ? Tables : [.. Tables, .. PicturesAndCaptions];
        return path => HasEnding(path, endings) || IsNotice(path);
    }

    /// <summary>True if a directory with these files can be loaded as a model, judged without the hub's list.</summary>
    public static bool CanLoad(string directory, Func<string, IReadOnlyCollection<string>?> shardsOf)
    {
        bool Has(string name) => File.Exists(Path.Combine(directory, name));
        if (Has("adapter_config.json") && Has("adapter_model.safetensors"))
        {
            return true;
        }

        string index = Path.Combine(directory, "model.safetensors.index.json");
        bool hasWeights = Has("model.safetensors") || (File.Exists(index) && shardsOf(index) is { Count: > 0 } shards && shards.All(Has));
        return hasWeights && Parts(Path.Combine(directory, "config.json")) is { } parts
            && (!parts.HasWords || Has("tokenizer.json") || Directory.EnumerateFiles(directory, "*.tiktoken").Any())
            && (!parts.HasTower || Has("preprocessor_config.json") || Has("processor_config.json"));
    }

    /// <summary>What a model's settings speak of: words, which need a tokenizer, and a vision tower of its own section, which needs settings of its pictures. Null if they cannot be read.</summary>
    private static (bool HasWords, bool HasTower)? Parts(string config)
    {
        if (!File.Exists(config) || new FileInfo(config).Length > MaxSettingsBytes)
        {
            return null;
        }

        try
        {
            using var settings = JsonDocument.Parse(File.ReadAllBytes(config));
            bool Names(string key) => settings.RootElement.TryGetProperty(key, out _);
            return settings.RootElement.ValueKind == JsonValueKind.Object ? (Names("vocab_size") || Names("text_config") || !Names("image_size"), Names("vision_config")) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // Next to a whole model.safetensors, its shards and their index would be the same weights a second time.
    private static bool IsRival(string path, HashSet<string> names) =>
        path != "model.safetensors" && path.StartsWith("model", StringComparison.Ordinal) && names.Contains("model.safetensors");

    private static bool HasEnding(string path, string[] endings) => endings.Any(ending => path.EndsWith(ending, StringComparison.OrdinalIgnoreCase));

    private static bool IsUsualWeights(string path) => UsualWeights().IsMatch(path);

    private static bool IsSetting(string path) => path.EndsWith(".json", StringComparison.Ordinal) || path.EndsWith(".jinja", StringComparison.Ordinal)
        || path.EndsWith(".tiktoken", StringComparison.Ordinal) || Vocabularies.Contains(path) || IsNotice(path);

    /// <summary>True for what people read: the card and the licence.</summary>
    public static bool IsNotice(string path) => path is "README.md" || (!path.Contains('/', StringComparison.Ordinal)
        && (path.StartsWith("LICENSE", StringComparison.OrdinalIgnoreCase) || path.StartsWith("LICENCE", StringComparison.OrdinalIgnoreCase) || path is "NOTICE" or "NOTICE.txt"));

    [GeneratedRegex(@"\A(model|model-\d+-of-\d+|adapter_model)\.safetensors\z", RegexOptions.None, 1000)]
    private static partial Regex UsualWeights();
}
