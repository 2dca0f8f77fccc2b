using System.Globalization;
using System.Text.Json;
using Lorikeet.Data.Sources;
using Lorikeet.Data.Sources.Interop;
using Lorikeet.Testing;

namespace Lorikeet.Data.Tests.Sources;

public sealed class ParquetSourceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public ParquetSourceTests() => Assert.SkipWhen(ParquetLibrary.Find().Version is null, "libduckdb is not installed (eng/native.sh duckdb)");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_cauldron_is_read_from_its_shards_as_another_program_wrote_them()
    {
        byte[] picture = File.ReadAllBytes(Golden.Path("cases", "images", "tiny.png"));
        using Dataset data = Dataset.Open(new DatasetOptions { Path = Golden.Path("parquet", "cauldron") });
        Assert.Equal((10, "the_cauldron"), (data.Count, data.FormatName));
        Assert.Empty(data.Notes);
        foreach (int i in new[] { 9, 0, 5, 4, 3, 8, 1, 2, 7, 6, 0 })
        {
            Sample sample = data.Read(i);
            Assert.Equal(1 + (i % 2), sample.Images.Count);
            Assert.Equal(picture, sample.Images[^1].ReadBytes());
            Assert.Equal($"Question {i}?", sample.Messages[0].AllText);
            Assert.Equal($"Answer {i}.", sample.Messages[1].AllText);
            Assert.Equal(i % 3 == 0 ? 4 : 2, sample.Messages.Count);
            Assert.Equal(i, sample.RowId);
            Assert.EndsWith($"train-0000{i / 5}-of-00002.parquet: row {(i % 5) + 1}", sample.Origin, StringComparison.Ordinal);
        }

        Assert.Equal("And ü 猫?", data.Read(3).Messages[2].AllText);
    }

    [Theory]
    [InlineData("train", 10)]
    [InlineData("train[:30%]", 3)]
    [InlineData("train[4:6]", 2)]
    [InlineData("train[-1:]", 1)]
    public void Slices_count_over_all_shards(string split, int count)
    {
        using Dataset data = Dataset.Open(new DatasetOptions { Path = Golden.Path("parquet", "cauldron"), Split = split });
        Assert.Equal(count, data.Count);
        using Dataset pattern = Dataset.Open(new DatasetOptions { Path = Path.Combine(Golden.Path("parquet", "cauldron"), "train-*-of-00002.parquet"), Split = split });
        Assert.Equal(data.Read(count - 1).Messages[0].AllText, pattern.Read(count - 1).Messages[0].AllText);
        Assert.Equal(data.Fingerprint, pattern.Fingerprint);
    }

    [Fact]
    public void Preference_rows_of_both_layouts_are_read_where_they_are_asked_for()
    {
        string path = Golden.Path("parquet", "rlaif.parquet");
        var error = Assert.Throws<InvalidDataException>(() => Dataset.Open(new DatasetOptions { Path = path }));
        Assert.Equal($"{path}: row 1: these are preference pairs (chosen, rejected), and the objective sft learns from one answer. Set data.format: preference to train on the chosen answers.", error.Message);
        using Dataset plain = Dataset.Open(new DatasetOptions { Path = path, Format = "preference" });
        Assert.Equal(["What?", "A cat."], plain.Read(0).Messages.Select(m => m.AllText));
        Assert.Equal("Nobody's \"cat\"\n.", plain.Read(2).Messages[1].AllText);
        Assert.Single(plain.Read(2).Images);
        using Dataset formatted = Dataset.Open(new DatasetOptions { Path = Golden.Path("parquet", "preference.parquet"), Format = "preference" });
        Assert.Equal(["Question 1?", "Good 1."], formatted.Read(1).Messages.Select(m => m.AllText));
    }

    [Fact]
    public void Chat_messages_with_pictures_as_bytes_are_read()
    {
        using Dataset data = Dataset.Open(new DatasetOptions { Path = Golden.Path("parquet", "messages.parquet") });
        Sample sample = data.Read(2);
        Assert.Equal(["Question 2?", "Reply 2."], sample.Messages.Select(m => m.AllText));
        Assert.Equal(File.ReadAllBytes(Golden.Path("cases", "images", "tiny.png")), sample.Images[0].ReadBytes());
    }

    [Fact]
    public void Every_type_becomes_json_and_unusual_ones_become_text()
    {
        using IRowSource source = RowSources.Open(Golden.Path("parquet", "rlaif.parquet"));
        JsonElement row = source.Read(2).Json;
        Assert.Equal(9007199254740993, row.GetProperty("idx").GetInt64());
        Assert.Equal("[0.5,null]", source.Read(0).Json.GetProperty("score").GetRawText());
        Assert.Equal("[]", source.Read(1).Json.GetProperty("score").GetRawText());
        Assert.Equal("1970-01-02", source.Read(1).Json.GetProperty("day").GetString());
        Assert.Equal(JsonValueKind.Null, row.GetProperty("day").ValueKind);

        string path = Write("SELECT true AS b, -1::TINYINT AS i8, 65535::USMALLINT AS u16, 18446744073709551615::UBIGINT AS u64, 'NaN'::DOUBLE AS nan, 1.5::FLOAT AS f, 12.34::DECIMAL(9,2) AS d, "
            + "map {'k': 1} AS m, [[1, NULL], []] AS nested, {'a': NULL::VARCHAR, 'b': [{'c': 'ü\"\\'}]} AS s, TIMESTAMP '2024-01-02 03:04:05' AS t, NULL::INTEGER AS n, '[\"x\"]' AS images, 'odd \"name\"' AS \"q\"\"uo'te\"");
        using IRowSource types = RowSources.Open(path);
        Assert.Equal("""{"b":true,"i8":-1,"u16":65535,"u64":18446744073709551615,"nan":"NaN","f":1.5,"d":"12.34","m":[{"key":"k","value":1}],"nested":[[1,null],[]],"s":{"a":null,"b":[{"c":"ü\"\\"}]},"t":"2024-01-02 03:04:05","n":null,"images":["x"],"q\"uo'te":"odd \"name\""}""",
            types.Read(0).Json.GetRawText());
    }

    [Theory]
    [InlineData("odd [name] * ?.parquet")]
    [InlineData("quote ' and \" here.parquet")]
    [InlineData("[a-z].parquet")]
    public void Signs_in_a_file_name_mean_themselves(string name)
    {
        string path = Path.Combine(_directory.Path, name);
        File.Move(Write("SELECT 'q' AS question, 'a' AS answer"), path);
        File.Copy(Golden.Path("parquet", "rlaif.parquet"), _directory.At("b.parquet"));
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        Assert.Equal("a", data.Read(0).Messages[1].AllText);
    }

    [Fact]
    public void Links_as_in_the_cache_of_the_hub_are_followed()
    {
        Directory.CreateDirectory(_directory.At("snapshots/1/data"));
        Directory.CreateDirectory(_directory.At("blobs"));
        File.Copy(Golden.Path("parquet", "cauldron/train-00000-of-00002.parquet"), _directory.At("blobs/0a1b"));
        File.CreateSymbolicLink(_directory.At("snapshots/1/data/train-00000-of-00001.parquet"), "../../../blobs/0a1b");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = _directory.At("snapshots/1"), Split = "train[:40%]" });
        Assert.Equal(2, data.Count);
        Assert.Equal("Answer 1.", data.Read(1).Messages[1].AllText);
        Assert.EndsWith("train-00000-of-00001.parquet: row 2", data.Describe(1), StringComparison.Ordinal);
    }

    [Fact]
    public void Any_order_of_reading_gives_the_same_rows_and_unpacks_within_bounds()
    {
        string path = Write("SELECT i AS id, repeat('x', 200) || i AS question, i::VARCHAR AS answer FROM range(60000) t(i)", "ROW_GROUP_SIZE 25000");
        using IRowSource source = RowSources.Open(path);
        Assert.Equal(60000, source.Count);
        for (long i = 0, row = 0; i < 300; i++, row = (row + 22123) % 60000)
        {
            Row read = source.Read(row);
            Assert.Equal(row, read.Json.GetProperty("id").GetInt64());
            Assert.Equal(row.ToString(CultureInfo.InvariantCulture), read.Json.GetProperty("answer").GetString());
        }
    }

    [Fact]
    public void Several_threads_may_read()
    {
        using IRowSource source = RowSources.Open(Write("SELECT i AS id FROM range(40000) t(i)"));
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (long i = t; i < 40000; i += 997)
            {
                Assert.Equal(i, source.Read(i).Json.GetProperty("id").GetInt64());
            }
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
    }

    [Fact]
    public void Files_of_different_schemas_are_read_each_by_its_own()
    {
        string folder = _directory.At("shards");
        Directory.CreateDirectory(folder);
        File.Move(Write("SELECT 'q0' AS question, 'a0' AS answer, 1 AS extra"), Path.Combine(folder, "a.parquet"));
        File.Move(Write("SELECT 'a1' AS answer, 'q1' AS question"), Path.Combine(folder, "b.parquet"));
        File.Move(Write("SELECT 'q' AS question, 'a' AS answer WHERE false"), Path.Combine(folder, "c.parquet"));
        using Dataset data = Dataset.Open(new DatasetOptions { Path = folder });
        Assert.Equal(2, data.Count);
        Assert.Equal("a1", data.Read(1).Messages[1].AllText);
    }

    [Fact]
    public void Unusable_files_are_named()
    {
        string text = _directory.Save("text.parquet", "{}");
        Assert.Equal($"{text}: this is no Parquet file; expected a file that begins with PAR1.", Error(text));
        byte[] whole = File.ReadAllBytes(Golden.Path("parquet", "rlaif.parquet"));
        string cut = _directory.Save("cut.parquet", whole[..(whole.Length / 2)]);
        Assert.StartsWith($"{cut}: cannot be read as Parquet: ", Error(cut), StringComparison.Ordinal);
        string clash = Write("SELECT 1 AS file_row_number, 'q' AS question");
        Assert.StartsWith($"{clash}: cannot be read as Parquet: ", Error(clash), StringComparison.Ordinal);
        string empty = Write("SELECT 'q' AS question WHERE false");
        Assert.Equal($"{empty}: the data file has no rows; expected at least one.", Error(empty));
    }

    [Fact]
    public void A_file_that_changes_in_use_is_noticed()
    {
        string path = Write("SELECT i AS id, 'q' AS question, 'a' AS answer FROM range(40960) t(i)", "ROW_GROUP_SIZE 20480");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        File.SetLastWriteTimeUtc(path, File.GetLastWriteTimeUtc(path).AddSeconds(5));
        var error = Assert.Throws<InvalidDataException>(() => data.Read(40959));
        Assert.StartsWith($"{path}: the data file changed while in use.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_session_reads_no_other_file_and_loads_nothing()
    {
        string allowed = Write("SELECT 1 AS x"), other = _directory.Save("other.csv", "a,b\n1,2\n");
        using var session = new DuckDbSession([allowed]);
        Assert.Single(session.Columns($"SELECT * FROM read_parquet({DuckDbSession.PathLiteral(allowed)})"));
        foreach (string statement in new[]
        {
            $"SELECT * FROM read_csv({DuckDbSession.Literal(other)})", $"COPY (SELECT 1) TO {DuckDbSession.Literal(_directory.At("written"))}",
            "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true", "SET memory_limit = '100GB'", $"ATTACH {DuckDbSession.Literal(_directory.At("db"))}",
        })
        {
            Assert.Throws<DuckDbException>(() => session.Run(statement));
        }

        Assert.False(File.Exists(_directory.At("written")));
    }

    [Fact]
    public void Rows_beyond_the_memory_are_kept_in_a_file_without_a_name()
    {
        using var store = new RowStore(_directory.Path, memoryBytes: 10);
        byte[][] pieces = [.. Enumerable.Range(0, 5).Select(i => Enumerable.Repeat((byte)i, 6).ToArray())];
        RowStore.Piece[] kept = [.. pieces.Select(p => store.Add(p)!)];
        Assert.Equal(24, store.FileBytes);
        Assert.Equal([0, 0], kept[0].Read(1, 2).ToArray());
        Assert.Equal([4, 4, 4], kept[4].Read(3, 3).ToArray());
        Assert.Empty(Directory.GetFileSystemEntries(_directory.Path));
    }

    [Fact]
    public void Where_nothing_can_be_kept_rows_are_unpacked_again()
    {
        using var store = new RowStore(Path.Combine(_directory.Save("file", "x"), "no folder"), memoryBytes: 0);
        Assert.Null(store.Add([1]));
        Assert.Null(store.Add([2]));
    }

    private static string Error(string path) => Assert.Throws<InvalidDataException>(() => Dataset.Open(new DatasetOptions { Path = path })).Message;

    /// <summary>Writes a query's rows with DuckDB itself, free of the limits of the session under test.</summary>
    private string Write(string query, string options = "COMPRESSION zstd")
    {
        string path = _directory.At($"{Guid.NewGuid():N}.parquet");
        DuckDbWriter.Write(query, path, options);
        return path;
    }
}
