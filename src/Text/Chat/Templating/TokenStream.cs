namespace Lorikeet.Text.Chat.Templating;

/// <summary>The tokens with a position, and the checks that both parsers use.</summary>
internal sealed class TokenStream(IReadOnlyList<Token> tokens)
{
    private int _at;

    public Token Current => tokens[_at];

    public Token Ahead => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public int Line => Current.Line;

    public Token Next()
    {
        var token = Current;
        if (token.Kind != TokenKind.End)
        {
            _at++;
        }

        return token;
    }

    public bool SkipOperator(string text) => Skip(Current.IsOperator(text));

    public bool SkipName(string text) => Skip(Current.IsName(text));

    private bool Skip(bool matches)
    {
        if (matches)
        {
            Next();
        }

        return matches;
    }

    public void ExpectOperator(string text)
    {
        if (!SkipOperator(text))
        {
            throw Error($"expected token '{text}', got '{Current.Description}'");
        }
    }

    public void ExpectName(string text)
    {
        if (!SkipName(text))
        {
            throw Error($"expected token '{text}', got '{Current.Description}'");
        }
    }

    public string ExpectName() => Current.Kind == TokenKind.Name
        ? Next().Text
        : throw Error($"expected token 'name', got '{Current.Description}'");

    public void Expect(TokenKind kind)
    {
        if (Current.Kind != kind)
        {
            throw Error($"expected token '{new Token(kind, "", 0).Description}', got '{Current.Description}'");
        }

        Next();
    }

    public ChatTemplateException Error(string detail) => Fail.Syntax(detail, Line);
}
