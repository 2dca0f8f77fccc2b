using Lorikeet.Models;
using Lorikeet.Models.Composing;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;

namespace Lorikeet.Training.Tests.Families;

/// <summary>
/// The tiny model of a family: the one among the goldens, random weights for one whose weights are not there, or a composition of the parts
/// of others.
/// </summary>
internal sealed class FamilyDirectory : IDisposable
{
    private const string Composed = "composed of ";

    private readonly string? _made;

    /// <summary>Opens or makes the directory.</summary>
    /// <param name="family">One of <see cref="Names"/>.</param>
    public FamilyDirectory(string family)
    {
        if (!family.StartsWith(Composed, StringComparison.Ordinal) && ModelDirectory.Open(Golden.Path("models", family)).HasWeights)
        {
            Path = Golden.Path("models", family);
            return;
        }

        _made = Directory.CreateTempSubdirectory("lorikeet-family-").FullName;
        Path = System.IO.Path.Combine(_made, "model");
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        var parameters = new Parameters(device, arena);
        if (family.StartsWith(Composed, StringComparison.Ordinal))
        {
            string[] parts = family[Composed.Length..].Split(' ');
            string text = ModelPart.Text(parts[1], System.IO.Path.Combine(_made, "text"));
            ModelComposer.Run(new ComposeOptions { Vision = Golden.Path("models", parts[0]), Text = text, Deviation = 0.2f }, Path, parameters);
            return;
        }

        using LoadedModel random = ModelCatalog.Initialize(ModelDirectory.Open(Golden.Path("models", family)), parameters, 0.05f, seed: 8);
        ModelWriter.Write(Path, random);
    }

    /// <summary>All tiny models.</summary>
    public static string[] Names { get; } =
    [
        .. Directory.EnumerateDirectories(Golden.Path("models")).Where(d => File.Exists(System.IO.Path.Combine(d, "config.json"))).Select(d => System.IO.Path.GetFileName(d)!).Order(StringComparer.Ordinal),
        Composed + "qwen2_vl llava",
        Composed + "qwen2_5_vl llava_phi3",
    ];

    public string Path { get; }

    public void Dispose()
    {
        if (_made is not null)
        {
            Directory.Delete(_made, recursive: true);
        }
    }
}
