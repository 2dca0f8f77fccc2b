using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// Tokens like &lt;0x41&gt; are bytes. A run of them is text if all of it is UTF-8, otherwise one U+FFFD per byte,
/// so nothing of a run is certain before it ends.
/// </summary>
internal sealed class ByteFallbackStage : TokenStage
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly List<byte> _run = [];

    public override void Finish()
    {
        EndRun();
        Next.Finish();
    }

    protected override void PushToken(string token)
    {
        if (TryByte(token, out byte value))
        {
            _run.Add(value);
            return;
        }

        EndRun();
        Emit(token);
    }

    private static bool TryByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6
            && token.StartsWith("<0x", StringComparison.Ordinal)
            && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }

    private void EndRun()
    {
        if (_run.Count == 0)
        {
            return;
        }

        byte[] bytes = _run.ToArray();
        _run.Clear();
        if (System.Text.Unicode.Utf8.IsValid(bytes))
        {
            Emit(Strict.GetString(bytes));
            return;
        }

        for (int i = 0; i < bytes.Length; i++)
        {
            Emit("\uFFFD");
        }
    }
}

/// <summary>Takes up to so many given characters off the ends of every token.</summary>
internal sealed class StripStage(string content, int start, int stop) : DecodeStage
{
    private readonly StringBuilder _held = new();
    private int _toCut;

    public override void Push(string text, bool first, bool last)
    {
        _toCut = first ? start : _toCut;
        int at = 0;
        while (_toCut > 0 && at < text.Length)
        {
            bool cut = string.CompareOrdinal(text, at, content, 0, content.Length) == 0;
            _toCut = cut ? _toCut - 1 : 0;
            at += cut ? content.Length : 0;
        }

        text = at == 0 ? text : text[at..];
        if (stop == 0)
        {
            Next.Push(text, first, last);
            return;
        }

        // The end is known only when it comes.
        _held.Append(text);
        if (last)
        {
            string token = _held.ToString();
            _held.Clear();
            for (int i = 0; i < stop && token.EndsWith(content, StringComparison.Ordinal); i++)
            {
                token = token[..^content.Length];
            }

            Next.Push(token, first: true, last: true);
        }
    }
}

/// <summary>Replaces one character in every token.</summary>
internal sealed class ReplaceCharStage(char from, string to) : DecodeStage
{
    private readonly string _from = from.ToString();

    public override void Push(string text, bool first, bool last) =>
        Next.Push(text.Contains(from, StringComparison.Ordinal) ? text.Replace(_from, to, StringComparison.Ordinal) : text, first, last);
}

/// <summary>Replaces what a pattern matches in every token.</summary>
internal sealed class ReplaceStage(CodePointPattern pattern, string content) : TokenStage
{
    protected override void PushToken(string token)
    {
        int[] chars = CodePoint.FromString(token);
        List<(int Start, int End)> matches = [];
        if (chars.Length > 0)
        {
            pattern.FindAll(chars, matches);
        }

        if (matches.Count == 0)
        {
            Emit(token);
            return;
        }

        StringBuilder text = new();
        int at = 0;
        foreach ((int start, int end) in matches)
        {
            text.Append(CodePoint.ToString(chars.AsSpan(at, start - at))).Append(content);
            at = end;
        }

        Emit(text.Append(CodePoint.ToString(chars.AsSpan(at))).ToString());
    }
}

/// <summary>Marks back to spaces; those of the first token vanish when the pre-tokenizer had put one in front.</summary>
internal sealed class MetaspaceStage(string mark, bool prepended) : DecodeStage
{
    private int _token = -1;

    public override void Push(string text, bool first, bool last)
    {
        _token += first ? 1 : 0;
        string space = _token == 0 && prepended ? "" : " ";
        Next.Push(text.Replace(mark, space, StringComparison.Ordinal), first, last);
    }
}

/// <summary>Pieces with the prefix continue a word, others begin one.</summary>
internal sealed class WordPieceStage(string prefix, bool cleanup) : TokenStage
{
    private bool _any;

    /// <summary>Takes out the spaces that splitting put before punctuation and English contractions.</summary>
    public static string CleanUp(string text) => text
        .Replace(" .", ".", StringComparison.Ordinal)
        .Replace(" ?", "?", StringComparison.Ordinal)
        .Replace(" !", "!", StringComparison.Ordinal)
        .Replace(" ,", ",", StringComparison.Ordinal)
        .Replace(" ' ", "'", StringComparison.Ordinal)
        .Replace(" n't", "n't", StringComparison.Ordinal)
        .Replace(" 'm", "'m", StringComparison.Ordinal)
        .Replace(" do not", " don't", StringComparison.Ordinal)
        .Replace(" 's", "'s", StringComparison.Ordinal)
        .Replace(" 've", "'ve", StringComparison.Ordinal)
        .Replace(" 're", "'re", StringComparison.Ordinal);

    protected override void PushToken(string token)
    {
        if (_any)
        {
            token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
        }

        _any = true;
        Emit(cleanup ? CleanUp(token) : token);
    }
}

/// <summary>The suffix that ends a word becomes a space, except in the last token.</summary>
internal sealed class BpeSuffixStage(string suffix) : TokenStage
{
    private string? _held;

    public override void Finish()
    {
        Release("");
        Next.Finish();
    }

    protected override void PushToken(string token)
    {
        Release(" ");
        _held = token;
    }

    private void Release(string replacement)
    {
        if (_held is not null)
        {
            Emit(suffix.Length == 0 ? _held : _held.Replace(suffix, replacement, StringComparison.Ordinal));
        }
    }
}

/// <summary>CTC: repeated tokens count once, the pad token is nothing, the delimiter is a space.</summary>
internal sealed class CtcStage(string padToken, string delimiter, bool cleanup) : TokenStage
{
    private string? _previous;

    protected override void PushToken(string token)
    {
        if (token == _previous)
        {
            return;
        }

        _previous = token;
        string text = padToken.Length == 0 ? token : token.Replace(padToken, "", StringComparison.Ordinal);
        if (cleanup)
        {
            text = WordPieceStage.CleanUp(text);
            text = delimiter.Length == 0 ? text : text.Replace(delimiter, " ", StringComparison.Ordinal);
        }

        if (text.Length > 0)
        {
            Emit(text);
        }
    }
}
