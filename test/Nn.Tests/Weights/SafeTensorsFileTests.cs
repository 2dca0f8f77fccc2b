using System.Buffers.Binary;
using System.Text;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Nn.Tests.Weights;

public sealed class SafeTensorsFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Tensors_metadata_and_values_are_read()
    {
        string path = Save("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[],"data_offsets":[8,10]}}""",
            [0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0xC0, 0x3F]);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal([1f, -2f], file.ReadF32("a"));
        Assert.Equal([1.5f], file.ReadF32("b"));
        Assert.Equal([2L], file.Info("a").Shape);
        Assert.Equal([0xC0, 0x3F], file.ReadBytes("b"));
        Assert.NotEqual(0, file.Pointer("a"));
    }

    [Theory]
    [InlineData("F16", new byte[] { 0x00, 0x3C }, 1f)]
    [InlineData("F64", new byte[] { 0, 0, 0, 0, 0, 0, 0xF8, 0x3F }, 1.5f)]
    [InlineData("I64", new byte[] { 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF }, -2f)]
    [InlineData("I32", new byte[] { 0xFD, 0xFF, 0xFF, 0xFF }, -3f)]
    [InlineData("I16", new byte[] { 0xFD, 0xFF }, -3f)]
    [InlineData("I8", new byte[] { 0x80 }, -128f)]
    [InlineData("U64", new byte[] { 0, 0, 0, 0, 0, 0, 0, 0x80 }, 9223372036854775808f)]
    [InlineData("U32", new byte[] { 0, 0, 0, 0x80 }, 2147483648f)]
    [InlineData("U16", new byte[] { 0xFF, 0xFF }, 65535f)]
    [InlineData("U8", new byte[] { 0xFF }, 255f)]
    [InlineData("BOOL", new byte[] { 1 }, 1f)]
    [InlineData("F8_E4M3", new byte[] { 0x7E }, 448f)]
    [InlineData("F8_E4M3", new byte[] { 0x01 }, 0.001953125f)]
    [InlineData("F8_E4M3", new byte[] { 0xB8 }, -1f)]
    [InlineData("F8_E4M3", new byte[] { 0x7F }, float.NaN)]
    [InlineData("F8_E5M2", new byte[] { 0x7B }, 57344f)]
    [InlineData("F8_E5M2", new byte[] { 0xFC }, float.NegativeInfinity)]
    [InlineData("F8_E8M0", new byte[] { 0x80 }, 2f)]
    [InlineData("F8_E4M3FNUZ", new byte[] { 0x40 }, 1f)]
    [InlineData("F8_E5M2FNUZ", new byte[] { 0x40 }, 1f)]
    [InlineData("F8_E5M2FNUZ", new byte[] { 0x80 }, float.NaN)]
    public void Every_dtype_converts_to_single(string dtype, byte[] bytes, float expected)
    {
        string path = Save("{\"x\":{\"dtype\":\"" + dtype + "\",\"shape\":[1],\"data_offsets\":[0," + bytes.Length + "]}}", bytes);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal([expected], file.ReadF32("x"));
    }

    [Fact]
    public void Integers_are_read_exactly_and_floats_refused()
    {
        string path = Save("""{"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},"f":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""",
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0, 0, 0, 0]);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal([long.MaxValue], file.ReadI64("i"));
        var error = Assert.Throws<InvalidDataException>(() => file.ReadI64("f"));
        Assert.Equal($"{path}: tensor 'f' is F32 [1]; expected a dtype that holds an integer.", error.Message);
        error = Assert.Throws<InvalidDataException>(() => file.ReadF32("g"));
        Assert.Equal($"{path}: tensor 'g' is missing (the file has 2 tensors).", error.Message);
    }

    [Theory]
    [InlineData("""[]""", 0, "the header does not begin with '{'")]
    [InlineData("""{"a":}""", 0, "the header is not valid JSON")]
    [InlineData("""{} {}""", 0, "the header is not valid JSON")]
    [InlineData("""{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}""", 0, "the header is not valid JSON")]
    [InlineData("""{"a":1}""", 0, "tensor 'a': its entry is a JSON number; expected an object")]
    [InlineData("""{"a":{"shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a': 'dtype' is missing")]
    [InlineData("""{"a":{"dtype":"U8","data_offsets":[0,1]}}""", 1, "tensor 'a': 'shape' is missing")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1]}}""", 1, "tensor 'a': 'data_offsets' is missing")]
    [InlineData("""{"a":{"dtype":"U9","shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a': 'dtype' is 'U9'; expected one of BOOL")]
    [InlineData("""{"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a': 'dtype' is a JSON number")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 1, "tensor 'a': 'dtype' stands there twice")]
    [InlineData("""{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}""", 1, "tensor 'a': 'shape' holds -1; expected integers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}""", 1, "tensor 'a': 'shape' holds 1.5; expected integers")]
    [InlineData("""{"a":{"dtype":"U8","shape":[18446744073709551617],"data_offsets":[0,1]}}""", 1, "'shape' holds 18446744073709551617")]
    [InlineData("""{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,1]}}""", 1, "'shape' holds a JSON string")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}""", 1, "'data_offsets' has 1 numbers; expected 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}""", 1, "'data_offsets' is [1, 0]; expected a range within the 1 data bytes")]
    [InlineData("""{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}""", 8, "'data_offsets' is [0, 9]; expected a range within the 8 data bytes")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}""", 8, "F32 [1] takes 4 bytes, but 'data_offsets' [0, 8] span 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "has no size in whole bytes below 2^63")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}}""", 0, "has no size in whole bytes below 2^63")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}""", 2, "has no size in whole bytes below 2^63")]
    [InlineData("""{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}""", 3, "tensor 'b': it begins at data byte 1 and overlaps tensor 'a', which ends at 2")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}""", 3, "tensor 'b': it begins at data byte 2; expected 1")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}""", 3, "the tensors end at data byte 1, but the file has 3 data bytes: 2 trailing bytes")]
    [InlineData("""{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2, "the header has the key 'a' twice")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", 0, "the header has the key '__metadata__' twice")]
    [InlineData("""{"__metadata__":{"k":"1","k":"2"}}""", 0, "'__metadata__' has the key 'k' twice")]
    [InlineData("""{"__metadata__":{"k":1}}""", 0, "'__metadata__.k' is a JSON number; expected a string")]
    [InlineData("""{"__metadata__":[]}""", 0, "'__metadata__' is a JSON array; expected an object of strings")]
    public void A_lying_header_is_refused_with_file_and_tensor(string header, int dataBytes, string expected)
    {
        string path = Save(header, new byte[dataBytes]);
        var error = Assert.Throws<InvalidDataException>(() => SafeTensorsFile.Open(path));
        Assert.StartsWith(path + ": ", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Header_length_is_checked_before_anything_is_allocated()
    {
        string path = Path.Combine(_directory, "h.safetensors");
        File.WriteAllBytes(path, [1, 2, 3]);
        Refused(path, "the file has 3 bytes; expected at least 8");
        File.WriteAllBytes(path, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, (byte)'{', (byte)'}']);
        Refused(path, "the header length says 18446744073709551615 bytes; expected at most 100000000");
        File.WriteAllBytes(path, [3, 0, 0, 0, 0, 0, 0, 0, (byte)'{', (byte)'}']);
        Refused(path, "the header length says 3 bytes, but only 2 follow");
        File.WriteAllBytes(path, [0, 0, 0, 0, 0, 0, 0, 0]);
        Refused(path, "the header does not begin with '{'");
        File.WriteAllBytes(path, [4, 0, 0, 0, 0, 0, 0, 0, (byte)'{', 0xFF, (byte)'}', 0x20]);
        Refused(path, "the header is not valid UTF-8");
        Refused(Path.Combine(_directory, "none.safetensors"), "cannot open the safetensors file: the file does not exist");
    }

    [Fact]
    public void Truncation_of_the_data_is_noticed()
    {
        string path = Save("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}""", new byte[3]);
        Refused(path, "tensor 'a': 'data_offsets' is [0, 4]; expected a range within the 3 data bytes of the file. The file is truncated");
    }

    [Fact]
    public void Empty_tensors_scalars_and_an_empty_file_are_fine()
    {
        string path = Save("""{"e":{"dtype":"F32","shape":[0,4611686018427387904],"data_offsets":[0,0]},"s":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}   """, [7]);
        using (SafeTensorsFile file = SafeTensorsFile.Open(path))
        {
            Assert.Empty(file.ReadF32("e"));
            Assert.Equal([7L], file.ReadI64("s"));
        }

        using SafeTensorsFile empty = SafeTensorsFile.Open(Save("{}", []));
        Assert.Empty(empty.Tensors);
    }

    [Fact]
    [Trait("tier", "slow")]
    public void Tensors_beyond_two_gibibytes_are_reached_by_pointer()
    {
        // A sparse file: it takes no room on disk.
        const long Length = 5L << 30;
        string path = Save("{\"a\":{\"dtype\":\"U8\",\"shape\":[" + Length + "],\"data_offsets\":[0," + Length + "]},\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":["
            + Length + "," + (Length + 1) + "]}}", []);
        using (FileStream stream = File.OpenWrite(path))
        {
            stream.Position = stream.Length + Length;
            stream.WriteByte(7);
        }

        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.Equal([7L], file.ReadI64("b"));
        Assert.Equal(Length, file.Pointer("b") - file.Pointer("a"));
        Assert.Contains("too many for a span", Assert.Throws<InvalidOperationException>(() => file.Bytes("a").Length).Message, StringComparison.Ordinal);
        Assert.Contains("too many for an array", Assert.Throws<InvalidOperationException>(() => file.ReadF32("a")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SafeDType.F32)]
    [InlineData(SafeDType.BF16)]
    [InlineData(SafeDType.F16)]
    public void Long_tensors_are_read_piece_by_piece(SafeDType dtype)
    {
        float[] values = [.. Enumerable.Range(0, (1 << 20) + 77).Select(i => (float)(i % 251))];
        string path = Path.Combine(_directory, "long.safetensors");
        SafeTensorsWriter.Write(path, [TensorEntry.FromF32("x", [values.Length], values, dtype)]);
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        Assert.True(values.AsSpan().SequenceEqual(file.ReadF32("x")));
    }

    private static void Refused(string path, string expected)
    {
        var error = Assert.Throws<InvalidDataException>(() => SafeTensorsFile.Open(path));
        Assert.StartsWith(path + ": " + expected, error.Message, StringComparison.Ordinal);
    }

    private string Save(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + json.Length);
        string path = Path.Combine(_directory, Guid.NewGuid().ToString("N") + ".safetensors");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
