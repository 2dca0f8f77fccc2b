using System.Text.RegularExpressions;

namespace Lorikeet.Architecture.Tests;

/// <summary>Rules that every source file keeps.</summary>
public sealed partial class SourceRulesTests(ITestOutputHelper output)
{
    private const int SoftLines = 300;
    private const int HardLines = 600;
    private const int FamilyLines = 800;

    [Fact]
    public void Files_stay_under_their_size_limit()
    {
        var tooLong = new List<string>();
        foreach (string file in Repository.Sources("src"))
        {
            string name = Repository.Name(file);
            int lines = File.ReadLines(file).Count();
            int limit = name.StartsWith("src/Models/Families/", StringComparison.Ordinal) ? FamilyLines : HardLines;
            if (lines > limit)
            {
                tooLong.Add($"{name}: {lines} lines, limit {limit}");
            }
            else if (lines > SoftLines)
            {
                output.WriteLine($"{name}: {lines} lines, aim {SoftLines}");
            }
        }

        Assert.Empty(tooLong);
    }

    [Fact]
    public void Unsafe_code_and_native_calls_stay_where_they_are_allowed()
    {
        var allowed = UnsafePlaces();
        var elsewhere = Repository.Sources("src").Where(file => !allowed.Any(place => place.IsMatch(Repository.Name(file))))
            .SelectMany(file => Hits(file, UnsafeCode(), codeOnly: true));
        Assert.Empty(elsewhere);
    }

    [Fact]
    public void Model_families_are_named_in_Models_only()
    {
        var elsewhere = Repository.Sources("src")
            .Where(file => !Repository.Name(file).StartsWith("src/Models/", StringComparison.Ordinal))
            .Where(file => !Repository.Name(file).StartsWith("src/Data/Formats/", StringComparison.Ordinal))
            .SelectMany(file => Hits(file, FamilyName(), codeOnly: true));
        Assert.Empty(elsewhere);
    }

    [Fact]
    public void A_family_names_no_other_family()
    {
        string folder = Repository.At("src", "Models", "Families");
        if (!Directory.Exists(folder))
        {
            return;
        }

        string[] families = [.. Directory.EnumerateFiles(folder, "*Family.cs").Select(f => Path.GetFileName(f)[..^"Family.cs".Length])];
        foreach (string file in Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories))
        {
            string own = families.Where(f => Path.GetFileName(file).StartsWith(f, StringComparison.Ordinal)).MaxBy(f => f.Length) ?? "";
            string code = CSharpText.CodeOnly(File.ReadAllText(file));

            // A name belongs to the family with the longest name that it begins with: one family's name may begin with another's.
            var others = Regex.Matches(code, @"\b[A-Z]\w*", RegexOptions.None, TimeSpan.FromSeconds(5))
                .Select(name => families.Where(f => Regex.IsMatch(name.Value, $"^{f}(?:[A-Z]|$)", RegexOptions.None, TimeSpan.FromSeconds(5))).MaxBy(f => f.Length))
                .Where(family => family is not null && family != own)
                .Distinct();
            Assert.Equal((Repository.Name(file), ""), (Repository.Name(file), string.Join(", ", others)));
        }
    }

    [Fact]
    public void Sources_hold_nothing_unfinished_and_no_regions() =>
        Assert.Empty(Repository.Sources("src").SelectMany(file => Hits(file, Unfinished(), codeOnly: false)));

    [Fact]
    public void Namespaces_follow_the_project()
    {
        foreach (string file in Repository.Sources("src"))
        {
            string project = Repository.Name(file).Split('/')[1];
            string? declared = File.ReadLines(file).FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal));
            if (declared is not null)
            {
                Assert.StartsWith($"namespace Lorikeet.{project}", declared, StringComparison.Ordinal);
            }
        }
    }

    private static IEnumerable<string> Hits(string file, Regex what, bool codeOnly)
    {
        string text = File.ReadAllText(file);
        string[] lines = (codeOnly ? CSharpText.CodeOnly(text) : text).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (what.Match(lines[i]) is { Success: true } match)
            {
                yield return $"{Repository.Name(file)}:{i + 1}: {match.Value}";
            }
        }
    }

    private static Regex[] UnsafePlaces() =>
    [
        .. File.ReadLines(Repository.At("docs", "architecture.md"))
            .SkipWhile(line => line != "### Unsafe code").SkipWhile(line => !line.StartsWith("|---", StringComparison.Ordinal)).Skip(1)
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Split('|')[1].Trim())
            .Select(place => new Regex("^" + Regex.Escape(place).Replace(@"\*\*", ".+", StringComparison.Ordinal) + "(/|$)", RegexOptions.None, TimeSpan.FromSeconds(5))),
    ];

    [GeneratedRegex(@"\bunsafe\b|\bstackalloc\s+\w+\s*\*|\[DllImport|\[LibraryImport|\bNativeLibrary\.|\bMarshal\.GetDelegate", RegexOptions.None, 5000)]
    private static partial Regex UnsafeCode();

    [GeneratedRegex(@"smolvlm|idefics|qwen|llava|pixtral|mllama|molmo|internvl|paligemma|florence|minicpm", RegexOptions.IgnoreCase, 5000)]
    private static partial Regex FamilyName();

    [GeneratedRegex(@"\bTODO\b|\bFIXME\b|\bHACK\b|NotImplementedException|^\s*#region", RegexOptions.None, 5000)]
    private static partial Regex Unfinished();
}
