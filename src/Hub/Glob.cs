namespace Lorikeet.Hub;

/// <summary>
/// Patterns of file names as Python's fnmatch has them: <c>*</c> any characters (also <c>/</c>), <c>?</c> one, <c>[a-z]</c> one of a
/// set, <c>[!a-z]</c> one outside it. A pattern that ends in <c>/</c> means everything below. Time grows with pattern times name.
/// </summary>
internal static class Glob
{
    /// <summary>True if the whole path fits the pattern.</summary>
    public static bool Matches(string pattern, string path)
    {
        if (pattern.EndsWith('/'))
        {
            pattern += "*";
        }

        // On a mismatch the last star takes one character more; earlier stars never need to.
        int p = 0, at = 0, star = -1, starAt = 0;
        while (at < path.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (star, starAt) = (p++, at);
            }
            else if (p < pattern.Length && Fits(pattern, p, path[at], out int next))
            {
                (p, at) = (next, at + 1);
            }
            else if (star >= 0)
            {
                (p, at) = (star + 1, ++starAt);
            }
            else
            {
                return false;
            }
        }

        return pattern.AsSpan(p).Trim('*').IsEmpty;
    }

    private static bool Fits(string pattern, int p, char c, out int next)
    {
        next = p + 1;
        if (pattern[p] == '?')
        {
            return true;
        }

        if (pattern[p] != '[')
        {
            return pattern[p] == c;
        }

        int from = p + 1 < pattern.Length && pattern[p + 1] == '!' ? p + 2 : p + 1;
        int close = from < pattern.Length ? pattern.IndexOf(']', Math.Min(from + 1, pattern.Length - 1)) : -1;
        if (close <= from)
        {
            return c == '[';
        }

        next = close + 1;
        bool isIn = false;
        for (int i = from; i < close; i++)
        {
            if (i + 2 < close && pattern[i + 1] == '-')
            {
                isIn |= c >= pattern[i] && c <= pattern[i + 2];
                i += 2;
            }
            else
            {
                isIn |= pattern[i] == c;
            }
        }

        return isIn != (from == p + 2);
    }
}
