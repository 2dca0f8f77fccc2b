using System.Diagnostics;
using System.Text;
using Lorikeet.Data.Sources;
using Lorikeet.Testing;

namespace Lorikeet.Data.Tests.Sources;

[Trait("tier", "slow")]
public sealed class ScaleTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_million_rows_are_open_and_shuffled_in_seconds_and_little_memory()
    {
        const int Rows = 1_000_000;
        string path = _directory.At("rows.jsonl");
        using (var writer = new StreamWriter(path, false, new UTF8Encoding(false), 1 << 20))
        {
            for (int i = 0; i < Rows; i++)
            {
                writer.Write(FormattableString.Invariant($"{{\"question\":\"What is the number of this row, which is written out here at some length?\",\"answer\":\"{i}\"}}\n"));
            }
        }

        long before = GC.GetTotalMemory(forceFullCollection: true);
        var watch = Stopwatch.StartNew();
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        var sampler = data.Sampler(1, shuffle: true);
        Assert.Equal(FormattableString.Invariant($"{sampler.RowAt(7)}"), data.Read(sampler.RowAt(7)).Messages[1].AllText);
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 20);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, 0, 40L << 20);
        Assert.Equal(Rows, data.Count);
        GC.KeepAlive(sampler);
    }

    [Fact]
    public void Parquet_rows_in_any_order_come_from_memory_and_disk_alike()
    {
        Assert.SkipWhen(ParquetLibrary.Find().Version is null, "libduckdb is not installed (eng/native.sh duckdb)");
        string path = _directory.At("large.parquet");
        DuckDbWriter.Write("SELECT i AS id, repeat(i::VARCHAR, 300) AS text, repeat('b', 100 + i % 50)::BLOB AS bytes FROM range(100000) t(i)", path, "ROW_GROUP_SIZE 30000");
        using ParquetSource source = ParquetSource.Open(path, _directory.Path, [path], _directory.Path, CancellationToken.None);
        for (long i = 0, row = 5; i < 3000; i++, row = (row + 61403) % 100000)
        {
            Row read = source.Read(row);
            Assert.Equal(row, read.Json.GetProperty("id").GetInt64());
            Assert.Equal(100 + (row % 50), read.FindBlob(read.Json.GetProperty("bytes").GetString()!)!.Length);
        }

        Assert.InRange(source.SpooledBytes, 1, long.MaxValue);
        Assert.Single(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Theory]
    [InlineData("rlaif.parquet")]
    [InlineData("messages.parquet")]
    public void A_damaged_parquet_file_is_read_or_refused(string name)
    {
        Assert.SkipWhen(ParquetLibrary.Find().Version is null, "libduckdb is not installed (eng/native.sh duckdb)");
        byte[] whole = File.ReadAllBytes(Golden.Path("parquet", name));
        int refused = 0;
        for (int i = 0; i < 500; i++)
        {
            // Every mutant has one to three bytes changed, or its end cut off; the magic numbers stay.
            byte[] mutant = (byte[])whole.Clone();
            for (int k = 0; k <= i % 3; k++)
            {
                mutant[4 + (int)((ulong)(i * 7919L + k * 104729L) * 2654435761 % (ulong)(mutant.Length - 8))] ^= (byte)(1 + ((i * 31 + k) % 255));
            }

            string path = _directory.Save("mutant.parquet", i % 10 == 9 ? [.. mutant[..(mutant.Length - 20 - i)], .. "PAR1"u8] : mutant);
            try
            {
                using Dataset data = Dataset.Open(new DatasetOptions { Path = path, Format = name.StartsWith('r') ? "preference" : "auto" });
                for (long row = 0; row < data.Count; row++)
                {
                    data.Read(row);
                }
            }
            catch (InvalidDataException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 1, 500);
    }
}
