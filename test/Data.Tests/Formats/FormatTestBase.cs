using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Tests.Formats;

/// <summary>A folder with a data file and pictures a.png, b.png, c.png, and conversations written as one line of text.</summary>
public abstract class FormatTestBase : IDisposable
{
    protected FormatTestBase()
    {
        foreach (string name in new[] { "a.png", "b.png", "c.png", "images/d.png" })
        {
            Folder.Save(name, name);
        }
    }

    private protected TemporaryDirectory Folder { get; } = new();

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Reads the first sample of a file with one row.</summary>
    protected Sample ReadRow(string json, string format = "auto", string name = "x.jsonl")
    {
        using Dataset data = Dataset.Open(new DatasetOptions { Path = Folder.Save(name, json + "\n"), Format = format, Prompt = "What?" });
        return data.Read(0);
    }

    /// <summary>Roles and contents, with pictures by file name in the order of the sample's pictures.</summary>
    protected string Show(Sample sample)
    {
        var images = new Queue<ImageSource>(sample.Images);
        string text = string.Join(" | ", sample.Messages.Select(m => m.Role + ": " + (m.PlainText ?? string.Concat((m.Parts ?? []).Select(p => p switch
        {
            TextPart t => "'" + t.Text + "'",
            ImagePart => "[" + Path.GetRelativePath(Folder.Path, images.Dequeue().FilePath ?? Folder.At("bytes")) + "]",
            _ => "?",
        })))));
        Assert.Empty(images);
        return text.Replace("\n", "\\n", StringComparison.Ordinal);
    }

    /// <summary>Asserts that the row is refused with a message that begins with the file's place.</summary>
    protected void Refused(string json, string expected, string format = "auto")
    {
        var error = Assert.Throws<InvalidDataException>(() => ReadRow(json, format));
        Assert.Equal(Folder.At("x.jsonl") + ":1: " + expected.Replace("ROOT", Folder.Path, StringComparison.Ordinal), error.Message);
    }
}
