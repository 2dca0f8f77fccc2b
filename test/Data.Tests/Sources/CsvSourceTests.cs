using Lorikeet.Data.Sources;

namespace Lorikeet.Data.Tests.Sources;

public sealed class CsvSourceTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("image,caption\na.png,A cat\n", "a.png|A cat")]
    [InlineData("\uFEFFimage, caption\r\na.png,A cat\r\n\r\n", "a.png|A cat")]
    [InlineData("image,caption\na.png,\"A cat, \"\"grey\"\"\nand a dog\"", "a.png|A cat, \"grey\"\nand a dog")]
    [InlineData("image,caption\r\na.png,\"A cat\"\r\n", "a.png|A cat")]
    [InlineData("image,caption\n\"a.png\",5\" screen\n", "a.png|5\" screen")]
    [InlineData("image,caption\n,\n", "|")]
    [InlineData("image,caption\n\"\",\"\"\"\"\n", "|\"")]
    [InlineData("caption,image\nA cat,a.png", "a.png|A cat")]
    public void Fields_are_read_as_rfc_4180_says(string text, string expected)
    {
        using IRowSource source = RowSources.Open(_directory.Save("x.csv", text));
        Assert.Equal(1, source.Count);
        Row row = source.Read(0);
        Assert.Equal(expected, row.Json.GetProperty("image").GetString() + "|" + row.Json.GetProperty("caption").GetString());
    }

    [Fact]
    public void Lines_count_newlines_within_fields()
    {
        string path = _directory.Save("x.csv", "a,b\n1,\"x\ny\"\n\n2,z\n");
        using IRowSource source = RowSources.Open(path);
        Assert.Equal(2, source.Count);
        Assert.Equal($"{path}:2", source.Describe(0));
        Assert.Equal($"{path}:5", source.Describe(1));
        Assert.Equal("2", source.Read(1).Json.GetProperty("a").GetString());
    }

    [Fact]
    public void Tabs_separate_tsv_files()
    {
        using IRowSource source = RowSources.Open(_directory.Save("x.tsv", "a\tb\n1,5\t\"x\ty\"\n"));
        Assert.Equal("1,5", source.Read(0).Json.GetProperty("a").GetString());
        Assert.Equal("x\ty", source.Read(0).Json.GetProperty("b").GetString());
    }

    [Fact]
    public void Structured_columns_are_parsed()
    {
        string path = _directory.Save("x.csv", "images,text\n\"[\"\"a.png\"\",\"\"b.png\"\"]\",[not json]\n['a'],x\n");
        using IRowSource source = RowSources.Open(path);
        Assert.Equal(2, source.Read(0).Json.GetProperty("images").GetArrayLength());
        Assert.Equal("[not json]", source.Read(0).Json.GetProperty("text").GetString());
        Assert.StartsWith($"{path}:3: column 'images' begins like JSON but is not valid: ", Assert.Throws<InvalidDataException>(() => source.Read(1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_with_the_wrong_number_of_fields_is_named()
    {
        string path = _directory.Save("x.csv", "a,b\n1,2\n1,2,3\n");
        using IRowSource source = RowSources.Open(path);
        source.Read(0);
        Assert.Equal($"{path}:3: the row has 3 fields; the header has 2 (a, b). Quote fields that hold the delimiter.",
            Assert.Throws<InvalidDataException>(() => source.Read(1)).Message);
    }

    [Theory]
    [InlineData("", ": the file is empty; expected a header row with column names.")]
    [InlineData("a,a\n", ":1: column 2 repeats the name 'a'; expected a header row of unique column names.")]
    [InlineData("a,,b\n", ":1: column 2 has no name; expected a header row of unique column names.")]
    [InlineData("a,b\n1,\"x\n2,y\n", ":2: a quoted field opens here and never ends; expected a closing quote.")]
    [InlineData("a,b\n1,\"x\"y\n", ":2: text follows the closing quote of a field; expected a delimiter or the end of the line. Double the quotes that belong to the text.")]
    public void A_broken_file_is_refused_when_it_is_opened(string text, string expected)
    {
        string path = _directory.Save("x.csv", text);
        Assert.Equal(path + expected, Assert.Throws<InvalidDataException>(() => RowSources.Open(path)).Message);
    }
}
