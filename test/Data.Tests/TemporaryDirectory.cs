using System.Text;

namespace Lorikeet.Data.Tests;

/// <summary>A directory that goes with the test.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public string At(string name) => System.IO.Path.Combine(Path, name);

    public string Save(string name, string text) => Save(name, Encoding.UTF8.GetBytes(text));

    public string Save(string name, byte[] bytes)
    {
        string path = At(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
