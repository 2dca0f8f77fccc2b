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
    public void The_fingerprint_follows_content_and_selection_and_not_the_place()
    {
        string path = Rows(500);
        string all = Fingerprint(new DatasetOptions { Path = path });
        string copy = _folder.Save("copy/y.jsonl", File.ReadAllBytes(path));
        Assert.Equal(all, Fingerprint(new DatasetOptions { Path = copy }));
        Assert.NotEqual(all, Fingerprint(new DatasetOptions { Path = path, MaxSamples = 499 }));
        Assert.NotEqual(all, Fingerprint(new DatasetOptions { Path = path, Prompt = "other" }));
        File.WriteAllText(copy, File.ReadAllText(copy).Replace("q250", "q25x", StringComparison.Ordinal));
        Assert.NotEqual(all, Fingerprint(new DatasetOptions { Path = copy }));
        File.AppendAllText(path, "\n");
        Assert.NotEqual(all, Fingerprint(new DatasetOptions { Path = path }));
    }

    [Fact]
    public void Several_threads_may_read_at_once()
    {
        string path = Rows(2_000);
        using Dataset data = Dataset.Open(new DatasetOptions { Path = path });
        using var prefetcher = new Prefetcher<Sample>(0, data.Count, (i, _) => data.Read(i), capacity: 16, workers: 4);
        for (int i = 0; i < data.Count; i++)
        {
            Assert.True(prefetcher.TryTake(out Sample sample));
            Assert.Equal($"q{i}", sample.Messages[0].PlainText);
        }
    }

    [Fact]
    public void Unusable_options_are_refused()
    {
        string path = Rows(3);
        Assert.Equal("data.format 'parquet' is not known; expected auto or one of messages, sharegpt, the_cauldron, preference, prompt_completion, alpaca, qa, caption, task, image_text.",
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

    private static string Fingerprint(DatasetOptions options)
    {
        using Dataset data = Dataset.Open(options);
        return data.Fingerprint;
    }

    private static long[] Ids(DatasetOptions options)
    {
        using Dataset data = Dataset.Open(options);
        return [.. Enumerable.Range(0, (int)data.Count).Select(i => data.Read(i).RowId)];
    }

    private string Rows(int count) =>
        _folder.Save("x.jsonl", string.Concat(Enumerable.Range(0, count).Select(i => $"{{\"question\":\"q{i}\",\"answer\":\"r\"}}\n")));
}
