using Lorikeet.Nn.Weights;

namespace Lorikeet.Nn.Tests.Weights;

public sealed class WeightSetTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Shards_and_a_single_file_read_alike()
    {
        string single = Directory.CreateDirectory(Path.Combine(_directory, "single")).FullName;
        string sharded = Directory.CreateDirectory(Path.Combine(_directory, "sharded")).FullName;
        Assert.Single(ShardedWeights.Write(single, Entries()));
        IReadOnlyList<string> files = ShardedWeights.Write(sharded, Entries(), maxShardBytes: 24);
        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"],
            files.Select(Path.GetFileName));
        Assert.StartsWith("""
            {
              "metadata": {
                "total_size": 88
              },
              "weight_map": {
                "big": "model-00001-of-00003.safetensors",
            """, File.ReadAllText(files[^1]), StringComparison.Ordinal);
        using WeightSet a = WeightSet.Open(single);
        using WeightSet b = WeightSet.Open(sharded);
        Assert.Equal(a.Tensors.Keys.Order(), b.Tensors.Keys.Order());
        Assert.Equal(88, b.ByteLength);
        Assert.Equal(3, b.Files.Count);
        foreach (string name in a.Tensors.Keys)
        {
            Assert.Equal(a.ReadF32(name), b.ReadF32(name));
        }
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        ShardedWeights.Write(_directory, Entries(), maxShardBytes: 24);
        string shard = Path.Combine(_directory, "model-00001-of-00003.safetensors");
        File.Delete(shard);
        Refused($"{shard}: the shard is missing, although {Index} places tensor 'big' in it.");
    }

    [Fact]
    public void A_tensor_in_the_wrong_shard_is_named()
    {
        ShardedWeights.Write(_directory, Entries(), maxShardBytes: 24);
        File.WriteAllText(Index, File.ReadAllText(Index).Replace("\"t0\": \"model-00002", "\"t0\": \"model-00003", StringComparison.Ordinal));
        Refused($"{Path.Combine(_directory, "model-00002-of-00003.safetensors")}: tensor 't0' lies here, but {Index} places it in 'model-00003-of-00003.safetensors'.");
    }

    [Fact]
    public void A_tensor_that_the_index_omits_is_named()
    {
        ShardedWeights.Write(_directory, Entries(), maxShardBytes: 24);
        File.WriteAllText(Index, File.ReadAllText(Index).Replace("\"t0\":", "\"other\":", StringComparison.Ordinal));
        Refused($"{Path.Combine(_directory, "model-00002-of-00003.safetensors")}: tensor 't0' is not listed in {Index}.");
    }

    [Fact]
    public void A_tensor_that_no_shard_holds_is_named()
    {
        ShardedWeights.Write(_directory, Entries(), maxShardBytes: 24);
        File.WriteAllText(Index, File.ReadAllText(Index).Replace("\"t0\":", "\"ghost\": \"model-00002-of-00003.safetensors\",\"t0\":", StringComparison.Ordinal));
        Refused($"{Path.Combine(_directory, "model-00002-of-00003.safetensors")}: tensor 'ghost' is missing, although {Index} places it there.");
    }

    [Theory]
    [InlineData("{}", ": key 'weight_map' is missing or no object")]
    [InlineData("""{"weight_map":{}}""", ": 'weight_map' is empty.")]
    [InlineData("""{"weight_map":{"a":"../x.safetensors"}}""", ": 'weight_map' gives tensor 'a' the shard \"../x.safetensors\"; expected the name of a file")]
    [InlineData("""{"weight_map":{"a":7}}""", ": 'weight_map' gives tensor 'a' the shard 7;")]
    [InlineData("""{"weight_map":{"a":"x","a":"x"}}""", "not valid JSON: Duplicate")]
    [InlineData("{\n  \"weight_map\": [\n", "(3,1): not valid JSON")]
    public void A_bad_index_is_refused(string json, string expected)
    {
        File.WriteAllText(Index, json);
        var error = Assert.Throws<InvalidDataException>(() => WeightSet.Open(_directory));
        Assert.StartsWith(Index, error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_without_weights_says_what_is_there()
    {
        Refused($"{_directory}: no weights found; expected model.safetensors or model.safetensors.index.json. Give the directory");
        File.WriteAllText(Path.Combine(_directory, "pytorch_model.bin"), "");
        Refused($"{_directory}: no weights found; expected model.safetensors or model.safetensors.index.json. It has 'pytorch_model.bin', a format");
    }

    [Fact]
    public void Old_and_new_shards_do_not_mix()
    {
        ShardedWeights.Write(_directory, Entries(), maxShardBytes: 24);
        var error = Assert.Throws<InvalidDataException>(() => ShardedWeights.Write(_directory, Entries()));
        Assert.StartsWith(Path.Combine(_directory, "model-00001-of-00003.safetensors") + ": the directory holds model weights already", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5GB", 5_000_000_000)]
    [InlineData("512 MiB", 512L << 20)]
    [InlineData("1000000", 1_000_000)]
    [InlineData("0", 0)]
    [InlineData("-1GB", 0)]
    [InlineData("9999999999GB", 0)]
    [InlineData("5 parsecs", 0)]
    public void Shard_sizes_are_parsed(string text, long expected)
    {
        Assert.Equal(expected != 0, ShardedWeights.TryParseSize(text, out long bytes));
        Assert.Equal(expected, bytes);
    }

    private string Index => Path.Combine(_directory, "model.safetensors.index.json");

    private void Refused(string expected) =>
        Assert.StartsWith(expected, Assert.Throws<InvalidDataException>(() => WeightSet.Open(_directory)).Message, StringComparison.Ordinal);

    private static TensorEntry[] Entries() =>
    [
        TensorEntry.FromF32("t0", [2], new[] { 0f, 1f }),
        TensorEntry.FromF32("t1", [2, 2], new[] { 2f, 3f, 4f, 5f }),
        TensorEntry.FromF32("big", [12], Enumerable.Range(0, 12).Select(i => (float)i).ToArray()),
        TensorEntry.FromF32("t2", [4], new[] { 6f, 7f, 8f, 9f }),
    ];
}
