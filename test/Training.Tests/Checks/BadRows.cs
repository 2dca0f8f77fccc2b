using System.Text.Json;
using Lorikeet.Data;
using Lorikeet.Models;
using Lorikeet.Testing;
using Lorikeet.Training.Batching;
using Lorikeet.Training.Checks;

namespace Lorikeet.Training.Tests.Checks;

/// <summary>A folder with pictures, good and bad, and rows that a test writes.</summary>
internal sealed class BadRows : IDisposable
{
    public static readonly Processor Processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(Golden.Path("models", "smolvlm")));

    public BadRows()
    {
        Folder = Directory.CreateTempSubdirectory("lorikeet-rows-").FullName;
        foreach (string name in new[] { "landscape.png", "square.png", "photo.jpg" })
        {
            File.Copy(Golden.Path("cases", "images", name), At(name));
        }

        byte[] photo = File.ReadAllBytes(At("photo.jpg")), square = File.ReadAllBytes(At("square.png"));
        File.WriteAllBytes(At("cut.jpg"), photo[..(photo.Length / 2)]);
        File.WriteAllBytes(At("cut.png"), square[..(square.Length / 2)]);
        File.WriteAllText(At("text.png"), "not a picture");
        File.WriteAllBytes(At("empty.png"), []);
        File.WriteAllBytes(At("one.png"), Png(1, 1));
        File.WriteAllBytes(At("blank.png"), Imaging.ImageEncoder.EncodePng(new Imaging.Image(40, 30, Imaging.PixelMode.RGB, [.. Enumerable.Range(0, 40 * 30 * 3).Select(i => (byte)(i % 3))])));
        File.WriteAllBytes(At("strip.png"), Png(900, 9));
    }

    public string Folder { get; }

    public string At(string name) => Path.Combine(Folder, name);

    public static string Row(string image, string question, string answer) => JsonSerializer.Serialize(new { image, question, answer });

    public static string Chat(string[] images, params (string Role, string Content)[] messages) =>
        JsonSerializer.Serialize(new { images, messages = messages.Select(m => new { role = m.Role, content = m.Content }) });

    public string Write(string file, params string[] rows)
    {
        File.WriteAllLines(At(file), rows);
        return At(file);
    }

    /// <summary>The verdicts on rows of one file.</summary>
    public List<SampleVerdict> Judge(PictureReading reading, int? maxLength, params string[] rows)
    {
        using Dataset data = Dataset.Open(new DatasetOptions { Path = Write("rows.jsonl", rows) });
        SampleCheck check = new SampleLoader(data, Processor, new SampleOptions { MaxLength = maxLength }).Checker();
        return [.. Enumerable.Range(0, (int)data.Count).Select(i => check.Judge(i, reading))];
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static byte[] Png(int width, int height) =>
        Imaging.ImageEncoder.EncodePng(new Imaging.Image(width, height, Imaging.PixelMode.RGB, [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(i * 7))]));
}
