using System.Text;
using System.Text.RegularExpressions;

namespace Lorikeet.Data.Sources;

/// <summary>What a path stands for: the files of a file, a pattern, or a directory, of one split.</summary>
/// <param name="Folder">Where relative picture paths count from.</param>
/// <param name="Files">The files in order; empty where the directory holds pictures.</param>
/// <param name="Notes">What the user should know.</param>
internal sealed partial record SourceFiles(string Folder, IReadOnlyList<string> Files, IReadOnlyList<string> Notes)
{
    private static readonly string[] Text = [".jsonl", ".ndjson", ".json", ".csv", ".tsv"];
    private static readonly string[] Metadata = ["metadata.jsonl", "metadata.csv", "metadata.parquet"];
    private static readonly string[] AboutData = ["dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json"];

    private static readonly Dictionary<string, string> SplitWords = new(StringComparer.OrdinalIgnoreCase)
    {
        ["train"] = "train",
        ["training"] = "train",
        ["test"] = "test",
        ["testing"] = "test",
        ["eval"] = "test",
        ["evaluation"] = "test",
        ["validation"] = "validation",
        ["valid"] = "validation",
        ["val"] = "validation",
        ["dev"] = "validation",
    };

    /// <summary>Finds the files.</summary>
    /// <param name="path">As the user named it.</param>
    /// <param name="split">A slice such as <c>test[:1%]</c>, whose name chooses among the splits of a directory; null for train.</param>
    public static SourceFiles Find(string path, string? split)
    {
        if (File.Exists(path))
        {
            return new SourceFiles(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, [path], []);
        }

        if (Directory.Exists(path))
        {
            return InDirectory(path, split);
        }

        int sign = path.AsSpan().IndexOfAny('*', '?', '[');
        if (sign < 0)
        {
            // Says what is wrong with it.
            SourceFile.OpenBinary(path).Dispose();
        }

        string root = System.IO.Path.GetDirectoryName(path[..sign] + "x") is { Length: > 0 } parent ? parent : ".";
        Regex pattern = Pattern(path);
        string[] files = Directory.Exists(root) ? [.. All(root).Where(f => pattern.IsMatch(f.Replace('\\', '/')))] : [];
        return files.Length > 0
            ? OfSplit(path, root, files, split)
            : throw new InvalidDataException($"{path}: no file matches the pattern; check the path (data.train, data.eval).");
    }

    /// <summary>The files below a directory in the order of their relative paths, hidden ones left out.</summary>
    public static IEnumerable<string> All(string directory) => Directory
        .EnumerateFiles(directory, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System })
        .Order(StringComparer.Ordinal);

    private static SourceFiles InDirectory(string path, string? split)
    {
        string[] all = [.. All(path)];
        string[] metadata = [.. all.Where(f => Metadata.Contains(System.IO.Path.GetFileName(f), StringComparer.Ordinal))];
        if (metadata.Length > 0)
        {
            SourceFiles chosen = OfSplit(path, path, metadata, split);
            return chosen.Files.Count == 1
                ? chosen with { Folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(chosen.Files[0]))! }
                : throw new InvalidDataException($"{path}: holds {chosen.Files.Count} metadata files ({string.Join(", ", chosen.Files.Take(3).Select(f => System.IO.Path.GetRelativePath(path, f)))}), where one was expected. Name each as a source of its own.");
        }

        string[] parquet = [.. all.Where(f => HasExtension(f, ".parquet"))];
        if (parquet.Length > 0)
        {
            return OfSplit(path, path, parquet, split);
        }

        string[] tables = [.. all.Where(f => Text.Any(e => HasExtension(f, e)) && !AboutData.Contains(System.IO.Path.GetFileName(f), StringComparer.Ordinal))];
        return tables.Length > 0 && !FolderSource.HasCaptions(all)
            ? OfSplit(path, path, tables, split)
            : new SourceFiles(System.IO.Path.GetFullPath(path), [], []);
    }

    /// <summary>Of files that belong to several splits, those of one; the words are those that datasets looks for.</summary>
    private static SourceFiles OfSplit(string path, string root, string[] files, string? split)
    {
        string folder = System.IO.Path.GetFullPath(root);
        ILookup<string?, string> bySplit = files.ToLookup(f => SplitOf(System.IO.Path.GetRelativePath(root, f)));
        string[] names = [.. bySplit.Select(g => g.Key).OfType<string>().Order(StringComparer.Ordinal)];
        if (names.Length == 0)
        {
            return new SourceFiles(folder, files, []);
        }

        string asked = split?.Split('[', '+')[0].Trim() ?? "train";
        string name = SplitWords.GetValueOrDefault(asked, asked);
        if (split is null && names is [var only] && !bySplit.Contains(null))
        {
            name = only;
        }

        string[] chosen = [.. bySplit[name]];
        if (chosen.Length == 0)
        {
            throw new InvalidDataException($"{path}: has no files of the split '{asked}'; it has {string.Join(", ", names)}. Choose one as the split (data.train_split, or split of a source), for example {names[0]}[:10%].");
        }

        int others = files.Length - chosen.Length;
        return new SourceFiles(folder, chosen, others == 0 ? [] : [FormattableString.Invariant(
            $"{path}: {chosen.Length} file(s) of the split {name} are read, {others} of other splits ({string.Join(", ", names.Where(n => n != name).DefaultIfEmpty("no split in the name"))}) are not.")]);
    }

    private static string? SplitOf(string relative)
    {
        string stem = System.IO.Path.GetFileNameWithoutExtension(relative);
        if (Shard().Match(stem) is { Success: true } shard)
        {
            string prefix = shard.Groups[1].Value;
            return SplitWords.GetValueOrDefault(prefix, prefix) is var name && name == "data" ? null : name;
        }

        return SplitWords.GetValueOrDefault(FirstWord().Match(stem).Value)
            ?? relative.Split('/', '\\').SkipLast(1).Select(part => SplitWords.GetValueOrDefault(part)).FirstOrDefault(word => word is not null);
    }

    /// <summary>A shell pattern as an expression: * and ? within a name, ** across folders, [...] one of several signs.</summary>
    private static Regex Pattern(string glob)
    {
        var text = new StringBuilder("^");
        for (int i = 0; i < glob.Length; i++)
        {
            int close = glob[i] == '[' ? glob.IndexOf(']', i + 1) : -1;
            if (glob.AsSpan(i).StartsWith("**/"))
            {
                text.Append("(?:.*/)?");
                i += 2;
            }
            else if (close > i + 1)
            {
                string signs = glob[(i + 1)..close];
                bool isNegated = signs[0] is '!' or '^';
                text.Append(isNegated ? "[^" : "[").Append(Regex.Escape(isNegated ? signs[1..] : signs).Replace("]", "\\]", StringComparison.Ordinal)).Append(']');
                i = close;
            }
            else
            {
                text.Append(glob[i] switch { '*' => "[^/]*", '?' => "[^/]", var c => Regex.Escape(c.ToString()) });
            }
        }

        return new Regex(text.Append('$').ToString(), RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
    }

    private static bool HasExtension(string file, string extension) => file.EndsWith(extension, StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"^(.+?)-\d+-of-\d+", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Shard();

    [GeneratedRegex("^[A-Za-z]+(?=$|[-_. 0-9])", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex FirstWord();
}
