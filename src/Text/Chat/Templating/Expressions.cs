using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>A node of the expression tree.</summary>
internal abstract class Expression
{
    /// <summary>The value in <paramref name="scope"/>; counts as one step.</summary>
    public object? Evaluate(Scope scope, Runtime runtime)
    {
        runtime.Budget.Enter();
        var value = Eval(scope, runtime);
        runtime.Budget.Leave();
        return value;
    }

    public bool IsTrue(Scope scope, Runtime runtime) => PyText.Truth(Evaluate(scope, runtime));

    protected abstract object? Eval(Scope scope, Runtime runtime);
}

internal sealed class Constant(object? value) : Expression
{
    public object? Value => value;

    protected override object? Eval(Scope scope, Runtime runtime) => value;
}

internal sealed class Variable(string name) : Expression
{
    public string Name => name;

    protected override object? Eval(Scope scope, Runtime runtime) =>
        scope.TryGet(name, out var value) || Globals.TryGet(name, out value) ? value : Undefined.Name(name);
}

internal sealed class ListLiteral(IReadOnlyList<Expression> items, bool isTuple) : Expression
{
    public IReadOnlyList<Expression> Items => items;

    public bool IsTuple => isTuple;

    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var values = new object?[items.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = items[i].Evaluate(scope, runtime);
        }

        return new PyList(values, isTuple);
    }
}

internal sealed class DictLiteral(IReadOnlyList<(Expression Key, Expression Value)> entries) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var dict = PyDicts.Create(runtime.Budget);
        foreach (var (key, value) in entries)
        {
            dict.Set(key.Evaluate(scope, runtime), value.Evaluate(scope, runtime));
        }

        return dict;
    }
}

internal sealed class Binary(string op, Expression left, Expression right) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var a = left.Evaluate(scope, runtime);
        return PyMath.Binary(op, a, right.Evaluate(scope, runtime), runtime.Budget);
    }
}

internal sealed class Unary(bool minus, Expression operand) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime) => PyMath.Negate(operand.Evaluate(scope, runtime), minus);
}

internal sealed class Not(Expression operand) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime) => !operand.IsTrue(scope, runtime);
}

/// <summary><c>and</c> / <c>or</c>: the value of the operand that decides.</summary>
internal sealed class Logic(bool isAnd, Expression left, Expression right) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var value = left.Evaluate(scope, runtime);
        return PyText.Truth(value) == isAnd ? right.Evaluate(scope, runtime) : value;
    }
}

/// <summary>A chain such as <c>a &lt; b &lt;= c</c>; each operand is evaluated once.</summary>
internal sealed class Comparison(Expression first, IReadOnlyList<(string Op, Expression Right)> rest) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var left = first.Evaluate(scope, runtime);
        foreach (var (op, expression) in rest)
        {
            var right = expression.Evaluate(scope, runtime);
            var holds = op switch
            {
                "==" => PyCompare.Equal(left, right, runtime.Budget),
                "!=" => !PyCompare.Equal(left, right, runtime.Budget),
                "in" => PyCompare.Contains(right, left, runtime.Budget),
                "not in" => !PyCompare.Contains(right, left, runtime.Budget),
                _ => PyCompare.Ordered(left, op, right, runtime.Budget),
            };
            if (!holds)
            {
                return false;
            }

            left = right;
        }

        return true;
    }
}

/// <summary><c>a ~ b ~ c</c>: the operands as text, joined.</summary>
internal sealed class Concatenation(IReadOnlyList<Expression> parts) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var builder = new StringBuilder();
        foreach (var part in parts)
        {
            builder.Append(PyText.Str(part.Evaluate(scope, runtime), runtime.Budget));
            runtime.Budget.Text(builder.Length);
        }

        return builder.ToString();
    }
}

/// <summary><c>a if test else b</c>; without <c>else</c> the value is undefined where the test fails.</summary>
internal sealed class Conditional(int line, Expression test, Expression then, Expression? otherwise) : Expression
{
    private readonly Undefined _noElse = new($"the inline if-expression on line {line} evaluated to false and no else section was defined.");

    protected override object? Eval(Scope scope, Runtime runtime) =>
        test.IsTrue(scope, runtime) ? then.Evaluate(scope, runtime) : otherwise is null ? _noElse : otherwise.Evaluate(scope, runtime);
}

internal sealed class AttributeAccess(Expression target, string name) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime) =>
        PyAccess.Attribute(target.Evaluate(scope, runtime), name, runtime.Budget);
}

