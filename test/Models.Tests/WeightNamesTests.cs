using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;

namespace Lorikeet.Models.Tests;

/// <summary>A written model has the names that were asked for, in every family, and is read back under each of them.</summary>
public sealed class WeightNamesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-names-").FullName;
    private readonly CpuDevice _cpu = new(new CpuOptions { Threads = 1 });
    private readonly Arena _arena;
    private readonly Parameters _parameters;

    public WeightNamesTests()
    {
        _arena = new Arena(_cpu);
        _parameters = new Parameters(_cpu, _arena);
    }

    public static TheoryData<string> Families() =>
        [.. Directory.EnumerateDirectories(Golden.Path("models")).Where(d => File.Exists(Path.Combine(d, "model.safetensors"))).Select(d => Path.GetFileName(d)!).Order(StringComparer.Ordinal)];

    // The files of the goldens have the names of published checkpoints; transformers 5 says how it calls the same modules (a model that it lacks has one set of names).
    [Theory]
    [MemberData(nameof(Families))]
    public void Names_of_both_generations_are_those_of_the_reference(string family)
    {
        string published = Golden.Path("models", family);
        string names = Path.Combine(published, "module_names.json");
        string[] older = Keys(published), live = !File.Exists(names) ? older : [.. JsonFile.Read(names)
            .GetProperty("file_key_to_module_parameter").EnumerateObject().Where(p => older.Contains(p.Name)).Select(p => p.Value.GetString()!).Order(StringComparer.Ordinal)];
        Assert.Equal(older, Keys(Write(published, "four", WeightNames.Transformers4)));
        Assert.Equal(live, Keys(Write(published, "five", WeightNames.Transformers5)));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_written_model_keeps_the_names_of_its_base(string family)
    {
        string published = Golden.Path("models", family);
        Assert.Equal(Keys(published), Keys(Write(published, "same", WeightNames.Base)));
        string five = Write(published, "five", WeightNames.Transformers5);
        Assert.Equal(Keys(five), Keys(Write(five, "same as five", WeightNames.Base)));

        // And back again, to the same bytes.
        string back = Write(five, "back", WeightNames.Transformers4);
        using WeightSet before = WeightSet.Open(published), after = WeightSet.Open(back);
        Assert.All(before.Tensors.Keys, key => Assert.True(before.Bytes(key).SequenceEqual(after.Bytes(key)), key));
    }

    [Fact]
    public void Without_files_of_a_base_the_names_are_those_of_transformers_5()
    {
        string source = Path.Combine(_folder, "outline");
        Directory.CreateDirectory(source);
        foreach (string file in Directory.GetFiles(Golden.Path("models", "llava")).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(source, Path.GetFileName(file)));
        }

        using LoadedModel random = ModelCatalog.Initialize(ModelDirectory.Open(source), _parameters, 0.02f, 1);
        string target = Path.Combine(_folder, "random");
        ModelWriter.Write(target, random);
        Assert.Contains("model.language_model.layers.0.self_attn.q_proj.weight", Keys(target));
    }

    public void Dispose()
    {
        _arena.Dispose();
        _cpu.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Write(string source, string name, WeightNames names)
    {
        string target = Path.Combine(_folder, name);
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(source), _parameters);
        ModelWriter.Write(target, loaded, names: names);
        return target;
    }

    private static string[] Keys(string directory)
    {
        using WeightSet files = WeightSet.Open(directory);
        return [.. files.Tensors.Keys.Order(StringComparer.Ordinal)];
    }
}
