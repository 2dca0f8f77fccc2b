using System.Globalization;
using Lorikeet.Data.Sources;
using Lorikeet.Testing;

namespace Lorikeet.Data.Tests.Sources;

/// <summary>Damaged Parquet files are read or refused; the native reader stays whole.</summary>
public sealed class ParquetFuzzTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public ParquetFuzzTests() => Assert.SkipWhen(ParquetLibrary.Find().Version is null, "libduckdb is not installed (eng/native.sh duckdb)");

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("messages.parquet")]
    public void Damaged_files_are_read_or_refused(string file) => Run(file, seed: 1, count: 20);

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("messages.parquet")]
    [InlineData("rlaif.parquet")]
    public void Many_damaged_files_are_read_or_refused(string file) => Run(file, seed: 2, count: 1_000);

    private void Run(string file, int seed, int count)
    {
        byte[] original = File.ReadAllBytes(Golden.Path("parquet", file));
        int footer = BitConverter.ToInt32(original.AsSpan()[^8..^4]);
        var mutator = new Mutator(seed, "PAR1", "\0\0\0\0", "\u007f", "list", "element", "messages", "bytes");
        int number = 0;
        int good = Fuzz.Run(
            count,
            i =>
            {
                // Half of the damage goes where the file is described, and keeps its length.
                byte[] mutant = i % 2 == 0 ? mutator.Mutate(original) : [.. original];
                if (i % 2 == 1)
                {
                    int at = original.Length - 8 - footer + (i * 7919 % footer);
                    mutant[at] ^= (byte)(1 + (i % 255));
                }

                return mutant;
            },
            mutant =>
            {
                string path = _directory.At(string.Create(CultureInfo.InvariantCulture, $"{number++}.parquet"));
                File.WriteAllBytes(path, mutant);
                try
                {
                    using Dataset data = Dataset.Open(new DatasetOptions { Path = path, Format = file[0] == 'r' ? "preference" : "auto" });
                    for (long row = 0; row < data.Count; row++)
                    {
                        Assert.NotEmpty(data.Read(row).Messages);
                    }
                }
                finally
                {
                    File.Delete(path);
                }
            },
            maxBytes: 32 << 20);
        Assert.InRange(good, count / 100, count - (count / 20));
    }
}
