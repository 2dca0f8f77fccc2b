using System.Text;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Nn.Tests.Weights;

public sealed class SafeTensorsWriterTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Bytes_are_those_of_the_safetensors_crate()
    {
        string path = Path.Combine(_directory, "x.safetensors");
        SafeTensorsWriter.Write(path,
            [
                TensorEntry.FromBytes("b", SafeDType.U8, [1], new byte[] { 9 }),
                TensorEntry.FromF32("b2", [1], new[] { 1f }),
                TensorEntry.FromF32("a", [2, 1], new[] { 1f, -2f }, SafeDType.BF16),
                TensorEntry.FromF32("a1", [1], new[] { 2f }),
                TensorEntry.FromI64("z", [], new[] { 5L }),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });
        byte[] bytes = File.ReadAllBytes(path);
        const string Header = """{"__metadata__":{"format":"pt"},"z":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"a1":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"b2":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[16,20]},"b":{"dtype":"U8","shape":[1],"data_offsets":[20,21]}}""";
        int padded = (Header.Length + 7) / 8 * 8;
        Assert.Equal(padded, BitConverter.ToInt64(bytes));
        Assert.Equal(Header.PadRight(padded), Encoding.UTF8.GetString(bytes, 8, padded));
        Assert.Equal([5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0x80, 0x3F, 0x80, 0x3F, 0, 0xC0, 9], bytes[(8 + padded)..]);
    }

    [Fact]
    public void What_is_written_reads_back_whatever_the_order_it_came_in()
    {
        TensorEntry[] entries = [.. Enumerable.Range(0, 40).Select(i => TensorEntry.FromF32("t\n\"ü" + i, [i, 3], Values(i * 3)))];
        var metadata = new Dictionary<string, string> { ["b"] = "2\u0001", ["a"] = "1\\" };
        string one = Path.Combine(_directory, "1.safetensors");
        string two = Path.Combine(_directory, "2.safetensors");
        SafeTensorsWriter.Write(one, entries, metadata);
        SafeTensorsWriter.Write(two, [.. entries.Reverse()], metadata);
        Assert.Equal(File.ReadAllBytes(one), File.ReadAllBytes(two));
        using SafeTensorsFile file = SafeTensorsFile.Open(one);
        Assert.Equal(metadata, file.Metadata);
        Assert.Equal(40, file.Tensors.Count);
        Assert.Equal(Values(51), file.ReadF32("t\n\"ü17"));
        Assert.Equal([17L, 3L], file.Info("t\n\"ü17").Shape);
    }

    [Fact]
    public void Halves_round_to_nearest_even()
    {
        float[] values = [1f, 1.00390625f, 1.01171875f, float.PositiveInfinity, float.NaN, -0f, float.MaxValue, BitConverter.UInt32BitsToSingle(0x7F800001)];
        string path = Path.Combine(_directory, "x.safetensors");
        SafeTensorsWriter.Write(path, [TensorEntry.FromF32("b", [8], values, SafeDType.BF16), TensorEntry.FromF32("h", [8], values, SafeDType.F16)]);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        float[] b = file.ReadF32("b");
        Assert.Equal([1f, 1f, 1.015625f, float.PositiveInfinity, float.NaN, -0f, float.PositiveInfinity, float.NaN], b);
        Assert.Equal(values.Select(v => (float)(Half)v), file.ReadF32("h"));
    }

    [Fact]
    public void Nothing_is_left_when_a_tensor_delivers_the_wrong_number_of_bytes()
    {
        string path = Path.Combine(_directory, "x.safetensors");
        File.WriteAllText(path, "old");
        var error = Assert.Throws<InvalidOperationException>(() => SafeTensorsWriter.Write(path, [TensorEntry.FromF32("a", [3], new[] { 1f })]));
        Assert.Equal($"{path}: tensor 'a': 4 bytes were delivered; its shape takes 12.", error.Message);
        error = Assert.Throws<InvalidOperationException>(() => SafeTensorsWriter.Write(path, [TensorEntry.FromF32("a", [0], new[] { 1f })]));
        Assert.Equal($"{path}: tensor 'a': more than the 0 bytes of its shape were delivered.", error.Message);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_directory));
    }

    [Fact]
    public void Names_are_unique_and_not_reserved()
    {
        string path = Path.Combine(_directory, "x.safetensors");
        TensorEntry a = TensorEntry.FromF32("a", [0], default);
        Assert.Equal($"{path}: the tensor name 'a' is used twice.", Assert.Throws<InvalidDataException>(() => SafeTensorsWriter.Write(path, [a, a])).Message);
        Assert.Equal($"{path}: the tensor name '__metadata__' is reserved.",
            Assert.Throws<InvalidDataException>(() => SafeTensorsWriter.Write(path, [a with { Name = "__metadata__" }])).Message);
        Assert.False(File.Exists(path));
    }

    private static float[] Values(int n) => [.. Enumerable.Range(0, n).Select(i => i * 0.5f)];
}
