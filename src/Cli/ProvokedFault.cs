using System.Diagnostics;
using System.Globalization;
using Lorikeet.Training;

namespace Lorikeet.Cli;

/// <summary>
/// A fault on request, for tests of what a crash or a full disk leaves behind: LORIKEET_FAULT=kill@mid-file:3 ends the process without
/// any warning the third time it is in the middle of a checkpoint's file; full@... fails there as a full disk does.
/// </summary>
internal static class ProvokedFault
{
    /// <summary>Name of the environment variable.</summary>
    public const string Variable = "LORIKEET_FAULT";

    /// <summary>What to call at every point, or null without a request.</summary>
    /// <exception cref="InvalidDataException">The request is none.</exception>
    public static Action<WritePoint>? Parse(string? request)
    {
        if (request is null)
        {
            return null;
        }

        string[] parts = request.Split('@', ':');
        if (parts.Length != 3 || parts[0] is not ("kill" or "full") || !Names.TryGetValue(parts[1], out WritePoint at)
            || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out int times) || times < 1)
        {
            throw new InvalidDataException($"{Variable}={request}: expected kill@POINT:N or full@POINT:N with a POINT of {string.Join(", ", Names.Keys)} and N from 1");
        }

        bool kills = parts[0] == "kill";
        return point =>
        {
            if (point == at && --times == 0)
            {
                Fail(kills);
            }
        };
    }

    private static Dictionary<string, WritePoint> Names { get; } =
        Enum.GetValues<WritePoint>().ToDictionary(NameOf, point => point, StringComparer.Ordinal);

    // MidFile is mid-file.
    private static string NameOf(WritePoint point) =>
        string.Concat(point.ToString().Select((c, i) => (char.IsAsciiLetterUpper(c) && i > 0 ? "-" : "") + char.ToLowerInvariant(c)));

    private static void Fail(bool kills)
    {
        if (!kills)
        {
            throw new IOException("No space left on device (provoked)");
        }

        using var self = Process.GetCurrentProcess();
        self.Kill();
        self.WaitForExit();
    }
}
