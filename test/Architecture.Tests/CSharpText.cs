using System.Text;

namespace Lorikeet.Architecture.Tests;

/// <summary>Reads C# just well enough to tell code from comments and text.</summary>
internal static class CSharpText
{
    /// <summary>The code with comments and the content of string and character literals blanked; line numbers are kept.</summary>
    public static string CodeOnly(string source)
    {
        var code = new StringBuilder(source.Length);
        for (int i = 0; i < source.Length;)
        {
            int end = EndOfNonCode(source, i);
            if (end == i)
            {
                code.Append(source[i++]);
                continue;
            }

            for (; i < end; i++)
            {
                code.Append(source[i] == '\n' ? '\n' : ' ');
            }
        }

        return code.ToString();
    }

    private static int EndOfNonCode(string s, int i)
    {
        if (At(s, i, "//"))
        {
            return Find(s, "\n", i);
        }

        if (At(s, i, "/*"))
        {
            return Find(s, "*/", i + 2) + 2;
        }

        if (At(s, i, "\"\"\""))
        {
            return Find(s, "\"\"\"", i + 3) + 3;
        }

        if (At(s, i, "@\"") || At(s, i, "$@\"") || At(s, i, "@$\""))
        {
            return EndOfVerbatim(s, s.IndexOf('"', i) + 1);
        }

        return s[i] switch
        {
            '"' => EndOfLiteral(s, i + 1, '"'),
            '\'' => EndOfLiteral(s, i + 1, '\''),
            _ => i,
        };
    }

    private static int EndOfVerbatim(string s, int i)
    {
        while (i < s.Length && (s[i] != '"' || At(s, i, "\"\"")))
        {
            i += s[i] == '"' ? 2 : 1;
        }

        return Math.Min(i + 1, s.Length);
    }

    // A literal also ends with its line: that keeps one misread quote from swallowing the rest of the file.
    private static int EndOfLiteral(string s, int i, char quote)
    {
        while (i < s.Length && s[i] != quote && s[i] != '\n')
        {
            i += s[i] == '\\' ? 2 : 1;
        }

        return Math.Min(i + 1, s.Length);
    }

    private static bool At(string s, int i, string what) => string.CompareOrdinal(s, i, what, 0, what.Length) == 0;

    private static int Find(string s, string what, int from)
    {
        int at = from >= s.Length ? -1 : s.IndexOf(what, from, StringComparison.Ordinal);
        return at < 0 ? s.Length : at;
    }
}
