namespace Lorikeet.Data.Tests;

public sealed class DatasetTests : IDisposable
{
    private readonly TemporaryDirectory _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Split_and_limit_select_rows()
    {
        string path = Rows(100);
        Assert.Equal([10, 11, 12, 13, 14], Ids(new DatasetOptions { Path = path, Split = "train[10:15]" }));
        Assert.Equal([10, 11, 12], Ids(new DatasetOptions { Path = path, Split = "train[10:15]", MaxSamples = 3 }));
        Assert.Equal([0, 1, 98, 99], Ids(new DatasetOptions { Path = path, Split = "train[:2%]+train[-2%:]" }));
        Assert.Equal([0, 1, 98], Ids(new DatasetOptions { Path = path, Split = "train[:2%]+train[-2%:]", MaxSamples = 3 }));
        Assert.Equal(100, Ids(new DatasetOptions { Path = path, MaxSamples = 1000 }).Length);
    }

    [Fact]
    public void Pictures_are_looked_for_in_the_image_root()
    {
        _folder.Save("pictures/a.png", "x");
        string path = _folder.Save("x.jsonl", "{\"image\":\"a.png\",\"caption\":\"c\"}\n");
        using (Dataset data = Dataset.Open(new DatasetOptions { Path = path, ImageRoot = _folder.At("pictures") }))
        {
            Assert.Equal(_folder.At("pictures/a.png"), data.Read(0).Images[0].FilePath);
        }

        string none = _folder.At("none");
        Assert.StartsWith($"{none}: the image root (data.image_root) is no directory;", Error(new DatasetOptions { Path = path, ImageRoot = none }), StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_image_root_is_explained_where_the_picture_can_be_found()
    {
        _folder.Save("images/a.png", "x");
        string path = _folder.Save("x.jsonl", "{\"image\":\"images/a.png\",\"caption\":\"c\"}\n");
        using (Dataset data = Dataset.Open(new DatasetOptions { Path = path, ImageRoot = _folder.At("images") }))
        {
            Assert.Equal(
                $"{path}:1: key 'image' is 'images/a.png', but {_folder.At("images/images/a.png")} does not exist. It exists in the folder of the data file: set data.image_root to {_folder.Path}.",
                Assert.Throws<InvalidDataException>(() => data.Read(0)).Message);
        }

        string other = _folder.Save("lists/x.jsonl", "{\"image\":\"images/a.png\",\"caption\":\"c\"}\n");
        using Dataset second = Dataset.Open(new DatasetOptions { Path = other, ImageRoot = _folder.At("images") });
        Assert.EndsWith($"The path repeats the last folder of the image root: set data.image_root to {_folder.Path}.",
            Assert.Throws<InvalidDataException>(() => second.Read(0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_that_are_not_used_are_said()
    {
        string path = _folder.Save("x.jsonl", "{\"id\":7,\"question\":\"q\",\"answer\":\"r\",\"score\":1}\n");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        Assert.Equal([$"{path}: format qa does not use the keys id, score."], data.Notes);
    }

    [Fact]
    public void Unusable_options_are_refused()
    {
        string path = Rows(3);
        Assert.Equal("data.format 'parquet' is not known; expected auto or one of messages, sharegpt, the_cauldron, alpaca, qa, caption, task, image_text.",
            Error(new DatasetOptions { Path = path, Format = "parquet" }));
        Assert.Equal("max_samples is 0; expected at least 1.", Error(new DatasetOptions { Path = path, MaxSamples = 0 }));
        string empty = _folder.Save("empty.jsonl", "\n");
        Assert.Equal($"{empty}: the data file has no rows; expected at least one.", Error(new DatasetOptions { Path = empty }));
    }

    [Fact]
    public void A_broken_row_does_not_hinder_the_others()
    {
        string path = _folder.Save("x.jsonl", "{\"question\":\"q\",\"answer\":\"r\"}\n{\"question\":\n{\"question\":\"q\",\"answer\":\"r\"}\n");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        Assert.StartsWith($"{path}:2:", Assert.Throws<InvalidDataException>(() => data.Read(1)).Message, StringComparison.Ordinal);
        Assert.Equal(2, data.Read(2).RowId);
        Assert.Equal($"{path}:3", data.Describe(2));
    }

    [Fact]
    public void A_file_that_is_no_picture_is_named_when_it_is_decoded()
    {
        _folder.Save("a.png", "no picture");
        string path = _folder.Save("x.jsonl", "{\"image\":\"a.png\",\"caption\":\"c\"}\n");
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        ImageSource image = data.Read(0).Images[0];
        Assert.StartsWith($"{path}:1: key 'image': {_folder.At("a.png")}: ", Assert.Throws<InvalidDataException>(() => image.Decode()).Message, StringComparison.Ordinal);
        File.Delete(_folder.At("a.png"));
        Assert.StartsWith($"{path}:1: key 'image': ", Assert.Throws<InvalidDataException>(() => image.Decode()).Message, StringComparison.Ordinal);
        Assert.StartsWith($"{path}:1: key 'image': ", Assert.Throws<InvalidDataException>(() => image.ReadBytes()).Message, StringComparison.Ordinal);
    }

    private static string Error(DatasetOptions options) => Assert.Throws<InvalidDataException>(() => Dataset.Open(options)).Message;

    private static long[] Ids(DatasetOptions options)
    {
        using Dataset data = Dataset.Open(options);
        return [.. Enumerable.Range(0, (int)data.Count).Select(i => data.Read(i).RowId)];
    }

    private string Rows(int count) =>
        _folder.Save("x.jsonl", string.Concat(Enumerable.Range(0, count).Select(i => $"{{\"question\":\"q{i}\",\"answer\":\"r\"}}\n")));
}
