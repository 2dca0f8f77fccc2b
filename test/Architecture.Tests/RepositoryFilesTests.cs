using System.Text.RegularExpressions;

namespace Lorikeet.Architecture.Tests;

/// <summary>The files around the sources say what is true.</summary>
public sealed partial class RepositoryFilesTests
{
    private const long GoldenBytes = 25_000_000;

    [Fact]
    public void Continuous_integration_runs_the_test_command_of_the_README()
    {
        Assert.Contains("\neng/test\n", File.ReadAllText(Repository.At("README.md")), StringComparison.Ordinal);
        string last = File.ReadLines(Repository.At(".ci", "run")).Last(line => line.Length > 0);
        Assert.EndsWith("exec eng/test", last, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("lorikeet")]
    [InlineData("eng/test")]
    [InlineData(".ci/run")]
    public void Scripts_are_executable(string script)
    {
        if (!OperatingSystem.IsWindows())
        {
            Assert.True(File.GetUnixFileMode(Repository.At(script)).HasFlag(UnixFileMode.UserExecute), $"{script} should be executable");
        }
    }

    [Fact]
    public void The_folder_tree_of_the_README_is_true()
    {
        var named = FoldersOfTree(File.ReadLines(Repository.At("README.md"))).ToList();
        Assert.NotEmpty(named);
        Assert.All(named, folder => Assert.True(Directory.Exists(Repository.At(folder)), $"the README's tree names {folder}, which does not exist"));
        var projects = Directory.EnumerateDirectories(Repository.At("src")).Select(d => "src/" + Path.GetFileName(d)).Order(StringComparer.Ordinal);
        Assert.Equal(projects, named.Where(n => n.StartsWith("src/", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Links_between_documents_lead_somewhere()
    {
        var broken = new List<string>();
        foreach (string file in Directory.EnumerateFiles(Repository.At("docs"), "*.md", SearchOption.AllDirectories)
                     .Concat(Directory.EnumerateFiles(Repository.Root, "*.md")))
        {
            foreach (Match link in LocalLink().Matches(File.ReadAllText(file)))
            {
                string target = Path.Combine(Path.GetDirectoryName(file)!, link.Groups[1].Value);
                if (!File.Exists(target) && !Directory.Exists(target))
                {
                    broken.Add($"{Repository.Name(file)}: {link.Groups[1].Value}");
                }
            }
        }

        Assert.Empty(broken);
    }

    [Fact]
    public void Decisions_are_numbered_once_and_have_their_four_parts()
    {
        string[] files = [.. Directory.EnumerateFiles(Repository.At("docs", "decisions"), "*.md").Order(StringComparer.Ordinal)];
        Assert.NotEmpty(files);
        var numbers = files.Select(f => Path.GetFileName(f)[..4]).ToList();
        Assert.Equal(numbers.Distinct(), numbers);
        foreach (string file in files)
        {
            string text = File.ReadAllText(file);
            Assert.All(["## Context", "## Choice", "## Alternatives", "## Consequences"],
                part => Assert.True(text.Contains(part, StringComparison.Ordinal), $"{Repository.Name(file)} lacks '{part}'"));
        }
    }

    [Fact]
    public void Goldens_stay_within_their_budget()
    {
        string folder = Repository.At("test", "goldens");
        long bytes = Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length) : 0;
        Assert.True(bytes <= GoldenBytes, $"test/goldens holds {bytes} bytes, the budget is {GoldenBytes}");
    }

    // The tree is a fenced block whose lines look like "  Name/   what it holds", indented by two spaces a level.
    private static IEnumerable<string> FoldersOfTree(IEnumerable<string> readme)
    {
        var path = new List<string>();
        foreach (string line in readme.SkipWhile(l => l != "```tree").Skip(1).TakeWhile(l => l != "```"))
        {
            string entry = line.TrimStart();
            string name = entry.Split(' ', 2)[0];
            int depth = (line.Length - entry.Length) / 2;
            path.RemoveRange(Math.Min(depth, path.Count), Math.Max(0, path.Count - depth));
            path.Add(name.TrimEnd('/'));
            if (name.EndsWith('/'))
            {
                yield return string.Join('/', path);
            }
        }
    }

    [GeneratedRegex(@"\]\((?!https?:|#|mailto:)([^)#\s]+)", RegexOptions.None, 5000)]
    private static partial Regex LocalLink();
}
