using System.Text;
using Lorikeet.Text.Chat;

namespace Lorikeet.Data.Augment;

/// <summary>Replaces phrases in texts and messages, and keeps their case.</summary>
internal static class WordChanges
{
    /// <summary>The messages with another text in each piece; messages that do not change stay the same objects.</summary>
    public static IReadOnlyList<ChatMessage> InMessages(IReadOnlyList<ChatMessage> messages, Func<ChatMessage, int, Func<string, string>?> change)
    {
        var changed = new ChatMessage[messages.Count];
        bool any = false;
        for (int i = 0; i < changed.Length; i++)
        {
            changed[i] = change(messages[i], i) is { } edit ? InMessage(messages[i], edit) : messages[i];
            any |= !ReferenceEquals(changed[i], messages[i]);
        }

        return any ? changed : messages;
    }

    /// <summary>Every piece of text of messages.</summary>
    public static IEnumerable<string> Texts(IEnumerable<ChatMessage> messages) =>
        messages.SelectMany(m => m.PlainText is { } text ? [text] : m.Parts?.OfType<TextPart>().Select(p => p.Text) ?? []);

    /// <summary>A text with its phrases replaced where <paramref name="replace"/> gives something, but never inside a protected part.</summary>
    public static string Replace<T>(string text, PhraseSet<T> phrases, ProtectedText isProtected, Func<PhraseMatch<T>, string?> replace)
        where T : class
    {
        List<PhraseMatch<T>> matches = phrases.Find(text);
        if (matches.Count == 0)
        {
            return text;
        }

        List<(int Start, int End)> kept = isProtected.Spans(text);
        var result = new StringBuilder(text.Length);
        int done = 0;
        foreach (PhraseMatch<T> match in matches.Where(m => !kept.Any(k => m.Start < k.End && m.End > k.Start)))
        {
            if (replace(match) is { } word)
            {
                result.Append(text, done, match.Start - done).Append(word);
                done = match.End;
            }
        }

        return done == 0 ? text : result.Append(text, done, text.Length - done).ToString();
    }

    /// <summary>A word in the case of the one that it replaces: as listed where that stood as listed, else capitals or a capital first letter.</summary>
    public static string InCaseOf(string found, string listed, string word)
    {
        if (found.Equals(listed, StringComparison.Ordinal) || word.Length == 0)
        {
            return word;
        }

        if (found.Length > 1 && found.Any(char.IsUpper) && !found.Any(char.IsLower))
        {
            return word.ToUpperInvariant();
        }

        return char.IsUpper(found[0]) ? char.ToUpperInvariant(word[0]) + word[1..]
            : char.IsUpper(listed[0]) ? char.ToLowerInvariant(word[0]) + word[1..] : word;
    }

    /// <summary>Whether a phrase stands by itself: not joined to a neighbour by a hyphen, an apostrophe, or the signs of names and addresses.</summary>
    public static bool StandsAlone(string text, int start, int end) => !Joins(text, start - 1, -1) && !Joins(text, end, 1);

    private static bool Joins(string text, int at, int away)
    {
        if (at < 0 || at >= text.Length)
        {
            return false;
        }

        int beyond = at + away;
        bool meetsWord = beyond >= 0 && beyond < text.Length && char.IsLetterOrDigit(text[beyond]);
        return text[at] is '_' or '/' or '\\' or '@' or '#' or '$' || (meetsWord && text[at] is '-' or '\'' or '’' or '.' or ':' or '&' or '=');
    }

    private static ChatMessage InMessage(ChatMessage message, Func<string, string> edit)
    {
        if (message.PlainText is { } plain)
        {
            string text = edit(plain);
            return ReferenceEquals(text, plain) ? message : message with { PlainText = text };
        }

        if (message.Parts is null)
        {
            return message;
        }

        ContentPart[] parts = [.. message.Parts.Select(part => part is TextPart text && edit(text.Text) is var edited && !ReferenceEquals(edited, text.Text) ? text with { Text = edited } : part)];
        return parts.Zip(message.Parts).All(p => ReferenceEquals(p.First, p.Second)) ? message : message with { Parts = parts };
    }
}
