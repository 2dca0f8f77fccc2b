using System.Xml.Linq;

namespace Lorikeet.Architecture.Tests;

/// <summary>The project files agree with the table in docs/architecture.md.</summary>
public sealed class ProjectGraphTests
{
    private static readonly string[] DeviceProjects = ["Tensors.Cpu", "Tensors.Cuda"];
    private static readonly string[] BannedNames = ["Common", "Utils", "Util", "Core", "Helpers", "Shared", "Misc"];

    [Fact]
    public void The_table_lists_every_project_and_no_other() =>
        Assert.Equal(Repository.Projects("src"), Table().Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void Every_project_references_exactly_what_the_table_says()
    {
        foreach (var (project, row) in Table())
        {
            Assert.Equal((project, string.Join(", ", row.References)), (project, string.Join(", ", Included(project, "ProjectReference"))));
            Assert.Equal((project, string.Join(", ", row.Packages)), (project, string.Join(", ", Included(project, "PackageReference"))));
        }
    }

    [Fact]
    public void Only_the_command_line_names_a_device_project()
    {
        foreach (string project in Repository.Projects("src").Where(p => p != "Cli"))
        {
            Assert.Equal((project, ""), (project, string.Join(", ", Included(project, "ProjectReference").Intersect(DeviceProjects))));
        }
    }

    [Fact]
    public void No_project_has_a_name_that_says_nothing()
    {
        var words = Repository.Projects("src").Concat(Repository.Projects("test")).SelectMany(name => name.Split('.'));
        Assert.Empty(words.Intersect(BannedNames, StringComparer.OrdinalIgnoreCase));
    }

    [Fact]
    public void Every_project_has_its_folder_name_and_is_in_the_solution()
    {
        var inSolution = XDocument.Load(Repository.At("Lorikeet.slnx")).Descendants("Project")
            .Select(p => p.Attribute("Path")!.Value).Order(StringComparer.Ordinal);
        var onDisk = new[] { "src", "test" }.SelectMany(folder => Repository.Projects(folder).Select(p => $"{folder}/{p}/{p}.csproj"))
            .Order(StringComparer.Ordinal);
        Assert.Equal(onDisk, inSolution.Where(path => !path.StartsWith("bench/", StringComparison.Ordinal)));
        Assert.All(onDisk, path => Assert.True(File.Exists(Repository.At(path)), $"{path} should exist: a project has its folder's name"));
    }

    [Fact]
    public void Every_library_has_a_test_project()
    {
        var tests = Repository.Projects("test").ToHashSet(StringComparer.Ordinal);
        Assert.All(Repository.Projects("src"), project => Assert.Contains(project + ".Tests", tests));
    }

    private static string[] Included(string project, string item) =>
    [
        .. XDocument.Load(Repository.At("src", project, project + ".csproj")).Descendants(item)
            .Select(e => e.Attribute("Include")!.Value)
            .Select(value => item == "ProjectReference" ? Path.GetFileNameWithoutExtension(value) : value)
            .Order(StringComparer.Ordinal),
    ];

    private static Dictionary<string, (string[] References, string[] Packages)> Table()
    {
        var rows = File.ReadLines(Repository.At("docs", "architecture.md"))
            .SkipWhile(line => !line.StartsWith("| project |", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Trim('|').Split('|'));
        return rows.ToDictionary(cells => cells[0].Trim(), cells => (Names(cells[2]), Names(cells[3])), StringComparer.Ordinal);
    }

    private static string[] Names(string cell) =>
        [.. cell.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
}
