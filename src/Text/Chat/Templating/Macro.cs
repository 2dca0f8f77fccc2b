namespace Lorikeet.Text.Chat.Templating;

/// <summary>A macro as written. The flags say which of the special names its body mentions: only then it accepts such arguments.</summary>
internal sealed record MacroDefinition(
    string Name, IReadOnlyList<string> Parameters, IReadOnlyList<Expression> Defaults, Block Body)
{
    public bool UsesVarargs { get; init; }

    public bool UsesKwargs { get; init; }

    public bool UsesCaller { get; init; }
}

/// <summary>A macro with the scope it was defined in; calling it gives the text of its body.</summary>
internal sealed class Macro(MacroDefinition definition, Scope closure) : Callable(definition.Name)
{
    public override object? Call(CallArgs args, Runtime runtime)
    {
        runtime.Budget.Enter();
        var scope = new Scope(closure);
        Bind(args, scope, runtime);
        var (text, _) = runtime.Capture(() => definition.Body.Run(scope, runtime));
        runtime.Budget.Leave();
        return text;
    }

    public override object? Attribute(string name) => name switch
    {
        "name" => Name,
        "arguments" => PyList.Tuple([.. definition.Parameters]),
        "catch_kwargs" => definition.UsesKwargs,
        "catch_varargs" => definition.UsesVarargs,
        "caller" => definition.UsesCaller,
        _ => null,
    };

    private void Bind(CallArgs args, Scope scope, Runtime runtime)
    {
        var parameters = definition.Parameters;
        var named = new Dictionary<string, object?>(args.Named, StringComparer.Ordinal);
        if (args.Positional.Count > parameters.Count && !definition.UsesVarargs)
        {
            throw Fail.Type($"macro '{Name}' takes not more than {parameters.Count} argument(s)");
        }

        var firstDefault = parameters.Count - definition.Defaults.Count;
        for (var i = 0; i < parameters.Count; i++)
        {
            var name = parameters[i];
            if (i < args.Positional.Count)
            {
                scope.Set(name, args.Positional[i]);
            }
            else if (named.Remove(name, out var value))
            {
                scope.Set(name, value);
            }
            else
            {
                scope.Set(name, i >= firstDefault
                    ? definition.Defaults[i - firstDefault].Evaluate(scope, runtime)
                    : new Undefined($"parameter '{name}' was not provided"));
            }
        }

        BindSpecial(args, named, scope, runtime);
    }

    private void BindSpecial(CallArgs args, Dictionary<string, object?> named, Scope scope, Runtime runtime)
    {
        if (definition.UsesCaller && !definition.Parameters.Contains("caller"))
        {
            scope.Set("caller", named.Remove("caller", out var caller) && caller is not null ? caller : new Undefined("No caller defined"));
        }

        if (definition.UsesKwargs)
        {
            scope.Set("kwargs", PyDicts.Of(args.Named.Where(p => named.ContainsKey(p.Key)), runtime.Budget));
        }
        else if (named.Count > 0)
        {
            var name = args.Named.First(p => named.ContainsKey(p.Key)).Key;
            throw Fail.Type(name == "caller"
                ? $"macro '{Name}' was invoked with two values for the special caller argument. This is most likely a bug."
                : $"macro '{Name}' takes no keyword argument '{name}'");
        }

        if (definition.UsesVarargs)
        {
            scope.Set("varargs", new PyList([.. args.Positional.Skip(definition.Parameters.Count)], isTuple: true));
        }
    }
}
