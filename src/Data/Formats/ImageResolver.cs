using System.Buffers;
using System.Text.Json;
using Lorikeet.Data.Sources;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Turns what a row says about a picture into an <see cref="ImageSource"/>: a path (also as <c>file:</c> URI), base64 (plain, or as a
/// <c>data:</c> URI), bytes of a binary column, or an object with <c>bytes</c>, <c>base64</c>, <c>path</c> or <c>url</c>.
/// Relative paths count from the image root and may not leave it, so that a data set from elsewhere cannot reach files that its user
/// did not mean; an absolute path is taken as written. Nothing is fetched from the network.
/// </summary>
internal sealed class ImageResolver
{
    // How PNG, JPEG, GIF, WebP (RIFF), TIFF (both orders) and BMP begin in base64.
    private static readonly string[] PictureStarts = ["iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "SUkqA", "TU0AK", "Qk"];
    private static readonly SearchValues<char> NotBase64 = SearchValues.Create(
        [.. Enumerable.Range(0, 128).Select(c => (char)c).Where(c => !char.IsAsciiLetterOrDigit(c) && c is not ('+' or '/' or '=' or '\n' or '\r'))]);

    private const string Picture = "picture";

    private readonly string _root;
    private readonly string _dataDirectory;

    /// <param name="imageRoot">Folder that relative paths count from; null for the data's own.</param>
    /// <param name="dataDirectory">Folder of the data.</param>
    public ImageResolver(string? imageRoot, string dataDirectory)
    {
        _dataDirectory = Path.GetFullPath(dataDirectory);
        _root = imageRoot is null ? _dataDirectory : Path.TrimEndingDirectorySeparator(Path.GetFullPath(imageRoot));
        if (!Directory.Exists(_root))
        {
            throw new InvalidDataException($"{imageRoot}: the image root (data.image_root) is no directory; expected the folder that picture paths are relative to.");
        }
    }

    /// <summary>Resolves the value of a key.</summary>
    public ImageSource Resolve(JsonElement value, string key, Row row)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return FromText(RowObject.TextOf(value, key, row.Origin), key, row);
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            var picture = new RowObject(value, row.Origin, key + ".");
            foreach (string encoded in new[] { "bytes", "base64" })
            {
                if (picture.TryText(encoded) is { } base64)
                {
                    return FromBase64(base64, $"{key}.{encoded}", row);
                }
            }

            foreach (string place in new[] { "path", "url", "image" })
            {
                if (picture.TryText(place) is { } text)
                {
                    return FromText(text, $"{key}.{place}", row);
                }
            }
        }

        throw Bad(row.Origin, key, $"is {RowObject.Found(value)}; expected a path, a data: URI, or an object with 'path' or 'bytes'");
    }

    private ImageSource FromText(string text, string key, Row row)
    {
        string origin = row.Origin;
        if (row.FindBlob(text) is not null || IsBase64(text))
        {
            return FromBase64(text, key, row);
        }

        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            int comma = text.IndexOf(',', StringComparison.Ordinal);
            return comma >= 0 && text.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase)
                ? FromBase64(text[(comma + 1)..], key, row)
                : throw Bad(origin, key, "is a data: URI without base64; expected data:image/...;base64,...");
        }

        return FromPath(text, key, origin);
    }

    /// <summary>The absolute path of a file, or of a folder, that a row names.</summary>
    /// <param name="text">A path, or a <c>file:</c> URI.</param>
    /// <param name="key">Where it stands.</param>
    /// <param name="origin">Place of the row.</param>
    /// <param name="noun">What it is, for messages: picture, video.</param>
    /// <exception cref="InvalidDataException">It is an address, leaves the image root, or does not exist.</exception>
    public string ResolvePath(string text, string key, string origin, string noun)
    {
        if (text.Length == 0)
        {
            throw Bad(origin, key, $"is empty; expected the path of a {noun}");
        }

        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            throw Bad(origin, key, $"is the address {Short(text)}; {noun}s are not fetched from the network. Download it and give the path");
        }

        if (text.StartsWith("file://", StringComparison.OrdinalIgnoreCase))
        {
            text = Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) ? uri.LocalPath : text[7..];
        }

        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw Bad(origin, key, $"holds a zero character; expected the path of a {noun}");
        }

        string path = Path.GetFullPath(text, _root);
        if (!Path.IsPathRooted(text) && !Within(path, _root))
        {
            throw Bad(origin, key, $"is '{Short(text)}', which leaves the image root {_root}. Move the {noun}, set data.image_root, or write an absolute path");
        }

        return File.Exists(path) || (noun != Picture && Directory.Exists(path))
            ? path
            : throw Bad(origin, key, $"is '{Short(text)}', but {Short(path)} does not exist. {Hint(text)}", RowFault.MissingImage);
    }

    private ImageSource FromPath(string text, string key, string origin) => ImageSource.FromFile(ResolvePath(text, key, origin, Picture), $"{origin}: key '{key}'");

    /// <summary>A picture given as base64, or as a binary value of the row.</summary>
    public static ImageSource FromBase64(string text, string key, Row row)
    {
        string name = $"{row.Origin}: key '{key}'";
        if (row.FindBlob(text) is { } blob)
        {
            return blob.Length > 0 ? ImageSource.FromBytes(blob, name) : throw Bad(row.Origin, key, "is empty (0 bytes); expected a picture");
        }

        byte[] bytes = new byte[(text.Length / 4 * 3) + 3];
        return Convert.TryFromBase64String(text, bytes, out int written) && written > 0
            ? ImageSource.FromBytes(bytes[..written], name)
            : throw Bad(row.Origin, key, $"is not valid base64 ({text.Length} characters, beginning '{Short(text, 20)}')");
    }

    /// <summary>
    /// Whether a text without <c>data:</c> is the base64 of a picture. It must begin as a picture does and hold nothing that base64 does
    /// not; a path that looks like that and names a file is a path.
    /// </summary>
    private bool IsBase64(string text)
    {
        const int ShortestPicture = 32, LongestPath = 4096;
        return text.Length >= ShortestPicture && PictureStarts.Any(start => text.StartsWith(start, StringComparison.Ordinal))
            && !text.AsSpan().ContainsAny(NotBase64) && !text.AsSpan().ContainsAnyExceptInRange('\0', '\u007F')
            && (text.Length >= LongestPath || !File.Exists(Path.GetFullPath(text, _root)));
    }

    private string Hint(string text)
    {
        string besideData = Path.GetFullPath(text, _dataDirectory);
        if (besideData != Path.GetFullPath(text, _root) && Within(besideData, _dataDirectory) && File.Exists(besideData))
        {
            return $"It exists in the folder of the data file: set data.image_root to {_dataDirectory}";
        }

        // The first folder of the path is often named a second time in the image root.
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && Path.GetFileName(_root) == text[..slash] && File.Exists(Path.GetFullPath(text[(slash + 1)..], _root)))
        {
            return $"The path repeats the last folder of the image root: set data.image_root to {Path.GetDirectoryName(_root)}";
        }

        return text.Contains('\\', StringComparison.Ordinal) && !OperatingSystem.IsWindows() ? "Write paths with forward slashes"
            : text.Length > 300 && !text.AsSpan().ContainsAny(" .") ? "It looks like base64: write it as data:image/png;base64,..."
            : "Check the path and data.image_root";
    }

    private static bool Within(string path, string root) =>
        path.StartsWith(root.EndsWith(Path.DirectorySeparatorChar) ? root : root + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    private static string Short(string text, int length = 200) => text.Length <= length ? text : text[..length] + "...";

    private static InvalidDataException Bad(string origin, string key, string what, RowFault fault = RowFault.ImageReference) =>
        new InvalidDataException($"{origin}: key '{key}' {what}.").As(fault);
}
