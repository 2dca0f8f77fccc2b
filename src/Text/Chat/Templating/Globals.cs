namespace Lorikeet.Text.Chat.Templating;

/// <summary>The names every template knows: Jinja's functions and the two that transformers adds.</summary>
internal static class Globals
{
    private const int MaxRange = 100_000;

    private static readonly Dictionary<string, object?> Table = new(StringComparer.Ordinal)
    {
        ["range"] = new Function("range", (args, _) => Range(args)),
        ["dict"] = new Function("dict", (args, runtime) => Dict("dict", args, runtime.Budget)),
        ["namespace"] = new Function("namespace", MakeNamespace),
        ["joiner"] = new Function("joiner", (args, runtime) => new Joiner(PyText.Str(args.Bind("joiner", "sep?").Get(0, ", "), runtime.Budget))),
        ["cycler"] = new Function("cycler", (args, _) => args.Positional.Count > 0
            ? new Cycler(args.Positional)
            : throw Fail.With("RuntimeError", "at least one item has to be provided")),
        ["lipsum"] = new Function("lipsum", (_, _) =>
            throw Fail.With("TemplateRuntimeError", "lipsum() is refused: rendering must give the same text every time")),
        ["raise_exception"] = new Function("raise_exception", (args, runtime) =>
            throw Fail.With("TemplateError", PyText.Str(args.Bind("raise_exception", "message").Get(0), runtime.Budget))),
        ["strftime_now"] = new Function("strftime_now", (args, runtime) =>
            Strftime.Format(runtime.Time.GetLocalNow(), args.Bind("strftime_now", "format").Text(0), runtime.Budget)),
    };

    public static bool TryGet(string name, out object? value) => Table.TryGetValue(name, out value);

    private static PyRange Range(CallArgs args)
    {
        var bound = args.Positional.Count == 1 ? args.Bind("range", "stop") : args.Bind("range", "start stop step?");
        var (start, stop, step) = args.Positional.Count == 1
            ? (0, bound.Integer(0), 1)
            : (bound.Integer(0), bound.Integer(1), bound.Integer(2, 1));
        if (step == 0)
        {
            throw Fail.Value("range() arg 3 must not be zero");
        }

        var span = step > 0 ? (decimal)stop - start : (decimal)start - stop;
        if (span > 0 && Math.Ceiling(span / Math.Abs((decimal)step)) > MaxRange)
        {
            throw Fail.With("OverflowError", $"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MaxRange}).");
        }

        // An empty range keeps small bounds, so that counting its items can't overflow.
        return span <= 0 ? new PyRange(start, start, 1) : new PyRange(start, stop, step);
    }

    private static PyDict Dict(string name, CallArgs args, Budget budget)
    {
        var dict = PyDicts.Create(budget);
        if (args.Positional.Count > 1)
        {
            throw Fail.Type($"{name} expected at most 1 argument, got {args.Positional.Count}");
        }

        foreach (var source in args.Positional)
        {
            foreach (var entry in source is PyDict from ? new PyDictView(from, "items").Items() : PyIter.Items(source, budget))
            {
                var pair = PyIter.ToList(entry, budget);
                dict.Set(pair[0], pair.Count == 2 ? pair[1] : throw Fail.Value("dictionary update sequence element must have length 2"));
            }
        }

        foreach (var (key, value) in args.Named)
        {
            dict.Set(key, value);
        }

        return dict;
    }

    private static Namespace MakeNamespace(CallArgs args, Runtime runtime)
    {
        var space = new Namespace();
        foreach (var (key, value) in Dict("namespace", args, runtime.Budget))
        {
            space.Attributes[PyText.Str(key, runtime.Budget)] = value;
        }

        return space;
    }
}
