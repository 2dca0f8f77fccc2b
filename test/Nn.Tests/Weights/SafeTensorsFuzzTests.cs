using System.Buffers.Binary;
using System.Text;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Nn.Tests.Weights;

public sealed class SafeTensorsFuzzTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Damaged_files_are_read_or_refused() => Fuzz(seed: 1, count: 3_000);

    [Theory]
    [Trait("tier", "slow")]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Many_damaged_files_are_read_or_refused(int seed) => Fuzz(seed, count: 60_000);

    [Fact]
    public void A_header_of_many_tensors_and_deep_nesting_costs_little()
    {
        string deep = "{\"a\":" + new string('[', 100_000) + new string(']', 100_000) + "}";
        Assert.Throws<InvalidDataException>(() => Read(With(deep, [])));
        var many = new StringBuilder("{");
        for (int i = 0; i < 50_000; i++)
        {
            many.Append(i == 0 ? "" : ",").Append($"\"t{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
        }

        Assert.Equal(50_000, Read(With(many.Append('}').ToString(), [])).Tensors.Count);
    }

    private static SafeTensorsHeader Read(byte[] bytes)
    {
        using var stream = new MemoryStream(bytes);
        return SafeTensorsHeader.Read(stream, "x");
    }

    private void Fuzz(int seed, int count)
    {
        byte[] original = Sample();
        var mutator = new Mutator(seed,
            "-1", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e3", "0.5", "null", "[]", "{}", "\"", "\\ud800", "\0",
            "\"a\":", "\"shape\":", "[0,0]", "\"F32\"", "\"BOOL\"", "\"__metadata__\":{}", ",", "}", "]");
        int opened = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = mutator.Mutate(original);

            // Half of the time the length field follows the damage, so that the header itself is reached.
            if (i % 2 == 0 && bytes.Length >= 8)
            {
                BinaryPrimitives.WriteInt64LittleEndian(bytes, Math.Max(0, BinaryPrimitives.ReadInt64LittleEndian(original) + bytes.Length - original.Length));
            }

            opened += Try(bytes, i);
        }

        Assert.InRange(opened, count / 200, count - (count / 200));
    }

    private int Try(byte[] bytes, int i)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Read(bytes);
        }
        catch (InvalidDataException)
        {
            return 0;
        }
        finally
        {
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20, $"case {i} allocated too much");
        }

        // What the header check lets through can be read to the last byte.
        if (i % 10 == 0)
        {
            string path = Path.Combine(_directory, "x.safetensors");
            File.WriteAllBytes(path, bytes);
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
            foreach (TensorInfo tensor in file.Tensors.Values)
            {
                Assert.Equal(tensor.ByteLength, file.ReadBytes(tensor.Name).Length);
            }
        }

        return 1;
    }

    private byte[] Sample()
    {
        string path = Path.Combine(_directory, "original.safetensors");
        SafeTensorsWriter.Write(path,
            [TensorEntry.FromF32("a.weight", [2, 3], new float[6]), TensorEntry.FromF32("b", [4], new float[4], SafeDType.BF16), TensorEntry.FromI64("c", [], new long[1])],
            new Dictionary<string, string> { ["format"] = "pt" });
        return File.ReadAllBytes(path);
    }

    private static byte[] With(string header, byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        return [.. length, .. json, .. data];
    }
}
