namespace Lorikeet.Text.Chat.Templating;

/// <summary><c>{% for target in items if filter recursive %}...{% else %}...{% endfor %}</c>.</summary>
internal sealed class ForStatement(int line, Target target, Expression items, Block body) : Statement(line)
{
    public Expression? Filter { get; init; }

    public Block? Otherwise { get; init; }

    public bool IsRecursive { get; init; }

    protected override Flow Exec(Scope scope, Runtime runtime) => Loop(items.Evaluate(scope, runtime), scope, runtime, depth: 0);

    /// <summary>Runs the loop over <paramref name="values"/>; for recursive loops also with their children.</summary>
    public Flow Loop(object? values, Scope scope, Runtime runtime, int depth)
    {
        var source = PyIter.Items(values, runtime.Budget);
        source = Filter is null ? source : Accepted(source, scope, runtime);
        var loop = new LoopContext(source, Filter is null ? values : null, depth, IsRecursive ? this : null, scope, runtime);
        var completed = false;
        while (loop.MoveNext())
        {
            var inner = new Scope(scope);
            inner.Set("loop", loop);
            target.Assign(loop.Current, inner, runtime);
            var flow = body.Run(inner, runtime);
            completed |= flow == Flow.Normal;
            if (flow == Flow.Break)
            {
                break;
            }
        }

        // As in Jinja, an iteration that ends by break or continue doesn't count.
        return completed || Otherwise is null ? Flow.Normal : Otherwise.Run(new Scope(scope), runtime);
    }

    // Lazy, like the original: the filter sees what the body changed.
    private IEnumerable<object?> Accepted(IEnumerable<object?> source, Scope scope, Runtime runtime)
    {
        foreach (var item in source)
        {
            var inner = new Scope(scope);
            target.Assign(item, inner, runtime);
            if (Filter!.IsTrue(inner, runtime))
            {
                yield return item;
            }
        }
    }
}

/// <summary>The <c>loop</c> variable.</summary>
internal sealed class LoopContext : Callable
{
    private readonly IEnumerator<object?> _items;
    private readonly Queue<object?> _ahead = new();
    private readonly ForStatement? _recursive;
    private readonly Scope _scope;
    private readonly int _depth;
    private long? _length;
    private object? _previous = new Undefined("there is no previous item");
    private CallArgs? _lastChanged;

    public LoopContext(IEnumerable<object?> source, object? sized, int depth, ForStatement? recursive, Scope scope, Runtime runtime) : base("loop")
    {
        _items = source.GetEnumerator();
        _depth = depth;
        _recursive = recursive;
        _scope = scope;
        _length = sized is null or PyGenerator ? null : PyIter.Length(sized, runtime.Budget);
    }

    public object? Current { get; private set; }

    /// <summary>1-based number of the current item; 0 before the first.</summary>
    public long Index { get; private set; }

    public long Length
    {
        get
        {
            if (_length is null)
            {
                while (_items.MoveNext())
                {
                    _ahead.Enqueue(_items.Current);
                }

                _length = Index + _ahead.Count;
            }

            return _length.Value;
        }
    }

    public bool MoveNext()
    {
        if (!Peek())
        {
            return false;
        }

        if (Index > 0)
        {
            _previous = Current;
        }

        Current = _ahead.Dequeue();
        Index++;
        return true;
    }

    private bool Peek()
    {
        if (_ahead.Count == 0 && _items.MoveNext())
        {
            _ahead.Enqueue(_items.Current);
        }

        return _ahead.Count > 0;
    }

    public override object? Attribute(string name) => name switch
    {
        "index" => Index,
        "index0" => Index - 1,
        "revindex" => Length - Index + 1,
        "revindex0" => Length - Index,
        "first" => Index == 1,
        "last" => !Peek(),
        "length" => Length,
        "depth" => _depth + 1L,
        "depth0" => (long)_depth,
        "previtem" => _previous ?? PyAccess.Absent.Value,
        "nextitem" => Peek() ? _ahead.Peek() ?? PyAccess.Absent.Value : new Undefined("there is no next item"),
        "cycle" => new Function(name, (args, _) => args.Positional.Count == 0
            ? throw Fail.Type("no items for cycling given")
            : args.Positional[(int)((Index - 1) % args.Positional.Count)]),
        "changed" => new Function(name, Changed),
        _ => null,
    };

    private object? Changed(CallArgs args, Runtime runtime)
    {
        var same = _lastChanged is { } last && PyCompare.Equal(new PyList(last.Positional), new PyList(args.Positional), runtime.Budget);
        _lastChanged = args;
        return !same;
    }

    public override object? Call(CallArgs args, Runtime runtime)
    {
        if (_recursive is null)
        {
            throw Fail.Type("The loop must have the 'recursive' marker to be called recursively.");
        }

        var values = args.Bind("loop", "iterable").Get(0);
        runtime.Budget.Enter();
        var (text, _) = runtime.Capture(() => _recursive.Loop(values, _scope, runtime, _depth + 1));
        runtime.Budget.Leave();
        return text;
    }
}
