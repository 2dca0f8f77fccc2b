using System.Buffers.Binary;
using System.Text;
using Lorikeet.Testing;

namespace Lorikeet.Adapters.Tests;

/// <summary>Damaged adapter directories are loaded or refused, and a refusal leaves no adapter behind.</summary>
public sealed class AdapterFuzzTests : IDisposable
{
    private static readonly string Source = Golden.Path("peft", "idefics3", "lora_list");

    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-adapter-").FullName;
    private readonly TinyModel _tiny = new();

    public void Dispose()
    {
        _tiny.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Damaged_settings_are_used_or_refused() => Settings(seed: 1, count: 60);

    [Fact]
    public void Damaged_tensors_are_used_or_refused() => Tensors(seed: 1, count: 60);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_damaged_settings_are_used_or_refused() => Settings(seed: 2, count: 3_000);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_damaged_tensors_are_used_or_refused() => Tensors(seed: 2, count: 2_000);

    private void Settings(int seed, int count)
    {
        File.Copy(Path.Combine(Source, AdapterFile.WeightsName), Path.Combine(_folder, AdapterFile.WeightsName), overwrite: true);
        string json = File.ReadAllText(Path.Combine(Source, AdapterFile.ConfigName));
        var structure = new JsonMutator(seed);
        var bytes = new Mutator(seed, "\"", "{", "}", "[", "]", ",", ":", "null", "1e999", "\\ud800", "\0", "(", "*", "\"r\"", "99999999");
        int good = Fuzz.Run(
            count,
            i => i % 4 == 0 ? bytes.Mutate(Encoding.UTF8.GetBytes(json)) : structure.Mutate(json),
            mutant => Load(AdapterFile.ConfigName, mutant),
            maxBytes: 64 << 20);
        Assert.InRange(good, count / 50, count - (count / 50));
    }

    private void Tensors(int seed, int count)
    {
        File.Copy(Path.Combine(Source, AdapterFile.ConfigName), Path.Combine(_folder, AdapterFile.ConfigName), overwrite: true);
        byte[] original = File.ReadAllBytes(Path.Combine(Source, AdapterFile.WeightsName));
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(original);
        string json = Encoding.UTF8.GetString(original, 8, header);
        var structure = new JsonMutator(seed);
        var bytes = new Mutator(seed, "\"", "{", "}", "lora_A", "lora_B", "\"F16\"", "\"I64\"", "[0,0]", "-1", "9223372036854775807", "null");
        int good = Fuzz.Run(
            count,
            i => i % 2 == 0 ? bytes.Mutate(original) : With(structure.Mutate(json), original.AsSpan(8 + header)),
            mutant => Load(AdapterFile.WeightsName, mutant),
            maxBytes: 64 << 20);
        Assert.True(good < count, "nothing was refused: the damage is too light");
    }

    private void Load(string file, byte[] content)
    {
        File.WriteAllBytes(Path.Combine(_folder, file), content);
        try
        {
            _tiny.Load(_folder).Detach();
        }
        finally
        {
            Assert.All(_tiny.Model.Parts.Linears, layer => Assert.Null(layer.Adapter));
        }
    }

    private static byte[] With(byte[] header, ReadOnlySpan<byte> data)
    {
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        return [.. length, .. header, .. data];
    }
}
