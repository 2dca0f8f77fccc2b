using System.Globalization;
using System.Text;

namespace Lorikeet.Hub;

/// <summary>Whether a name that a server gave may become a path on this machine.</summary>
internal static class SafePath
{
    private const int MaxPath = 1024;
    private const int MaxSegmentBytes = 200;

    /// <summary>Why a path could lead elsewhere than below its directory, or fool a terminal; null if it can't. A server that sends one is not to be trusted.</summary>
    public static string? Danger(string path)
    {
        if (path.Contains('\\', StringComparison.Ordinal))
        {
            return "has a backslash";
        }

        if (path.Any(char.IsControl) || HasLoneSurrogate(path))
        {
            return "has control characters";
        }

        return path.Split('/').Select(part => part switch
        {
            "" => "is absolute or has an empty part",
            "." or ".." => $"has the part '{part}'",
            _ => null,
        }).FirstOrDefault(danger => danger is not null);
    }

    /// <summary>Why a harmless path is still not used: it is left out. Null if it is used.</summary>
    public static string? Oddity(string path)
    {
        string[] parts = path.Split('/');
        return path.Length > MaxPath || parts.Any(part => Encoding.UTF8.GetByteCount(part) > MaxSegmentBytes) ? "its name is too long"
            : path.Any(c => !SafeText.IsTame(c)) ? "its name has invisible characters"
            : parts[0] is ".cache" or ".git" ? string.Create(CultureInfo.InvariantCulture, $"{parts[0]} is where programs keep their own records")
            : null;
    }

    /// <summary>True if a blob of this name may be stored: what an ETag may look like.</summary>
    public static bool IsBlobName(string name) => name.Length is > 0 and <= 128 && name[0] != '.' && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.');

    private static bool HasLoneSurrogate(string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
            }
            else if (char.IsSurrogate(text[i]))
            {
                return true;
            }
        }

        return false;
    }
}
