using System.Runtime.CompilerServices;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Parses a whole template: text, print statements and block tags.</summary>
internal sealed class StatementParser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;
    private readonly Stack<string> _open = new();
    private int _loopDepth;
    private int _parentheses;

    private StatementParser(TokenStream tokens)
    {
        _tokens = tokens;
        _expressions = new ExpressionParser(tokens);
    }

    public static Block Parse(string source) => new StatementParser(new TokenStream(Lexer.Run(source))).Body([]);

    /// <summary>Statements up to (not including) one of the ending tags; at the top level up to the end of the template.</summary>
    private Block Body(string[] ends)
    {
        if (_open.Count > 100 || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw _tokens.Error("blocks nest deeper than 100 levels");
        }

        var statements = new List<Statement>();
        while (true)
        {
            var line = _tokens.Line;
            switch (_tokens.Current.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new TextStatement(line, _tokens.Next().Text));
                    break;
                case TokenKind.VariableBegin:
                    _tokens.Next();
                    statements.Add(new PrintStatement(line, _expressions.ParseTuple()));
                    _tokens.Expect(TokenKind.VariableEnd);
                    break;
                case TokenKind.BlockBegin:
                    _tokens.Next();
                    if (_tokens.Current.Kind == TokenKind.Name && ends.Contains(_tokens.Current.Text))
                    {
                        return new Block(statements);
                    }

                    statements.Add(Tag(line));
                    _tokens.Expect(TokenKind.BlockEnd);
                    break;
                default:
                    if (ends.Length > 0)
                    {
                        throw _tokens.Error($"Unexpected end of template. {Looking(ends)}");
                    }

                    return new Block(statements);
            }
        }
    }

    private string Looking(string[] ends) =>
        $"Jinja was looking for the following tags: {string.Join(" or ", ends.Select(e => $"'{e}'"))}. "
        + $"The innermost block that needs to be closed is '{_open.Peek()}'.";

    /// <summary>The body of a block up to its end tags, whose begin is consumed but not their name.</summary>
    private Block Inner(string block, params string[] ends)
    {
        _tokens.Expect(TokenKind.BlockEnd);
        _open.Push(block);
        var body = Body(ends);
        _open.Pop();
        return body;
    }

    private Block InnerToEnd(string block)
    {
        var body = Inner(block, "end" + block);
        _tokens.Next();
        return body;
    }

    private Statement Tag(int line)
    {
        if (_tokens.Current.Kind != TokenKind.Name)
        {
            throw _tokens.Error("tag name expected");
        }

        var name = _tokens.Next().Text;
        switch (name)
        {
            case "if":
                return If(line);
            case "for":
                return For(line);
            case "set":
                return Set(line);
            case "macro":
                var macro = _tokens.ExpectName();
                return new MacroStatement(line, Macro(macro, "macro"));
            case "call":
                return Call(line);
            case "filter":
                var filter = _expressions.ParseFilter(null, startInline: true);
                return new FilterStatement(line, filter, InnerToEnd("filter"));
            case "with":
                return With(line);
            case "generation":
                return new GenerationStatement(line, InnerToEnd("generation"));
            case "break" or "continue":
                return _loopDepth > 0
                    ? new LoopControlStatement(line, name == "break" ? Flow.Break : Flow.Continue)
                    : throw Fail.Syntax($"'{name}' outside loop", line);
            case "include" or "import" or "from" or "extends" or "block" or "autoescape" or "print":
                throw Fail.Syntax($"the tag '{name}' is not available in chat templates: they stand alone", line);
            default:
                throw Fail.Syntax(
                    _open.Count > 0
                        ? $"Encountered unknown tag '{name}'. The innermost block that needs to be closed is '{_open.Peek()}'."
                        : $"Encountered unknown tag '{name}'.",
                    line);
        }
    }

    private IfStatement If(int line)
    {
        var branches = new List<(Expression, Block)>();
        Block? otherwise = null;
        _expressions.SoftDepth++;
        while (true)
        {
            var test = _expressions.ParseTuple(withConditional: false);
            branches.Add((test, Inner("if", "elif", "else", "endif")));
            var tag = _tokens.Next().Text;
            if (tag == "elif")
            {
                continue;
            }

            if (tag == "else")
            {
                otherwise = InnerToEnd("if");
            }

            _expressions.SoftDepth--;
            return new IfStatement(line, branches, otherwise);
        }
    }

    private ForStatement For(int line)
    {
        var target = ParseTarget(allowAttributes: false, "in");
        _tokens.ExpectName("in");
        var items = _expressions.ParseTuple(withConditional: false, endName: "recursive");
        var filter = _tokens.SkipName("if") ? _expressions.Parse() : null;
        var recursive = _tokens.SkipName("recursive");
        _loopDepth++;
        var body = Inner("for", "else", "endfor");
        _loopDepth--;
        var otherwise = _tokens.Next().Text == "else" ? InnerToEnd("for") : null;
        return new ForStatement(line, target, items, body) { Filter = filter, Otherwise = otherwise, IsRecursive = recursive };
    }

    private Statement Set(int line)
    {
        var target = ParseTarget(allowAttributes: true, endName: null);
        if (_tokens.SkipOperator("="))
        {
            return new SetStatement(line, target, _expressions.ParseTuple());
        }

        var filter = _tokens.Current.IsOperator("|") ? _expressions.ParseFilter(null) : null;
        return new SetBlockStatement(line, target, filter, InnerToEnd("set"));
    }

    private Target ParseTarget(bool allowAttributes, string? endName)
    {
        var parts = new List<Target>();
        var isTuple = false;
        while (true)
        {
            parts.Add(OneTarget(allowAttributes));
            if (!_tokens.SkipOperator(","))
            {
                break;
            }

            isTuple = true;
            if (_tokens.Current.Kind != TokenKind.Name && !_tokens.Current.IsOperator("(") || (endName is not null && _tokens.Current.IsName(endName)))
            {
                break;
            }
        }

        return isTuple ? new Target("", null, parts) : parts[0];
    }

    private Target OneTarget(bool allowAttributes)
    {
        if (_tokens.SkipOperator("("))
        {
            if (_open.Count + ++_parentheses > 100)
            {
                throw _tokens.Error("assignment targets nest too deep");
            }

            var inner = ParseTarget(allowAttributes: false, endName: null);
            _tokens.ExpectOperator(")");
            _parentheses--;
            return inner;
        }

        if (_tokens.Current.Kind == TokenKind.Name && _tokens.Current.Text is "true" or "false" or "none" or "True" or "False" or "None")
        {
            throw _tokens.Error($"can't assign to '{_tokens.Current.Text}'");
        }

        var name = _tokens.ExpectName();
        return allowAttributes && _tokens.SkipOperator(".")
            ? new Target(name, _tokens.ExpectName(), null)
            : new Target(name, null, null);
    }

    private CallStatement Call(int line)
    {
        var (parameters, defaults) = _tokens.Current.IsOperator("(") ? Signature() : ([], []);
        var call = _expressions.Parse() as CallExpression ?? throw Fail.Syntax("expected call", line);
        return new CallStatement(line, MacroBody("caller", "call", parameters, defaults), call);
    }

    private MacroDefinition Macro(string name, string block)
    {
        var (parameters, defaults) = Signature();
        return MacroBody(name, block, parameters, defaults);
    }

    private MacroDefinition MacroBody(string name, string block, List<string> parameters, List<Expression> defaults)
    {
        var (seenOutside, loopsOutside) = (_expressions.NamesSeen, _loopDepth);
        _expressions.NamesSeen = [];
        _loopDepth = 0;
        var body = InnerToEnd(block);
        var seen = _expressions.NamesSeen;
        seenOutside.UnionWith(seen);
        _expressions.NamesSeen = seenOutside;
        _loopDepth = loopsOutside;
        return new MacroDefinition(name, parameters, defaults, body)
        {
            UsesVarargs = seen.Contains("varargs"),
            UsesKwargs = seen.Contains("kwargs"),
            UsesCaller = seen.Contains("caller"),
        };
    }

    private (List<string> Parameters, List<Expression> Defaults) Signature()
    {
        var (parameters, defaults) = (new List<string>(), new List<Expression>());
        _tokens.ExpectOperator("(");
        while (!_tokens.Current.IsOperator(")"))
        {
            if (parameters.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            var name = OneTarget(allowAttributes: false).Name;
            parameters.Add(!parameters.Contains(name) ? name : throw _tokens.Error($"duplicate argument '{name}' in a macro's signature"));
            if (_tokens.SkipOperator("="))
            {
                defaults.Add(_expressions.Parse());
            }
            else if (defaults.Count > 0)
            {
                throw _tokens.Error("non-default argument follows default argument");
            }
        }

        _tokens.Next();
        return (parameters, defaults);
    }

    private WithStatement With(int line)
    {
        var values = new List<(Target, Expression)>();
        while (_tokens.Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0)
            {
                _tokens.ExpectOperator(",");
            }

            var target = ParseTarget(allowAttributes: false, endName: null);
            _tokens.ExpectOperator("=");
            values.Add((target, _expressions.Parse()));
        }

        return new WithStatement(line, values, InnerToEnd("with"));
    }
}
