using System.Text.Json;

namespace Lorikeet.Data.Formats;

/// <summary>
/// Turns what a row says about a picture into an <see cref="ImageSource"/>: a path (also as <c>file:</c> URI), a <c>data:</c> URI with
/// base64, or an object with <c>path</c>, <c>bytes</c> (base64), <c>base64</c> or <c>url</c>.
/// Relative paths count from the image root and may not leave it, so that a data set from elsewhere cannot reach files that its user
/// did not mean; an absolute path is taken as written. Nothing is fetched from the network.
/// </summary>
internal sealed class ImageResolver
{
    private readonly string _root;
    private readonly string _dataDirectory;

    /// <param name="imageRoot">Folder that relative paths count from; null for the data file's own.</param>
    /// <param name="dataFile">The data file.</param>
    public ImageResolver(string? imageRoot, string dataFile)
    {
        _dataDirectory = Path.GetDirectoryName(Path.GetFullPath(dataFile))!;
        _root = imageRoot is null ? _dataDirectory : Path.TrimEndingDirectorySeparator(Path.GetFullPath(imageRoot));
        if (!Directory.Exists(_root))
        {
            throw new InvalidDataException($"{imageRoot}: the image root (data.image_root) is no directory; expected the folder that picture paths are relative to.");
        }
    }

    /// <summary>Resolves the value of a key.</summary>
    public ImageSource Resolve(JsonElement value, string key, string origin)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return FromText(RowObject.TextOf(value, key, origin), key, origin);
        }

        if (value.ValueKind == JsonValueKind.Object)
        {
            var picture = new RowObject(value, origin, key + ".");
            foreach (string encoded in new[] { "bytes", "base64" })
            {
                if (picture.TryText(encoded) is { } base64)
                {
                    return FromBase64(base64, $"{key}.{encoded}", origin);
                }
            }

            foreach (string place in new[] { "path", "url", "image" })
            {
                if (picture.TryText(place) is { } text)
                {
                    return FromText(text, $"{key}.{place}", origin);
                }
            }
        }

        throw Bad(origin, key, $"is {RowObject.Found(value)}; expected a path, a data: URI, or an object with 'path' or 'bytes'");
    }

    private ImageSource FromText(string text, string key, string origin)
    {
        if (text.Length == 0)
        {
            throw Bad(origin, key, "is empty; expected the path of a picture");
        }

        if (text.StartsWith("data:", StringComparison.OrdinalIgnoreCase))
        {
            int comma = text.IndexOf(',', StringComparison.Ordinal);
            return comma >= 0 && text.AsSpan(0, comma).EndsWith(";base64", StringComparison.OrdinalIgnoreCase)
                ? FromBase64(text[(comma + 1)..], key, origin)
                : throw Bad(origin, key, "is a data: URI without base64; expected data:image/...;base64,...");
        }

        if (text.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || text.StartsWith("https://", StringComparison.OrdinalIgnoreCase))
        {
            throw Bad(origin, key, $"is the address {Short(text)}; pictures are not fetched from the network. Download it and give the path");
        }

        if (text.StartsWith("file://", StringComparison.OrdinalIgnoreCase))
        {
            text = Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) ? uri.LocalPath : text[7..];
        }

        return FromPath(text, key, origin);
    }

    private ImageSource FromPath(string text, string key, string origin)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw Bad(origin, key, "holds a zero character; expected the path of a picture");
        }

        string path = Path.GetFullPath(text, _root);
        if (!Path.IsPathRooted(text) && !Within(path, _root))
        {
            throw Bad(origin, key, $"is '{Short(text)}', which leaves the image root {_root}. Move the picture, set data.image_root, or write an absolute path");
        }

        return File.Exists(path)
            ? ImageSource.FromFile(path, $"{origin}: key '{key}'")
            : throw Bad(origin, key, $"is '{Short(text)}', but {Short(path)} does not exist. {Hint(text)}", RowFault.MissingImage);
    }

    public static ImageSource FromBase64(string text, string key, string origin)
    {
        byte[] bytes = new byte[(text.Length / 4 * 3) + 3];
        return Convert.TryFromBase64String(text, bytes, out int written) && written > 0
            ? ImageSource.FromBytes(bytes[..written], $"{origin}: key '{key}'")
            : throw Bad(origin, key, $"is not valid base64 ({text.Length} characters, beginning '{Short(text, 20)}')");
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
