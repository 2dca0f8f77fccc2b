using System.Text;

namespace Lorikeet.Generation;

/// <summary>Why a text ended.</summary>
public enum StopReason
{
    /// <summary>The model ended it with one of its end tokens.</summary>
    EndOfText,

    /// <summary>A stop string occurred.</summary>
    StopString,

    /// <summary>The limit on new tokens was reached.</summary>
    MaxNewTokens,
}

/// <summary>
/// Decides when one text ends, while it is streamed. Text that may turn out to be the beginning of a stop string is withheld until
/// that is certain, so nothing has to be taken back; a stop string may span any number of tokens and is not part of the text.
/// What is released does not depend on how the text is cut into pieces.
/// </summary>
public sealed class StopRules
{
    private readonly IReadOnlySet<int> _endTokens;
    private readonly IReadOnlyList<string> _stopStrings;
    private readonly int _maxNewTokens;
    private readonly StringBuilder _withheld = new();

    /// <summary>Rules for one text.</summary>
    /// <param name="endTokens">Ids that end the text; none of them is part of it.</param>
    /// <param name="options">The stop strings and the limit on new tokens.</param>
    /// <exception cref="InvalidDataException">An option is out of range.</exception>
    public StopRules(IEnumerable<int> endTokens, SamplingOptions options)
    {
        options.Validate();
        (_endTokens, _stopStrings, _maxNewTokens) = (endTokens.ToHashSet(), options.StopStrings, options.MaxNewTokens);
    }

    /// <summary>Why the text ended; null while it goes on.</summary>
    public StopReason? Reason { get; private set; }

    /// <summary>Tokens so far, the end token included.</summary>
    public int TokenCount { get; private set; }

    /// <summary>Takes the next token and the text it completed.</summary>
    /// <param name="token">The token's id.</param>
    /// <param name="text">What the streaming decoder gave for it; empty while a character is incomplete.</param>
    /// <returns>The text that is now certain.</returns>
    /// <exception cref="InvalidOperationException">The text has already ended.</exception>
    public string Push(int token, string text)
    {
        if (Reason is not null)
        {
            throw new InvalidOperationException("the text has already ended");
        }

        TokenCount++;
        if (_endTokens.Contains(token))
        {
            Reason = StopReason.EndOfText;
            return Release();
        }

        var certain = Take(text);
        if (Reason is null && TokenCount >= _maxNewTokens)
        {
            Reason = StopReason.MaxNewTokens;
            certain += Release();
        }

        return certain;
    }

    /// <summary>Takes what the streaming decoder still had at the end, and returns everything that was withheld.</summary>
    /// <param name="text">The rest; usually empty.</param>
    public string Finish(string text)
    {
        return Reason == StopReason.StopString ? "" : Take(text) + (Reason == StopReason.StopString ? "" : Release());
    }

    private string Take(string text)
    {
        _withheld.Append(text);
        if (_stopStrings.Count == 0)
        {
            return Release();
        }

        var pending = _withheld.ToString();
        if (FirstStop(pending) is { } start)
        {
            Reason = StopReason.StopString;
            _withheld.Clear();
            return pending[..start];
        }

        var certain = pending.Length - OpenEnd(pending);
        _withheld.Remove(0, certain);
        return pending[..certain];
    }

    private string Release()
    {
        var text = _withheld.ToString();
        _withheld.Clear();
        return text;
    }

    /// <summary>Start of the stop string that is complete first (the longest of those that end together); null if none is.</summary>
    private int? FirstStop(string text)
    {
        var (start, end) = (0, int.MaxValue);
        foreach (var stop in _stopStrings)
        {
            var at = text.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (at + stop.Length < end || (at + stop.Length == end && at < start)))
            {
                (start, end) = (at, at + stop.Length);
            }
        }

        return end == int.MaxValue ? null : start;
    }

    /// <summary>Length of the longest end of the text that a stop string begins with.</summary>
    private int OpenEnd(string text)
    {
        var longest = 0;
        foreach (var stop in _stopStrings)
        {
            for (var length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan().EndsWith(stop.AsSpan(0, length)))
                {
                    longest = length;
                }
            }
        }

        return longest;
    }
}
