using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Config;

/// <summary>A run file in a folder of its own, for the length of a test.</summary>
internal sealed class RunFile : IDisposable
{
    /// <summary>What every run needs: the least that is valid.</summary>
    public const string Least = "model: {path: m}\ndata: {train: t.jsonl}\n";

    public RunFile(string text)
    {
        Folder = Directory.CreateTempSubdirectory("lorikeet-run-").FullName;
        Path = System.IO.Path.Combine(Folder, "run.yaml");
        File.WriteAllText(Path, text);
    }

    public string Folder { get; }

    public string Path { get; }

    public static LoadedRun Load(string text, params string[] overrides)
    {
        using var file = new RunFile(text);
        return RunConfigReader.Load(file.Path, overrides);
    }

    /// <summary>The least run file and more, read.</summary>
    public static RunConfig Config(string more, params string[] overrides) => Load(Least + more, overrides).Config;

    /// <summary>The message about a wrong run file, with the file's path shortened to its name.</summary>
    public static string Error(string text, params string[] overrides)
    {
        using var file = new RunFile(text);
        var error = Assert.Throws<InvalidDataException>(() => RunConfigReader.Load(file.Path, overrides));
        return error.Message.Replace(file.Path, "run.yaml", StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
