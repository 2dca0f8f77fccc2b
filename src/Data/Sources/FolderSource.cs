using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Lorikeet.Data.Sources;

/// <summary>
/// A directory of pictures, each with its caption in a text file of the same name; or, where no picture has one, with the name of its
/// folder as its answer (one folder per class). A row is <c>{"image": path, "caption": text}</c>.
/// </summary>
internal sealed class FolderSource : IRowSource
{
    private const int MaxCaptionBytes = 1 << 20;

    private readonly string[] _pictures;
    private readonly bool _hasCaptions;

    private FolderSource(string path, string[] pictures, bool hasCaptions)
    {
        Path = path;
        _pictures = pictures;
        _hasCaptions = hasCaptions;
        Notes = hasCaptions ? [] : [$"{path}: no picture has a text file, so the name of its folder is its answer: " + string.Join(", ", pictures.GroupBy(Label)
            .OrderBy(g => g.Key, StringComparer.Ordinal).Take(20).Select(g => FormattableString.Invariant($"{g.Key} ({g.Count()})"))) + "."];
    }

    public string Path { get; }

    public string Folder => System.IO.Path.GetFullPath(Path);

    public long Count => _pictures.Length;

    public IReadOnlyList<string> Notes { get; }

    /// <summary>Whether any picture among the files has a text file beside it.</summary>
    public static bool HasCaptions(IReadOnlyCollection<string> files)
    {
        var names = files.ToHashSet(StringComparer.Ordinal);
        return files.Any(f => IsPicture(f) && names.Contains(CaptionOf(f)));
    }

    /// <summary>Lists a directory.</summary>
    /// <exception cref="InvalidDataException">It has no pictures, or some pictures have a text and others none.</exception>
    public static FolderSource Open(string path)
    {
        string[] all = [.. SourceFiles.All(path)];
        string[] pictures = [.. all.Where(IsPicture)];
        if (pictures.Length == 0)
        {
            throw new InvalidDataException($"{path}: the directory holds no data: expected .parquet, .jsonl, .json, .csv or .tsv files, pictures with a metadata.jsonl or metadata.csv, or pictures with .txt files of the same names.");
        }

        bool hasCaptions = HasCaptions(all);
        if (hasCaptions)
        {
            RequirePairs(path, all, pictures);
        }
        else if (pictures.FirstOrDefault(p => System.IO.Path.GetDirectoryName(System.IO.Path.GetRelativePath(path, p)) is "") is { } loose)
        {
            throw new InvalidDataException($"{loose}: the picture has no caption: expected {CaptionOf(loose)}, a metadata.jsonl or metadata.csv in {path}, or a folder per class.");
        }

        return new FolderSource(path, pictures, hasCaptions);
    }

    public Row Read(long index)
    {
        string picture = _pictures[index];
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("image", System.IO.Path.GetFullPath(picture));
            json.WriteString("caption", _hasCaptions ? Caption(CaptionOf(picture)) : Label(picture));
            json.WriteEndObject();
        }

        return new Row(JsonElement.Parse(buffer.WrittenSpan), index, Describe(index));
    }

    public string Describe(long index) => _hasCaptions ? CaptionOf(_pictures[index]) : _pictures[index];

    /// <summary>Adds names and lengths of all files, and 64 of the captions.</summary>
    public void AddTo(IncrementalHash hash)
    {
        int step = Math.Max(1, _pictures.Length / 64);
        for (int i = 0; i < _pictures.Length; i++)
        {
            string relative = System.IO.Path.GetRelativePath(Path, _pictures[i]);
            long caption = _hasCaptions ? new FileInfo(CaptionOf(_pictures[i])).Length : 0;
            hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{relative} {new FileInfo(_pictures[i]).Length} {caption}\n")));
            if (_hasCaptions && i % step == 0)
            {
                hash.AppendData(Encoding.UTF8.GetBytes(Caption(CaptionOf(_pictures[i]))));
            }
        }
    }

    public void Dispose()
    {
    }

    private static bool IsPicture(string file) => ImageSource.IsPictureName(file);

    private static string CaptionOf(string picture) => System.IO.Path.ChangeExtension(picture, ".txt");

    private static string Label(string picture) => System.IO.Path.GetFileName(System.IO.Path.GetDirectoryName(picture))!;

    private static void RequirePairs(string path, string[] all, string[] pictures)
    {
        var names = all.ToHashSet(StringComparer.Ordinal);
        string[] without = [.. pictures.Where(p => !names.Contains(CaptionOf(p)))];
        if (without.Length > 0)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{path}: {without.Length} of {pictures.Length} pictures have no text file; the first is {without[0]}, which needs {CaptionOf(without[0])}. Write the missing captions, or move these pictures away."));
        }

        if (pictures.GroupBy(CaptionOf).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidDataException($"{twice.Key}: belongs to several pictures ({string.Join(", ", twice)}); expected one picture per text file.");
        }
    }

    private static string Caption(string path)
    {
        byte[] bytes;
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > MaxCaptionBytes)
            {
                throw new InvalidDataException(FormattableString.Invariant($"{path}: the caption has {stream.Length} bytes; expected at most {MaxCaptionBytes}."));
            }

            bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: the caption cannot be read: {error.Message}", error);
        }

        return Utf8.IsValid(bytes)
            ? Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF').Trim()
            : throw new InvalidDataException($"{path}: the caption is not valid UTF-8. Save the file as UTF-8.");
    }
}