internal sealed class ItemAccess(Expression target, Expression key) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var value = target.Evaluate(scope, runtime);
        return PyAccess.Item(value, key.Evaluate(scope, runtime), runtime.Budget);
    }
}

internal sealed class SliceAccess(Expression target, Expression? start, Expression? stop, Expression? step) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var value = target.Evaluate(scope, runtime);
        return PyAccess.Slice(
            value, start?.Evaluate(scope, runtime), stop?.Evaluate(scope, runtime), step?.Evaluate(scope, runtime), runtime.Budget);
    }
}

/// <summary>The arguments of a call as written: positional, named, <c>*list</c> and <c>**dict</c>.</summary>
internal sealed class Arguments
{
    public List<Expression> Positional { get; } = [];

    public List<(string Name, Expression Value)> Named { get; } = [];

    public Expression? Rest { get; set; }

    public Expression? NamedRest { get; set; }

    public CallArgs Evaluate(Scope scope, Runtime runtime)
    {
        if (Positional.Count == 0 && Named.Count == 0 && Rest is null && NamedRest is null)
        {
            return CallArgs.None;
        }

        var values = new List<object?>(Positional.Count);
        foreach (var expression in Positional)
        {
            values.Add(expression.Evaluate(scope, runtime));
        }

        if (Rest is not null)
        {
            values.AddRange(PyIter.Items(Rest.Evaluate(scope, runtime), runtime.Budget));
        }

        var named = new List<KeyValuePair<string, object?>>(Named.Count);
        foreach (var (name, expression) in Named)
        {
            named.Add(new(name, expression.Evaluate(scope, runtime)));
        }

        if (NamedRest is not null)
        {
            var dict = NamedRest.Evaluate(scope, runtime) as PyDict ?? throw Fail.Type("argument after ** must be a mapping");
            foreach (var (key, value) in dict)
            {
                var name = key as string ?? throw Fail.Type("keywords must be strings");
                named.Add(named.Any(n => n.Key == name)
                    ? throw Fail.Type($"got multiple values for keyword argument '{name}'")
                    : new(name, value));
            }
        }

        return new CallArgs(values, named);
    }
}

internal sealed class CallExpression(Expression target, Arguments arguments) : Expression
{
    protected override object? Eval(Scope scope, Runtime runtime) => Call(scope, runtime, null);

    /// <summary>Calls the target; <paramref name="caller"/> is the body of a call block.</summary>
    public object? Call(Scope scope, Runtime runtime, Macro? caller)
    {
        var function = target.Evaluate(scope, runtime);
        var args = arguments.Evaluate(scope, runtime);
        if (caller is not null)
        {
            args = new CallArgs(args.Positional, [.. args.Named, new("caller", caller)]);
        }

        var line = runtime.Line;
        var value = function switch
        {
            Callable callable => callable.Call(args, runtime),
            Undefined undefined => throw undefined.Error(),
            _ => throw Fail.Type($"'{PyText.TypeName(function)}' object is not callable"),
        };
        runtime.Line = line;
        return value;
    }
}

/// <summary><c>target | name(arguments)</c>; in a filter block the target is the captured text.</summary>
internal sealed class FilterCall(Expression? target, string name, Arguments arguments) : Expression
{
    private readonly Filter? _filter = Filters.Find(name);

    protected override object? Eval(Scope scope, Runtime runtime) => Apply(target!.Evaluate(scope, runtime), scope, runtime);

    /// <summary>Applies the filter, and first those written before it, to a captured text.</summary>
    public object? ApplyChain(object? value, Scope scope, Runtime runtime) =>
        Apply(target is FilterCall inner ? inner.ApplyChain(value, scope, runtime) : value, scope, runtime);

    private object? Apply(object? value, Scope scope, Runtime runtime)
    {
        var filter = _filter ?? throw Fail.With("TemplateRuntimeError", $"No filter named '{name}' found.");
        return filter(value, arguments.Evaluate(scope, runtime), runtime);
    }
}

internal sealed class TestCall(Expression target, string name, Arguments arguments) : Expression
{
    private readonly Test? _test = Tests.Find(name);

    protected override object? Eval(Scope scope, Runtime runtime)
    {
        var test = _test ?? throw Fail.With("TemplateRuntimeError", $"No test named '{name}' found.");
        var value = target.Evaluate(scope, runtime);
        return test(value, arguments.Evaluate(scope, runtime), runtime);
    }
}
