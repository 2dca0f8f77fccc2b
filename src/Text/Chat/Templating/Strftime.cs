using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>C's strftime in the C locale.</summary>
internal static class Strftime
{
    public static string Format(DateTimeOffset time, string format, Budget budget)
    {
        var builder = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                builder.Append(format[i]);
                continue;
            }

            var unpadded = format[i + 1] == '-' && i + 2 < format.Length;
            i += unpadded ? 2 : 1;
            var text = Field(time, format[i]) ?? throw Fail.Value($"Invalid format string: %{format[i]}");
            builder.Append(unpadded && text.Length > 1 ? text.TrimStart('0', ' ') is { Length: > 0 } trimmed ? trimmed : "0" : text);
            budget.Text(builder.Length > budget.MaxLength ? builder.Length : 1);
        }

        return builder.ToString();
    }

    private static string? Field(DateTimeOffset t, char code)
    {
        string As(string format) => t.ToString(format, CultureInfo.InvariantCulture);
        string Number(int n, int width) => n.ToString("D" + width, CultureInfo.InvariantCulture);
        var hour12 = (t.Hour + 11) % 12 + 1;
        return code switch
        {
            'a' => As("ddd"),
            'A' => As("dddd"),
            'b' or 'h' => As("MMM"),
            'B' => As("MMMM"),
            'c' => As("ddd MMM ") + t.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2) + As(" HH:mm:ss yyyy"),
            'C' => Number(t.Year / 100, 2),
            'd' => As("dd"),
            'D' or 'x' => As("MM/dd/yy"),
            'e' => t.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'f' => As("ffffff"),
            'F' => As("yyyy-MM-dd"),
            'g' => Number(ISOWeek.GetYear(t.DateTime) % 100, 2),
            'G' => Number(ISOWeek.GetYear(t.DateTime), 4),
            'H' => As("HH"),
            'I' => Number(hour12, 2),
            'j' => Number(t.DayOfYear, 3),
            'k' => t.Hour.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'l' => hour12.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'm' => As("MM"),
            'M' => As("mm"),
            'n' => "\n",
            'p' => t.Hour < 12 ? "AM" : "PM",
            'P' => t.Hour < 12 ? "am" : "pm",
            'r' => Number(hour12, 2) + As(":mm:ss ") + (t.Hour < 12 ? "AM" : "PM"),
            'R' => As("HH:mm"),
            's' => t.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'S' => As("ss"),
            't' => "\t",
            'T' or 'X' => As("HH:mm:ss"),
            'u' => Number(((int)t.DayOfWeek + 6) % 7 + 1, 1),
            'U' => Number((t.DayOfYear + 6 - (int)t.DayOfWeek) / 7, 2),
            'V' => Number(ISOWeek.GetWeekOfYear(t.DateTime), 2),
            'w' => Number((int)t.DayOfWeek, 1),
            'W' => Number((t.DayOfYear + 6 - ((int)t.DayOfWeek + 6) % 7) / 7, 2),
            'y' => As("yy"),
            'Y' => t.Year.ToString(CultureInfo.InvariantCulture),
            'z' or 'Z' => "", // the reference formats a time without a zone
            '%' => "%",
            _ => null,
        };
    }
}
