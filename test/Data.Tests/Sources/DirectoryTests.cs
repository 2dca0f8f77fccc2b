using Lorikeet.Data.Sources;

namespace Lorikeet.Data.Tests.Sources;

public sealed class DirectoryTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Pictures_with_texts_of_the_same_name_are_captions()
    {
        foreach (string name in new[] { "b", "sub/c", "a" })
        {
            _directory.Save($"d/{name}.JPG", "x");
            _directory.Save($"d/{name}.txt", $"\uFEFF A caption of {name}.\r\n");
        }

        _directory.Save("d/.hidden.png", "x");
        using Dataset data = Open("d");
        Assert.Equal((3, "caption"), (data.Count, data.FormatName));
        Assert.Equal(["A caption of a.", "A caption of b.", "A caption of sub/c."], Enumerable.Range(0, 3).Select(i => data.Read(i).Messages[1].AllText));
        Assert.Equal("What?", data.Read(0).Messages[0].AllText);
        Assert.Equal(_directory.At("d/sub/c.JPG"), data.Read(2).Images[0].FilePath);
        Assert.Equal(_directory.At("d/sub/c.txt"), data.Describe(2));
        string before = data.Fingerprint;
        _directory.Save("d/a.txt", "A caption of q.");
        using Dataset changed = Open("d");
        Assert.NotEqual(before, changed.Fingerprint);
    }

    [Fact]
    public void Pictures_without_texts_are_answered_by_their_folder()
    {
        _directory.Save("d/cat/1.png", "x");
        _directory.Save("d/cat/2.png", "x");
        _directory.Save("d/dog/1.webp", "x");
        using Dataset data = Open("d");
        Assert.Equal(["cat", "cat", "dog"], Enumerable.Range(0, 3).Select(i => data.Read(i).Messages[1].AllText));
        Assert.Equal([$"{_directory.At("d")}: no picture has a text file, so the name of its folder is its answer: cat (2), dog (1)."], data.Notes);
    }

    [Theory]
    [InlineData("d/a.png d/a.txt d/b.png", "DIR/d: 1 of 2 pictures have no text file; the first is DIR/d/b.png, which needs DIR/d/b.txt. Write the missing captions, or move these pictures away.")]
    [InlineData("d/a.png d/a.jpg d/a.txt", "DIR/d/a.txt: belongs to several pictures (DIR/d/a.jpg, DIR/d/a.png); expected one picture per text file.")]
    [InlineData("d/a.png d/c/b.png", "DIR/d/a.png: the picture has no caption: expected DIR/d/a.txt, a metadata.jsonl or metadata.csv in DIR/d, or a folder per class.")]
    [InlineData("d/readme.md", "DIR/d: the directory holds no data: expected .parquet, .jsonl, .json, .csv or .tsv files, pictures with a metadata.jsonl or metadata.csv, or pictures with .txt files of the same names.")]
    public void Directories_that_leave_a_question_are_refused(string files, string expected)
    {
        foreach (string file in files.Split(' '))
        {
            _directory.Save(file, "x");
        }

        var error = Assert.Throws<InvalidDataException>(() => Open("d"));
        Assert.Equal(expected.Replace("DIR", _directory.Path, StringComparison.Ordinal), error.Message);
    }

    [Theory]
    [InlineData("metadata.jsonl", """{"file_name": "images/001.png", "text": "A dog."}""")]
    [InlineData("metadata.csv", "file_name,text\nimages/001.png,A dog.")]
    [InlineData("metadata.jsonl", """{"image": "images/001.png", "text": "A dog."}""")]
    public void A_metadata_file_describes_the_pictures_beside_it(string name, string content)
    {
        _directory.Save("d/train/images/001.png", "x");
        _directory.Save("d/train/" + name, content + "\n");
        _directory.Save("d/test/" + name, content.Replace("dog", "cat", StringComparison.Ordinal) + "\n");
        _directory.Save("d/test/images/001.png", "x");
        using Dataset train = Open("d");
        Assert.Equal("A dog.", train.Read(0).Messages[1].AllText);
        Assert.Equal(_directory.At("d/train/images/001.png"), train.Read(0).Images[0].FilePath);
        Assert.Equal([$"{_directory.At("d")}: 1 file(s) of the split train are read, 1 of other splits (test) are not."], train.Notes);
        using Dataset test = Open("d", "test[:100%]");
        Assert.Equal("A cat.", test.Read(0).Messages[1].AllText);
        var error = Assert.Throws<InvalidDataException>(() => Open("d", "validation"));
        Assert.Equal($"{_directory.At("d")}: has no files of the split 'validation'; it has test, train. Choose one as the split (data.train_split, or split of a source), for example test[:10%].", error.Message);
    }

    [Theory]
    [InlineData("part-0.jsonl part-1.jsonl", null, 6)]
    [InlineData("data/train-00000-of-00002.jsonl data/train-00001-of-00002.jsonl data/test-00000-of-00001.jsonl", null, 6)]
    [InlineData("data/train-00000-of-00002.jsonl data/train-00001-of-00002.jsonl data/test-00000-of-00001.jsonl", "test[:2]", 2)]
    [InlineData("val.jsonl", null, 3)]
    [InlineData("val.jsonl train_1.jsonl train_2.jsonl dataset_info.json", "train", 6)]
    [InlineData("train_sft-00000-of-00001.jsonl train_prefs-00000-of-00001.jsonl", "train_sft", 3)]
    [InlineData("dev/a.jsonl training/a.jsonl", "validation", 3)]
    public void Files_of_a_directory_count_as_one_and_names_tell_the_split(string files, string? split, int rows)
    {
        foreach (string file in files.Split(' '))
        {
            _directory.Save("d/" + file, string.Concat(Enumerable.Range(0, 3).Select(i => $$"""{"question":"q","answer":"{{file}} {{i}}"}""" + "\n")));
        }

        using Dataset data = Open("d", split);
        Assert.Equal(rows, data.Count);
        string last = data.Read(rows - 1).Messages[1].AllText;
        Assert.EndsWith(FormattableString.Invariant($"{(rows == 2 ? 1 : 2)}"), last, StringComparison.Ordinal);
        Assert.Equal(_directory.At("d/" + last.Split(' ')[0]) + ":" + (last[^1] - '0' + 1), data.Describe(rows - 1));
        Assert.Equal(rows - 1, data.Read(rows - 1).RowId);
    }

    [Theory]
    [InlineData("*.jsonl", 6)]
    [InlineData("part-[0].jsonl", 3)]
    [InlineData("part-[!0].jsonl", 3)]
    [InlineData("part-?.jsonl", 6)]
    [InlineData("**/*.jsonl", 9)]
    [InlineData("*/part-*", 3)]
    public void Patterns_choose_files(string pattern, int rows)
    {
        foreach (string file in new[] { "part-0.jsonl", "part-1.jsonl", "deep/part-2.jsonl", "part-3.txt" })
        {
            _directory.Save(file, string.Concat(Enumerable.Repeat("{\"question\":\"q\",\"answer\":\"a\"}\n", 3)));
        }

        using Dataset data = Open(pattern);
        Assert.Equal(rows, data.Count);
    }

    [Fact]
    public void A_pattern_without_files_and_a_mixture_of_kinds_are_refused()
    {
        Assert.Equal($"{_directory.At("x-*.jsonl")}: no file matches the pattern; check the path (data.train, data.eval).", Assert.Throws<InvalidDataException>(() => Open("x-*.jsonl")).Message);
        _directory.Save("a.parquet", "x");
        _directory.Save("b.jsonl", "{}");
        Assert.Contains("holds Parquet files and others", Assert.Throws<InvalidDataException>(() => RowSources.Open(_directory.At("?.*"))).Message, StringComparison.Ordinal);
    }

    private Dataset Open(string name, string? split = null) => Dataset.Open(new DatasetOptions { Path = _directory.At(name), Split = split, Prompt = "What?" });
}
