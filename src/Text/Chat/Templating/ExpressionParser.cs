using System.Globalization;
using System.Runtime.CompilerServices;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Parses expressions with Jinja's precedence: conditional, or, and, not, comparison, +-, ~, */ // %, **, unary, postfix, filter.</summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    private const int MaxNesting = 200;
    private int _nesting;

    /// <summary>Names that occurred since the list was last cleared; macros look for the special ones.</summary>
    public HashSet<string> NamesSeen { get; set; } = [];

    /// <summary>Above zero inside branches, where unknown filters only fail when they are reached.</summary>
    public int SoftDepth { get; set; }

    public Expression Parse(bool withConditional = true)
    {
        if (++_nesting > MaxNesting || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw tokens.Error($"the expression nests deeper than {MaxNesting} levels");
        }

        var result = withConditional ? ParseConditional() : ParseOr();
        _nesting--;
        return result;
    }

    private Expression ParseConditional()
    {
        var then = ParseOr();
        while (tokens.Current.IsName("if"))
        {
            var line = tokens.Next().Line;
            SoftDepth++;
            var test = ParseOr();
            then = new Conditional(line, test, then, tokens.SkipName("else") ? Parse() : null);
            SoftDepth--;
        }

        return then;
    }

    private Expression ParseOr()
    {
        var left = ParseAnd();
        while (tokens.SkipName("or"))
        {
            left = new Logic(false, left, ParseAnd());
        }

        return left;
    }

    private Expression ParseAnd()
    {
        var left = ParseNot();
        while (tokens.SkipName("and"))
        {
            left = new Logic(true, left, ParseNot());
        }

        return left;
    }

    private Expression ParseNot()
    {
        var count = 0;
        while (tokens.SkipName("not"))
        {
            count++;
        }

        var operand = ParseComparison();
        return count == 0 ? operand : count % 2 == 1 ? new Not(operand) : new Not(new Not(operand));
    }

    private Expression ParseComparison()
    {
        var first = ParseSum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            var token = tokens.Current;
            if (token.Kind == TokenKind.Operator && token.Text is "==" or "!=" or "<" or "<=" or ">" or ">=")
            {
                tokens.Next();
                rest.Add((token.Text, ParseSum()));
            }
            else if (tokens.SkipName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (token.IsName("not") && tokens.Ahead.IsName("in"))
            {
                tokens.Next();
                tokens.Next();
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : new Comparison(first, rest);
            }
        }
    }

    private Expression ParseSum()
    {
        var left = ParseConcatenation();
        while (tokens.Current is { Kind: TokenKind.Operator, Text: "+" or "-" })
        {
            left = new Binary(tokens.Next().Text, left, ParseConcatenation());
        }

        return left;
    }

    private Expression ParseConcatenation()
    {
        var parts = new List<Expression> { ParseProduct() };
        while (tokens.SkipOperator("~"))
        {
            parts.Add(ParseProduct());
        }

        return parts.Count == 1 ? parts[0] : new Concatenation(parts);
    }

    private Expression ParseProduct()
    {
        var left = ParsePower();
        while (tokens.Current is { Kind: TokenKind.Operator, Text: "*" or "/" or "//" or "%" })
        {
            left = new Binary(tokens.Next().Text, left, ParsePower());
        }

        return left;
    }

    // As in Jinja, unary minus binds tighter than the power, and powers group from the left.
    private Expression ParsePower()
    {
        var left = ParseUnary(withFilter: true);
        while (tokens.SkipOperator("**"))
        {
            left = new Binary("**", left, ParseUnary(withFilter: true));
        }

        return left;
    }

    private Expression ParseUnary(bool withFilter)
    {
        if (++_nesting > MaxNesting)
        {
            throw tokens.Error($"the expression nests deeper than {MaxNesting} levels");
        }

        var node = tokens.SkipOperator("-") ? new Unary(true, ParseUnary(withFilter: false))
            : tokens.SkipOperator("+") ? new Unary(false, ParseUnary(withFilter: false))
            : ParsePrimary();
        node = ParsePostfix(node);
        _nesting--;
        return withFilter ? ParseFilters(node) : node;
    }

    private Expression ParsePrimary()
    {
        var token = tokens.Current;
        switch (token.Kind)
        {
            case TokenKind.Name:
                tokens.Next();
                return NameOrConstant(token.Text);
            case TokenKind.String:
                var pieces = new List<string>();
                while (tokens.Current.Kind == TokenKind.String)
                {
                    pieces.Add(tokens.Next().Text);
                }

                return new Constant(string.Concat(pieces));
            case TokenKind.Integer:
                tokens.Next();
                return PyNumber.TryParseInteger(token.Text, 0, out var number)
                    ? new Constant(number)
                    : throw tokens.Error($"the integer {token.Text} has too many digits");
            case TokenKind.Float:
                tokens.Next();
                return new Constant(double.Parse(token.Text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
            case TokenKind.Operator when token.Text == "(":
                tokens.Next();
                var inner = ParseTuple(parenthesized: true);
                tokens.ExpectOperator(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return ParseList();
            case TokenKind.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw tokens.Error($"unexpected '{token.Description}'");
        }
    }

    private Expression NameOrConstant(string name)
    {
        switch (name)
        {
            case "true" or "True":
                return new Constant(true);
            case "false" or "False":
                return new Constant(false);
            case "none" or "None":
                return new Constant(null);
            default:
                NamesSeen.Add(name);
                return new Variable(name);
        }
    }

    /// <summary>Comma-separated expressions; one without a comma is itself. <paramref name="endName"/> also ends the tuple.</summary>
    public Expression ParseTuple(bool withConditional = true, bool parenthesized = false, string? endName = null)
    {
        var items = new List<Expression>();
        var isTuple = false;
        while (!AtTupleEnd(endName))
        {
            items.Add(Parse(withConditional));
            if (!tokens.SkipOperator(","))
            {
                break;
            }

            isTuple = true;
        }

        if (isTuple || (items.Count == 0 && parenthesized))
        {
            return new ListLiteral(items, isTuple: true);
        }

        return items.Count > 0 ? items[0] : throw tokens.Error($"Expected an expression, got '{tokens.Current.Description}'");
    }

    private bool AtTupleEnd(string? endName) =>
        tokens.Current.Kind is TokenKind.VariableEnd or TokenKind.BlockEnd or TokenKind.End
        || tokens.Current.IsOperator(")") || (endName is not null && tokens.Current.IsName(endName));

    private ListLiteral ParseList()
    {
        tokens.Next();
        var items = new List<Expression>();
        while (!tokens.Current.IsOperator("]"))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.Current.IsOperator("]"))
                {
                    break;
                }
            }

            items.Add(Parse());
        }

        tokens.ExpectOperator("]");
        return new ListLiteral(items, isTuple: false);
    }

    private DictLiteral ParseDict()
    {
        tokens.Next();
        var entries = new List<(Expression, Expression)>();
        while (!tokens.Current.IsOperator("}"))
        {
            if (entries.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.Current.IsOperator("}"))
                {
                    break;
                }
            }

            var key = Parse();
            tokens.ExpectOperator(":");
            entries.Add((key, Parse()));
        }

        tokens.ExpectOperator("}");
        return new DictLiteral(entries);
    }

    private Expression ParsePostfix(Expression node)
    {
        while (true)
        {
            if (tokens.SkipOperator("."))
            {
                var token = tokens.Next();
                node = token.Kind switch
                {
                    TokenKind.Name => new AttributeAccess(node, token.Text),
                    TokenKind.Integer when PyNumber.TryParseInteger(token.Text, 0, out var index) => new ItemAccess(node, new Constant(index)),
                    _ => throw tokens.Error("expected name or number"),
                };
            }
            else if (tokens.SkipOperator("["))
            {
                node = ParseSubscript(node);
            }
            else if (tokens.Current.IsOperator("("))
            {
                node = new CallExpression(node, ParseArguments());
            }
            else
            {
                return node;
            }
        }
    }

    private Expression ParseSubscript(Expression node)
    {
        var start = tokens.Current.IsOperator(":") ? null : Parse();
        if (start is not null && tokens.Current.IsOperator(","))
        {
            var keys = new List<Expression> { start };
            while (tokens.SkipOperator(","))
            {
                keys.Add(Parse());
            }

            tokens.ExpectOperator("]");
            return new ItemAccess(node, new ListLiteral(keys, isTuple: true));
        }

        if (start is not null && tokens.SkipOperator("]"))
        {
            return new ItemAccess(node, start);
        }

        tokens.ExpectOperator(":");
        Expression? stop = null, step = null;
        if (!tokens.Current.IsOperator("]") && !tokens.Current.IsOperator(":"))
        {
            stop = Parse();
        }

        if (tokens.SkipOperator(":") && !tokens.Current.IsOperator("]"))
        {
            step = Parse();
        }

        tokens.ExpectOperator("]");
        return new SliceAccess(node, start, stop, step);
    }

    private Expression ParseFilters(Expression node)
    {
        while (true)
        {
            if (tokens.Current.IsOperator("|"))
            {
                node = ParseFilter(node);
            }
            else if (tokens.SkipName("is"))
            {
                node = ParseTest(node);
            }
            else if (tokens.Current.IsOperator("("))
            {
                node = new CallExpression(node, ParseArguments());
            }
            else
            {
                return node;
            }
        }
    }

    /// <summary>One or more filters; a null <paramref name="node"/> stands for a captured text, and then the first bar may be missing.</summary>
    public FilterCall ParseFilter(Expression? node, bool startInline = false)
    {
        while (tokens.Current.IsOperator("|") || startInline)
        {
            if (!startInline)
            {
                tokens.Next();
            }

            startInline = false;
            var name = DottedName();
            if (SoftDepth == 0 && Filters.Find(name) is null)
            {
                throw Fail.With("TemplateAssertionError", $"No filter named '{name}'.").At(tokens.Line);
            }

            node = new FilterCall(node, name, tokens.Current.IsOperator("(") ? ParseArguments() : new Arguments());
        }

        return (FilterCall)node!;
    }

    private Expression ParseTest(Expression node)
    {
        var negated = tokens.SkipName("not");
        var name = DottedName();
        var arguments = new Arguments();
        var token = tokens.Current;
        if (token.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if (token.Kind is TokenKind.String or TokenKind.Integer or TokenKind.Float || token.IsOperator("[") || token.IsOperator("{")
            || (token.Kind == TokenKind.Name && token.Text is not ("else" or "or" or "and")))
        {
            if (token.IsName("is"))
            {
                throw tokens.Error("You cannot chain multiple tests with is");
            }

            arguments.Positional.Add(ParsePostfix(ParsePrimary()));
        }

        if (SoftDepth == 0 && Tests.Find(name) is null)
        {
            throw Fail.With("TemplateAssertionError", $"No test named '{name}'.").At(token.Line);
        }

        Expression test = new TestCall(node, name, arguments);
        return negated ? new Not(test) : test;
    }

    private string DottedName()
    {
        var parts = new List<string> { tokens.ExpectName() };
        while (tokens.SkipOperator("."))
        {
            parts.Add(tokens.ExpectName());
        }

        return string.Join('.', parts);
    }

    private Arguments ParseArguments()
    {
        tokens.ExpectOperator("(");
        var arguments = new Arguments();
        var first = true;
        while (!tokens.Current.IsOperator(")"))
        {
            if (!first)
            {
                tokens.ExpectOperator(",");
                if (tokens.Current.IsOperator(")"))
                {
                    break;
                }
            }

            first = false;
            ParseArgument(arguments);
        }

        tokens.ExpectOperator(")");
        return arguments;
    }

    private void ParseArgument(Arguments arguments)
    {
        if (tokens.SkipOperator("*"))
        {
            Require(arguments.Rest is null && arguments.NamedRest is null);
            arguments.Rest = Parse();
        }
        else if (tokens.SkipOperator("**"))
        {
            Require(arguments.NamedRest is null);
            arguments.NamedRest = Parse();
        }
        else if (tokens.Current.Kind == TokenKind.Name && tokens.Ahead.IsOperator("="))
        {
            Require(arguments.NamedRest is null);
            var name = tokens.Next().Text;
            tokens.Next();
            if (arguments.Named.Any(n => n.Name == name))
            {
                throw tokens.Error($"keyword argument repeated: {name}");
            }

            arguments.Named.Add((name, Parse()));
        }
        else
        {
            Require(arguments.Rest is null && arguments.NamedRest is null && arguments.Named.Count == 0);
            arguments.Positional.Add(Parse());
        }
    }

    private void Require(bool condition)
    {
        if (!condition)
        {
            throw tokens.Error("invalid syntax for function call expression");
        }
    }
}
