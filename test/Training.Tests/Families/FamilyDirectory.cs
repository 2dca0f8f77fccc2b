using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;

namespace Lorikeet.Training.Tests.Families;

/// <summary>The tiny model of a family: the one among the goldens, or random weights for one whose weights are not there.</summary>
internal sealed class FamilyDirectory : IDisposable
{
    private readonly string? _made;

    public FamilyDirectory(string family)
    {
        var directory = ModelDirectory.Open(Golden.Path("models", family));
        if (directory.HasWeights)
        {
            Path = directory.Path;
            return;
        }

        Path = _made = Directory.CreateTempSubdirectory("lorikeet-family-").FullName;
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        using LoadedModel random = ModelCatalog.Initialize(directory, new Parameters(device, arena), 0.05f, seed: 8);
        ModelWriter.Write(_made, random);
    }

    public string Path { get; }

    public void Dispose()
    {
        if (_made is not null)
        {
            Directory.Delete(_made, recursive: true);
        }
    }
}
