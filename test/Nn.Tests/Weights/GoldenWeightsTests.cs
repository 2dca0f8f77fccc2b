using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Nn.Tests.Weights;

public sealed class GoldenWeightsTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Files_written_by_the_safetensors_library_are_rewritten_byte_for_byte()
    {
        string[] files = Directory.GetFiles(Golden.Root, "*.safetensors", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        string copy = Path.Combine(_directory, "copy.safetensors");
        foreach (string path in files)
        {
            using SafeTensorsFile file = SafeTensorsFile.Open(path);
            SafeTensorsWriter.Write(copy, [.. file.Tensors.Keys.Reverse().Select(name => TensorEntry.Copy(file, name))], file.Metadata);
            Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(File.ReadAllBytes(copy)), path);
        }
    }
}
