using System.Globalization;

namespace Lorikeet.Cli.Terminal;

/// <summary>Numbers as people read them.</summary>
internal static class Words
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>A size, such as 1.2 GiB.</summary>
    public static string Bytes(long bytes)
    {
        double size = bytes;
        int unit = 0;
        for (; Math.Abs(size) >= 1024 && unit < Units.Length - 1; unit++)
        {
            size /= 1024;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{(unit == 0 || size >= 100 ? Math.Round(size) : Math.Round(size, 1))} {Units[unit]}");
    }

    /// <summary>A duration, such as 4.2 s, 3:05 or 1:02:03.</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 10 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalSeconds: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s"),
        { TotalHours: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:00}"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}"),
    };

    /// <summary>A count with separators, such as 1,234,567.</summary>
    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A loss or norm with four significant decimals.</summary>
    public static string Number(double value) => Math.Abs(value) is >= 1e-3 and < 1e5 or 0
        ? value.ToString("0.0000", CultureInfo.InvariantCulture) : value.ToString("0.000e+00", CultureInfo.InvariantCulture);

    /// <summary>A word of a command that the user may type into a shell: quoted where it needs to be.</summary>
    public static string ShellWord(string word) =>
        word.Length > 0 && word.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/' or '=' or ':' or ',' or '+' or '@' or '%')
            ? word : "'" + word.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}
