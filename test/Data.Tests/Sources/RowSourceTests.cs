using System.Diagnostics;
using System.Text;
using Lorikeet.Data.Sources;

namespace Lorikeet.Data.Tests.Sources;

public sealed class RowSourceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("x.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", "1,2,3")]
    [InlineData("x.jsonl", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}", "1,2,3")]
    [InlineData("x.jsonl", "\uFEFF{\"a\":1}\r\n\r\n  {\"a\":2}  \r\n \t \n{\"a\":3}\r\n\r\n", "1,3,5")]
    [InlineData("x.json", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", "1,2,3")]
    [InlineData("x.json", "[{\"a\":1},{\"a\":2},{\"a\":3}]", "1,1,1")]
    [InlineData("x.json", "\uFEFF \n[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  },\n\n  {\"a\":3}\n]\n", "3,6,10")]
    [InlineData("x.jsonl", "[{\"a\":1},\n{\"a\":2},\n{\"a\":3}]", "1,2,3")]
    public void Rows_and_their_lines_are_found(string name, string text, string lines)
    {
        string path = _directory.Save(name, text);
        using IRowSource source = RowSources.Open(path);
        Assert.Equal(3, source.Count);
        string[] expected = lines.Split(',');
        for (int i = 2; i >= 0; i--)
        {
            Row row = source.Read(i);
            Assert.Equal(i + 1, row.Json.GetProperty("a").GetInt32());
            Assert.Equal(i, row.Id);
            Assert.Equal($"{path}:{expected[i]}", row.Origin);
        }
    }

    [Fact]
    public void Empty_files_have_no_rows()
    {
        foreach (string text in new[] { "", "\n\n", "\uFEFF" })
        {
            using IRowSource lines = RowSources.Open(_directory.Save("x.jsonl", text));
            Assert.Equal(0, lines.Count);
        }

        using IRowSource array = RowSources.Open(_directory.Save("x.json", "[]"));
        Assert.Equal(0, array.Count);
    }

    [Theory]
    [InlineData("{\"a\":1}\n{\"ü\":\"é\", b}\n", ":2:11: not valid JSON: ")]
    [InlineData("{\"a\":1}\n\n{\"a\":1", ":3:7: not valid JSON: ")]
    [InlineData("{\"a\":1}\n{\n\"a\":1\n}\n", ":2:2: not valid JSON: ")]
    [InlineData("{\"a\":1}\n{} {}\n", ":2:4: not valid JSON: ")]
    [InlineData("{\"a\":1}\n{\"a\":1,\"a\":2}\n", ":2:1: not valid JSON: ")]
    [InlineData("{\"a\":1}\n[1]\n", ":2: the row is a JSON array; expected one complete JSON object on one line.")]
    public void A_broken_line_is_named_with_its_column(string text, string expected)
    {
        string path = _directory.Save("x.jsonl", text);
        using IRowSource source = RowSources.Open(path);
        source.Read(0);
        var error = Assert.Throws<InvalidDataException>(() => source.Read(1));
        Assert.StartsWith(path + expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("xpected one complete JSON object on one line.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_is_no_utf8_is_named()
    {
        string path = _directory.Save("x.jsonl", [.. "{}\n{\"a\":\""u8, 0xE9, .. "\"}\n"u8]);
        using IRowSource source = RowSources.Open(path);
        Assert.Equal($"{path}:2: the row is not valid UTF-8. Save the file as UTF-8.", Assert.Throws<InvalidDataException>(() => source.Read(1)).Message);
    }

    [Theory]
    [InlineData("[{\"a\":1},\n {\"a\":}]", ":2:7: not valid JSON: ")]
    [InlineData("[{\"a\":1}\n", ":2:1: not valid JSON: ")]
    [InlineData("[{\"a\":1}] x", ":1:11: not valid JSON: ")]
    [InlineData("[{\"a\":1},\n\n 7]", ":3: element 2 of the array is no object; expected a JSON object as element of the array.")]
    [InlineData("{\n\"data\": [{\"a\":1}]\n}", ": the file is a single JSON object; expected an array of rows, [{...}, {...}], or one row per line (.jsonl).")]
    [InlineData("7", ": the file is a single JSON value; expected an array of rows")]
    public void A_broken_array_is_refused_when_it_is_opened(string text, string expected)
    {
        string path = _directory.Save("x.json", text);
        var error = Assert.Throws<InvalidDataException>(() => RowSources.Open(path));
        Assert.StartsWith(path + expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tokens_longer_than_the_buffer_are_read()
    {
        string big = new('x', 700_000);
        string path = _directory.Save("x.json", $"[\n{{\"a\":\"{big}\"}},\n{{\"a\":\"{big}\\n\"}},\n{{\"a\":\"end\"}}]");
        using IRowSource source = RowSources.Open(path);
        Assert.Equal(3, source.Count);
        Assert.Equal(700_001, source.Read(1).Json.GetProperty("a").GetString()!.Length);
        Assert.Equal("end", source.Read(2).Json.GetProperty("a").GetString());
        Assert.Equal($"{path}:4", source.Describe(2));
    }

    [Fact]
    public void Long_arrays_and_lines_keep_their_positions_across_buffers()
    {
        var lines = new StringBuilder();
        var array = new StringBuilder("[\n");
        for (int i = 0; i < 30_000; i++)
        {
            string row = $"{{\"i\":{i},\"pad\":\"{new string('p', i % 97)}\"}}";
            lines.Append(row).Append(i % 1000 == 0 ? "\n\n" : "\n");
            array.Append(row).Append(i == 29_999 ? "\n]" : ",\n");
        }

        using IRowSource a = RowSources.Open(_directory.Save("x.jsonl", lines.ToString()));
        using IRowSource b = RowSources.Open(_directory.Save("x.json", array.ToString()));
        Assert.Equal(30_000, a.Count);
        Assert.Equal(30_000, b.Count);
        for (int i = 0; i < 30_000; i += 7)
        {
            Assert.Equal(i, a.Read(i).Json.GetProperty("i").GetInt32());
            Assert.Equal(i, b.Read(i).Json.GetProperty("i").GetInt32());
            Assert.EndsWith($":{i + 1 + ((i + 999) / 1000)}", a.Describe(i), StringComparison.Ordinal);
            Assert.EndsWith($":{i + 2}", b.Describe(i), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("x.jsonl", "{\"a\":1}\n", "{\"a\":2}\n{\"a\":3}\n", "it had 8 bytes and has 16 now")]
    [InlineData("x.jsonl", "{\"a\":1}\n", "{\"a\":2}\n", "it was written to")]
    [InlineData("x.csv", "a\n1\n", "a\n1\n2\n", "it had 4 bytes and has 6 now")]
    public void A_file_that_changes_in_use_is_noticed(string name, string before, string after, string expected)
    {
        string path = _directory.Save(name, before);
        using IRowSource source = RowSources.Open(path);
        source.Read(0);
        File.WriteAllText(path, after);
        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(2));
        var error = Assert.Throws<InvalidDataException>(() => source.Read(0));
        Assert.StartsWith($"{path}: the data file changed while in use ({expected}).", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_data_file_is_refused()
    {
        Refused("none.jsonl", null, "cannot open the data file: the file does not exist; check the path (data.train, data.eval).");
        Refused("x.jsonl", [0xFF, 0xFE, 0x7B, 0], "expected UTF-8 text (.jsonl, .json or .csv), but this is UTF-16 text; save it as UTF-8.");
        Refused("x.jsonl", [0x1F, 0x8B, 8, 0], "expected UTF-8 text (.jsonl, .json or .csv), but this is a gzip file; unpack it first.");
        Refused("x.json", "PAR1"u8.ToArray(), "expected UTF-8 text (.jsonl, .json or .csv), but this is a Parquet file; name it .parquet.");
        Refused("x.txt", [1], "the data file's kind '.txt' is not known; expected .jsonl, .json, .csv, .tsv or .parquet.");
        Directory.CreateDirectory(_directory.At("d.jsonl"));
        Refused("d.jsonl", null, "the directory holds no data: expected .parquet, .jsonl, .json, .csv or .tsv files, pictures with a metadata.jsonl or metadata.csv, or pictures with .txt files of the same names.");
    }

    // Opening a pipe to which nobody writes would wait for ever.
    [Theory]
    [InlineData("pipe.jsonl")]
    [InlineData("pipe.json")]
    [InlineData("pipe.csv")]
    [InlineData("pipe.parquet")]
    [InlineData("pipe")]
    public async Task A_named_pipe_is_refused_at_once(string name)
    {
        string pipe = _directory.At(name), link = _directory.At("link-" + name);
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe]))
        {
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, made.ExitCode);
        }

        File.CreateSymbolicLink(link, pipe);
        foreach (string path in new[] { pipe, link })
        {
            Task<InvalidDataException> refused = Task.Run(() => Assert.Throws<InvalidDataException>(() => RowSources.Open(path)), TestContext.Current.CancellationToken);
            InvalidDataException error = await refused.WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
            Assert.Equal($"{path}: cannot read the data from a named pipe: rows are read in any order, several times. Write them to a regular file first.", error.Message);
        }
    }

    [Fact]
    public void Lines_of_regular_files_cost_nothing()
    {
        var index = new RowIndex();
        for (int i = 0; i < 100_000; i++)
        {
            index.Add(i * 10L, 2 + (i * 4));
        }

        Assert.Equal(1, index.RunCount);
        Assert.Equal(400_000 - 2, index.Line(99_999));
        Assert.Equal(999_990, index.Offset(99_999));
    }

    [Fact]
    [Trait("tier", "slow")]
    public void Indexing_is_fast_and_small_and_rows_are_cheap()
    {
        string path = _directory.At("big.jsonl");
        string filler = new('x', 2_000);
        using (var writer = new StreamWriter(path))
        {
            for (int i = 0; i < 200_000; i++)
            {
                writer.Write($"{{\"i\":{i},\"image\":\"images/{i}.png\",\"caption\":\"{filler}\"}}\n");
            }
        }

        using (RowSources.Open(path))
        {
        }

        long before = GC.GetTotalMemory(forceFullCollection: true);
        var clock = Stopwatch.StartNew();
        using IRowSource source = RowSources.Open(path);
        double seconds = clock.Elapsed.TotalSeconds;
        long held = GC.GetTotalMemory(forceFullCollection: true) - before;
        double megabytesPerSecond = new FileInfo(path).Length / 1e6 / seconds;
        TestContext.Current.SendDiagnosticMessage($"index: {megabytesPerSecond:F0} MB/s, {held / 200_000.0:F1} bytes per row held");
        Assert.Equal(200_000, source.Count);
        Assert.True(megabytesPerSecond > 300, $"{megabytesPerSecond:F0} MB/s");
        Assert.True(held < 200_000 * 10, $"{held} bytes held");

        clock.Restart();
        for (int i = 0; i < 200_000; i += 10)
        {
            Assert.Equal(i, source.Read(i).Json.GetProperty("i").GetInt32());
        }

        double microseconds = clock.Elapsed.TotalMicroseconds / 20_000;
        TestContext.Current.SendDiagnosticMessage($"row: {microseconds:F1} us");
        Assert.True(microseconds < 200, $"{microseconds:F1} us per row");
    }

    private void Refused(string name, byte[]? content, string expected)
    {
        string path = content is null ? _directory.At(name) : _directory.Save(name, content);
        Assert.Equal($"{path}: {expected}", Assert.Throws<InvalidDataException>(() => RowSources.Open(path)).Message);
    }
}
