namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// A compiled pattern that searches code points. .NET's Regex sees UTF-16 units, so that its <c>\p{L}</c> misses every
/// letter above U+FFFF; and a pattern from a file must not be able to run for ever, so the steps are counted.
/// </summary>
internal sealed class CodePointPattern
{
    // A healthy splitting pattern needs a few steps per code point.
    private const long StepsPerCodePoint = 1_000;
    private const long FreeSteps = 10_000_000;

    private readonly PatternStep[] _steps;
    private readonly int _registers;
    private readonly FirstSet _first;

    private CodePointPattern(string source, PatternNode root)
    {
        Source = source;
        _first = FirstSet.Of(root);
        (_steps, _registers) = PatternCompiler.Compile(source, root);
    }

    /// <summary>The pattern's text.</summary>
    public string Source { get; }

    /// <summary>Compiles a pattern; FormatException says what is wrong with it.</summary>
    public static CodePointPattern Parse(string pattern) => new(pattern, PatternParser.Parse(pattern));

    /// <summary>A pattern that finds a literal text.</summary>
    public static CodePointPattern Literal(string text)
    {
        PatternNode[] parts = CodePoint.FromString(text).Select(c => (PatternNode)new PatternNode.Set(CodePointSet.Of(c))).ToArray();
        return new CodePointPattern(text, new PatternNode.Sequence(parts));
    }

    /// <summary>Runs of word characters and runs of what is neither word nor white space.</summary>
    public static CodePointPattern WordsAndSymbols()
    {
        PatternNode words = new PatternNode.Set(new CodePointSet(CodePoint.IsWord));
        PatternNode symbols = new PatternNode.Set(new CodePointSet(c => !CodePoint.IsWord(c) && !CodePoint.IsWhiteSpace(c)));
        PatternNode[] runs = [
            new PatternNode.Repeat(words, 1, -1, RepeatKind.Possessive),
            new PatternNode.Repeat(symbols, 1, -1, RepeatKind.Possessive)];
        return new CodePointPattern("words and symbols", new PatternNode.Alternation(runs));
    }

    /// <summary>
    /// All matches, left to right, that do not overlap. An empty match right behind the one before is skipped.
    /// </summary>
    public void FindAll(ReadOnlySpan<int> text, List<(int Start, int End)> matches)
    {
        PatternMatcher matcher = new(_steps, _registers, text, FreeSteps + (StepsPerCodePoint * text.Length), this);
        int from = 0;
        int lastEnd = -1;
        for (int start = 0; start <= text.Length;)
        {
            if (start < text.Length && !_first.MayBegin(text[start]))
            {
                start++;
                continue;
            }

            int end = matcher.Run(0, start, from);
            if (end < 0 || (end == start && lastEnd == start))
            {
                start++;
                continue;
            }

            matches.Add((start, end));
            lastEnd = end;
            from = end;
            start = end == start ? start + 1 : end;
        }
    }
}
