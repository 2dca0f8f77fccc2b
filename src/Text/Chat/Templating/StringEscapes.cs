using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>The backslash escapes of Python's string literals.</summary>
internal static class StringEscapes
{
    /// <summary>Resolves Python's escapes.</summary>
    public static string Resolve(string text, int line)
    {
        if (!text.Contains('\\'))
        {
            return text;
        }

        var builder = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\')
            {
                builder.Append(text[i]);
                continue;
            }

            i++;
            switch (text[i])
            {
                case '\n':
                    break;
                case 'x' or 'u' or 'U':
                    i = Hex(text, i, builder, line);
                    break;
                case >= '0' and <= '7':
                    var code = 0;
                    for (var n = 0; n < 3 && i < text.Length && text[i] is >= '0' and <= '7'; n++, i++)
                    {
                        code = code * 8 + (text[i] - '0');
                    }

                    i--;
                    builder.Append((char)code);
                    break;
                case 'N':
                    throw Fail.Syntax("escapes by character name (\\N{...}) are not supported; write the character itself", line);
                default:
                    var known = "abfnrtv\\'\"".IndexOf(text[i]);
                    builder.Append(known >= 0 ? "" : "\\").Append(known >= 0 ? "\a\b\f\n\r\t\v\\'\""[known] : text[i]);
                    break;
            }
        }

        return builder.ToString();
    }

    private static int Hex(string text, int i, StringBuilder to, int line)
    {
        var length = text[i] switch { 'x' => 2, 'u' => 4, _ => 8 };
        if (i + length >= text.Length
            || !int.TryParse(text.AsSpan(i + 1, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            || code is < 0 or > 0x10FFFF)
        {
            throw Fail.Syntax($"truncated or invalid \\{text[i]} escape in a string", line);
        }

        to.Append(PercentFormat.Character(code));
        return i + length;
    }
}
