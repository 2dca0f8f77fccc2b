using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

public sealed class CodePointPatternTests
{
    [Theory]
    [InlineData(@"\p{L}+", "ab \U00010400\U00020000 1", "ab|\U00010400\U00020000")]
    [InlineData(@"\s+(?!\S)|\s+", "a   b  ", "  | |  ")]
    [InlineData(@"(?i:'s|'T)", "'S 't 'x '\u017F", "'S|'t|'\u017F")]
    [InlineData(@"[^\r\n\p{L}]?\p{L}+", " ab\ncd", " ab|cd")]
    [InlineData(@"\p{N}{1,3}", "1234567", "123|456|7")]
    [InlineData(@"a{2}", "aaaaa", "aa|aa")]
    [InlineData(@"a{,2}b", "aaab", "aab")]
    [InlineData(@"a+?b", "aab", "aab")]
    [InlineData(@"a*+a", "aaa", "")]
    [InlineData(@"(?>a|ab)c", "abc ac", "ac")]
    [InlineData(@"(?<=x)y|(?<!x)z", "xy xz z y", "y|z")]
    [InlineData(@"^a|b$", "ab\nab", "a|b|a|b")]
    [InlineData(@"\Aa|b\z", "ab\nab", "a|b")]
    [InlineData(@"\bfoo\b", "foo food foo", "foo|foo")]
    [InlineData(@"(?:ab|a)(?:c|bcd)", "abcd", "abc")]
    [InlineData(@"[a-c&&[^b]]+", "abcab", "a|ca")]
    [InlineData(@"[[:upper:][:digit:]]+", "aB1c", "B1")]
    [InlineData(@"[]a]+", "a]b", "a]")]
    [InlineData(@"[a\-z]+", "a-zb", "a-z")]
    [InlineData(@"\x{1F600}|\u00e9|\x41", "A\u00e9\U0001F600", "A|\u00e9|\U0001F600")]
    [InlineData(@"(?i)ab(?-i:C)", "ABC abC abc", "ABC|abC")]
    [InlineData(@"(?m:.)+", "a\nb", "a\nb")]
    [InlineData(@".+", "a\nb", "a|b")]
    [InlineData(@"(?x: a  b # c
)", "ab", "ab")]
    [InlineData(@"\R", "a\r\nb\nc\u2028", "\r\n|\n|\u2028")]
    [InlineData(@"\p{Han}+|\p{Hiragana}+", "漢字かな", "漢字|かな")]
    [InlineData(@"\P{L}|\p{^Lu}", "Aa1", "a|1")]
    [InlineData(@"(a|b)*c", "ababc", "ababc")]
    [InlineData(@"(a*)*b", "aab", "aab")]
    [InlineData(@"(?:a?)+b", "aab", "aab")]
    [InlineData(@"x{a}", "x{a}", "x{a}")]
    [InlineData("a(?i)b|c", "aB C aC", "aB|aC")]
    public void FindsWhatOnigurumaFinds(string pattern, string text, string expected) =>
        Assert.Equal(expected, string.Join('|', Find(pattern, text)));

    [Fact]
    public void WhiteSpaceIsUnicodeWhiteSpace()
    {
        string spaces = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000";
        Assert.Equal([spaces], Find(@"\s+", spaces));
        Assert.Empty(Find(@"\s", "\u200b\ufeff\u180e\u001c"));
    }

    [Fact]
    public void EmptyMatchesAdvanceAndDontFollowAMatch() => Assert.Equal(["aa", "", "a"], Find("a*", "aabba"));

    [Theory]
    [InlineData("(", "')' expected")]
    [InlineData("a)", "unmatched ')'")]
    [InlineData("[a", "unclosed '['")]
    [InlineData("*a", "nothing to repeat")]
    [InlineData(@"\p{Klingon}", @"\p{Klingon} is not supported")]
    [InlineData(@"(?<n>a)\k<n>", @"\k is not supported")]
    [InlineData("a{2,1}", "out of range")]
    [InlineData("a{100000}", "out of range")]
    [InlineData("((a{1000}){1000}){1000}", "steps")]
    [InlineData("(((){1000}){1000}){1000}", "steps")]
    [InlineData("(?<=a+)b", "look-behind of variable length")]
    [InlineData("[z-a]", "range out of order")]
    [InlineData(@"a\", "ends with a backslash")]
    public void RefusesWhatItDoesNotKnow(string pattern, string message)
    {
        FormatException error = Assert.Throws<FormatException>(() => CodePointPattern.Parse(pattern));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DeepGroupsAndLongPatternsAreRefused()
    {
        Assert.Throws<FormatException>(() => CodePointPattern.Parse(new string('(', 5000) + new string(')', 5000)));
        Assert.Throws<FormatException>(() => CodePointPattern.Parse(new string('[', 5000)));
        Assert.Throws<FormatException>(() => CodePointPattern.Parse(new string('a', 30_000)));
    }

    private static List<string> Find(string pattern, string text)
    {
        int[] chars = CodePoint.FromString(text);
        List<(int Start, int End)> matches = [];
        CodePointPattern.Parse(pattern).FindAll(chars, matches);
        return matches.ConvertAll(match => CodePoint.ToString(chars.AsSpan(match.Start, match.End - match.Start)));
    }
}
