namespace Lorikeet.Text.Chat.Templating;

/// <summary>A node of the statement tree.</summary>
internal abstract class Statement(int line)
{
    public int Line => line;

    public Flow Run(Scope scope, Runtime runtime)
    {
        runtime.Line = line;
        runtime.Budget.Enter();
        var flow = Exec(scope, runtime);
        runtime.Budget.Leave();
        return flow;
    }

    protected abstract Flow Exec(Scope scope, Runtime runtime);
}

internal sealed class Block(IReadOnlyList<Statement> statements)
{
    public Flow Run(Scope scope, Runtime runtime)
    {
        foreach (var statement in statements)
        {
            var flow = statement.Run(scope, runtime);
            if (flow != Flow.Normal)
            {
                return flow;
            }
        }

        return Flow.Normal;
    }
}

internal sealed class TextStatement(int line, string text) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        runtime.Write(text);
        return Flow.Normal;
    }
}

internal sealed class PrintStatement(int line, Expression value) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        runtime.Write(PyText.Str(value.Evaluate(scope, runtime), runtime.Budget));
        return Flow.Normal;
    }
}

internal sealed class IfStatement(int line, IReadOnlyList<(Expression Test, Block Body)> branches, Block? otherwise) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        foreach (var (test, body) in branches)
        {
            if (test.IsTrue(scope, runtime))
            {
                return body.Run(scope, runtime);
            }
        }

        return otherwise?.Run(scope, runtime) ?? Flow.Normal;
    }
}

/// <summary>What stands left of <c>=</c> or of <c>in</c>: a name, a namespace attribute, or a tuple of targets.</summary>
internal sealed class Target(string name, string? attribute, IReadOnlyList<Target>? parts)
{
    public bool IsName => parts is null && attribute is null;

    public string Name => name;

    public void Assign(object? value, Scope scope, Runtime runtime)
    {
        if (parts is not null)
        {
            Unpack(value, scope, runtime);
        }
        else if (attribute is null)
        {
            scope.Set(name, value);
        }
        else if (scope.TryGet(name, out var found) && found is Namespace space)
        {
            runtime.Budget.Step();
            space.Attributes[attribute] = value;
        }
        else
        {
            throw Fail.With("TemplateRuntimeError", "cannot assign attribute on non-namespace object");
        }
    }

    private void Unpack(object? value, Scope scope, Runtime runtime)
    {
        if (!PyIter.IsIterable(value))
        {
            throw Fail.Type($"cannot unpack non-iterable {PyText.TypeName(value)} object");
        }

        var items = PyIter.Items(value, runtime.Budget).Take(parts!.Count + 1).ToList();
        if (items.Count != parts.Count)
        {
            throw Fail.Value(items.Count > parts.Count
                ? $"too many values to unpack (expected {parts.Count})"
                : $"not enough values to unpack (expected {parts.Count}, got {items.Count})");
        }

        for (var i = 0; i < items.Count; i++)
        {
            parts[i].Assign(items[i], scope, runtime);
        }
    }
}

internal sealed class SetStatement(int line, Target target, Expression value) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        target.Assign(value.Evaluate(scope, runtime), scope, runtime);
        return Flow.Normal;
    }
}

/// <summary><c>{% set name | filter %}...{% endset %}</c>.</summary>
internal sealed class SetBlockStatement(int line, Target target, FilterCall? filter, Block body) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        var inner = new Scope(scope);
        var (text, flow) = runtime.Capture(() => body.Run(inner, runtime));
        if (flow == Flow.Normal)
        {
            target.Assign(filter is null ? text : filter.ApplyChain(text, scope, runtime), scope, runtime);
        }

        return flow;
    }
}

internal sealed class FilterStatement(int line, FilterCall filter, Block body) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        var inner = new Scope(scope);
        var (text, flow) = runtime.Capture(() => body.Run(inner, runtime));
        if (flow == Flow.Normal)
        {
            runtime.Write(PyText.Str(filter.ApplyChain(text, inner, runtime), runtime.Budget));
        }

        return flow;
    }
}

internal sealed class WithStatement(int line, IReadOnlyList<(Target Target, Expression Value)> values, Block body) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        var inner = new Scope(scope);
        foreach (var (target, value) in values)
        {
            target.Assign(value.Evaluate(scope, runtime), inner, runtime);
        }

        return body.Run(inner, runtime);
    }
}

internal sealed class GenerationStatement(int line, Block body) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime) => runtime.Generation(() => body.Run(new Scope(scope), runtime));
}

internal sealed class LoopControlStatement(int line, Flow flow) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime) => flow;
}

internal sealed class MacroStatement(int line, MacroDefinition definition) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        scope.Set(definition.Name, new Macro(definition, scope));
        return Flow.Normal;
    }
}

/// <summary><c>{% call(args) macro(...) %}...{% endcall %}</c>.</summary>
internal sealed class CallStatement(int line, MacroDefinition body, CallExpression call) : Statement(line)
{
    protected override Flow Exec(Scope scope, Runtime runtime)
    {
        runtime.Write(PyText.Str(call.Call(scope, runtime, new Macro(body, scope)), runtime.Budget));
        return Flow.Normal;
    }
}
