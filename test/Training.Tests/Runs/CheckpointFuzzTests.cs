using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Lorikeet.Testing;
using Lorikeet.Training.Config;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>
/// Damaged checkpoints are passed over, and forged ones, whose hashes are right, are loaded or refused; whatever is in them.
/// </summary>
public sealed class CheckpointFuzzTests : IDisposable
{
    private readonly TinyRun _tiny = new();
    private readonly string _checkpoint;

    public CheckpointFuzzTests()
    {
        _tiny.Train(stopAfter: 1);
        _checkpoint = Checkpoint.PathOf(_tiny.Output, 1);
    }

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void Damaged_manifests_are_passed_over() => Manifests(seed: 1, count: 60);

    [Fact]
    public void Forged_states_are_used_or_refused() => States(seed: 1, count: 60);

    [Fact]
    public void Forged_moments_are_used_or_refused() => Moments(seed: 1, count: 60);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_damaged_manifests_are_passed_over() => Manifests(seed: 2, count: 1_500);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_forged_states_are_used_or_refused() => States(seed: 2, count: 2_000);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_forged_moments_are_used_or_refused() => Moments(seed: 2, count: 1_000);

    private void Manifests(int seed, int count)
    {
        string manifest = Path.Combine(_checkpoint, "manifest.json"), json = File.ReadAllText(manifest);
        var structure = new JsonMutator(seed);
        var bytes = new Mutator(seed, "\"", "{", "}", "null", "-1", "../", "manifest.json", "\0", "version", "1", "2");
        int whole = 0;
        Fuzz.Run(
            count,
            i => i % 2 == 0 ? bytes.Mutate(Encoding.UTF8.GetBytes(json)) : structure.Mutate(json),
            mutant =>
            {
                File.WriteAllBytes(manifest, mutant);
                var notes = new List<string>();
                whole += Checkpoint.FindNewestGood(_tiny.Output, notes.Add) is null ? 0 : 1;
                Assert.True(notes.All(note => note.Contains("checkpoint-1 is damaged (", StringComparison.Ordinal)), string.Join('\n', notes));
            },
            maxBytes: 8 << 20);
        Assert.InRange(whole, 0, count / 2);
    }

    private void States(int seed, int count)
    {
        string state = Path.Combine(_checkpoint, "trainer_state.json"), identity = Path.Combine(_checkpoint, BaseIdentity.FileName);
        string stateJson = File.ReadAllText(state), identityJson = File.ReadAllText(identity), settings = Checkpoint.ReadSettings(_checkpoint);
        BaseIdentity made = BaseIdentity.Read(_checkpoint)!;
        string defaults = RunConfigWriter.Write(new RunConfig());
        var structure = new JsonMutator(seed);
        var bytes = new Mutator(seed, "\"", "{", "}", "null", "-1", ":", "\n", "  ", "1e999", "\\ud800", "train", "lora:");
        int good = Fuzz.Run(
            count,
            i => (i % 4) switch
            {
                0 => structure.Mutate(stateJson),
                1 => structure.Mutate(identityJson),
                2 => bytes.Mutate(Encoding.UTF8.GetBytes(stateJson)),
                _ => bytes.Mutate(Encoding.UTF8.GetBytes(settings)),
            },
            mutant =>
            {
                File.WriteAllBytes(state, mutant);
                File.WriteAllBytes(identity, mutant);
                SettingsDifference.Find(Encoding.UTF8.GetString(mutant), settings, defaults);
                Exception? refused = Record.Exception(() => Checkpoint.ReadState(_checkpoint));
                Assert.True(refused is null or InvalidDataException, refused?.ToString());
                BaseIdentity.Read(_checkpoint)?.Differences(made);
            },
            maxBytes: 8 << 20);
        Assert.True(good < count, "nothing was refused");
    }

    private void Moments(int seed, int count)
    {
        string path = Path.Combine(_checkpoint, "optimizer.safetensors");
        byte[] original = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(original);
        string json = Encoding.UTF8.GetString(original, 8, header);
        Assert.NotNull(JsonNode.Parse(json));
        var structure = new JsonMutator(seed);
        _tiny.WithTrainable((trainable, parameters) =>
        {
            int good = Fuzz.Run(
                count,
                _ =>
                {
                    byte[] forged = structure.Mutate(json), length = new byte[8];
                    BinaryPrimitives.WriteInt64LittleEndian(length, forged.Length);
                    return [.. length, .. forged, .. original.AsSpan(8 + header)];
                },
                mutant =>
                {
                    File.WriteAllBytes(path, mutant);
                    using var optimizer = new AdamW(parameters, trainable.Tensors, new AdamWOptions());
                    Checkpoint.Load(_checkpoint, trainable, optimizer);
                },
                maxBytes: 32 << 20);
            Assert.True(good < count, "nothing was refused");
        });
    }
}
