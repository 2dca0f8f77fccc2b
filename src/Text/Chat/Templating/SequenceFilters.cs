namespace Lorikeet.Text.Chat.Templating;

/// <summary>The filters that work on sequences and mappings. Lazy where the original is: its results can be read once.</summary>
internal static class SequenceFilters
{
    private static readonly Dictionary<string, Filter> Table = new(StringComparer.Ordinal)
    {
        ["attr"] = (v, a, r) => PyAccess.AttributeOnly(v, a.Bind("attr", "name").Text(0), r.Budget),
        ["batch"] = (v, a, r) => new PyGenerator(Batch(v, a.Bind("batch", "linecount fill_with?"), r)),
        ["count"] = (v, a, r) => PyIter.Length(v, r.Budget),
        ["length"] = (v, a, r) => PyIter.Length(v, r.Budget),
        ["dictsort"] = DictSort,
        ["first"] = (v, a, r) => PyIter.Items(v, r.Budget).FirstOrDefault(new Undefined("No first item, sequence was empty.")),
        ["last"] = Last,
        ["groupby"] = GroupBy,
        ["items"] = (v, a, r) => v switch
        {
            Undefined => new PyGenerator([]),
            PyDict dict => new PyGenerator(new PyDictView(dict, "items").Items()),
            _ => throw Fail.Type("Can only get item pairs from a mapping."),
        },
        ["join"] = Join,
        ["list"] = (v, a, r) => new PyList(PyIter.ToList(v, r.Budget)),
        ["map"] = (v, a, r) => new PyGenerator(Map(v, a, r)),
        ["max"] = (v, a, r) => Extreme(v, a.Bind("max", "case_sensitive? attribute?"), 1, r),
        ["min"] = (v, a, r) => Extreme(v, a.Bind("min", "case_sensitive? attribute?"), -1, r),
        ["reverse"] = Reverse,
        ["select"] = (v, a, r) => new PyGenerator(Select(v, a, r, wanted: true, byAttribute: false)),
        ["reject"] = (v, a, r) => new PyGenerator(Select(v, a, r, wanted: false, byAttribute: false)),
        ["selectattr"] = (v, a, r) => new PyGenerator(Select(v, a, r, wanted: true, byAttribute: true)),
        ["rejectattr"] = (v, a, r) => new PyGenerator(Select(v, a, r, wanted: false, byAttribute: true)),
        ["slice"] = (v, a, r) => new PyGenerator(Slice(v, a.Bind("slice", "slices fill_with?"), r)),
        ["sort"] = Sort,
        ["sum"] = Sum,
        ["unique"] = (v, a, r) => new PyGenerator(Unique(v, a.Bind("unique", "case_sensitive? attribute?"), r)),
    };

    public static Filter? Find(string name) => Table.GetValueOrDefault(name);

    /// <summary>A function that reads a dotted attribute such as <c>a.b.0</c>; null reads the item itself.</summary>
    private static Func<object?, object?> Getter(object? attribute, Runtime runtime, object? fallback = null)
    {
        if (attribute is null)
        {
            return item => item;
        }

        object?[] path = attribute is string or Markup
            ? [.. PyText.Str(attribute, runtime.Budget).Split('.').Select(part => PyNumber.IsDigits(part, out var n) ? n : part)]
            : [attribute];
        return item =>
        {
            foreach (var part in path)
            {
                item = PyAccess.Item(item, part, runtime.Budget);
                item = item is Undefined && fallback is not null ? fallback : item;
            }

            return item;
        };
    }

    private static Func<object?, object?> Folded(Func<object?, object?> getter, bool caseSensitive) =>
        caseSensitive ? getter : item => getter(item) switch
        {
            string s => PyCase.ToLower(s),
            Markup m => PyCase.ToLower(m.Text),
            var other => other,
        };

    private static IEnumerable<object?> Batch(object? value, Bound bound, Runtime runtime)
    {
        var (size, fill) = (bound.Integer(0), bound.Get(1));
        var batch = new List<object?>();
        foreach (var item in PyIter.Items(value, runtime.Budget))
        {
            if (batch.Count == size)
            {
                yield return new PyList(batch);
                batch = [];
            }

            batch.Add(item);
        }

        if (batch.Count > 0)
        {
            var missing = fill is null ? 0 : Math.Max(0, size - batch.Count);
            runtime.Budget.Items(missing);
            batch.AddRange(Enumerable.Repeat(fill, (int)missing));
            yield return new PyList(batch);
        }
    }

    private static IEnumerable<object?> Slice(object? value, Bound bound, Runtime runtime)
    {
        var (slices, fill) = (bound.Integer(0), bound.Get(1));
        var items = PyIter.ToList(value, runtime.Budget);
        if (slices == 0)
        {
            throw Fail.With("ZeroDivisionError", "integer modulo by zero");
        }

        var (size, extra) = ((int)(items.Count / slices), items.Count % slices);
        var start = 0;
        for (var i = 0L; i < slices; i++)
        {
            runtime.Budget.Step();
            var length = i < extra ? size + 1 : size;
            var slice = items.GetRange(start, length);
            start += length;
            if (fill is not null && i >= extra)
            {
                slice.Add(fill);
            }

            yield return new PyList(slice);
        }
    }

    private static PyList DictSort(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("dictsort", "case_sensitive? by? reverse?");
        var by = bound.Text(1, "key");
        if (by is not ("key" or "value"))
        {
            throw Fail.With("FilterArgumentError", "You can only sort by either \"key\" or \"value\"");
        }

        var dict = value as PyDict ?? throw NoItems(value);
        var pairs = new PyDictView(dict, "items").Items().ToList();
        var key = Folded(pair => ((PyList)pair!)[by == "key" ? 0 : 1], bound.Flag(0));
        return new PyList(Sorted(pairs, key, bound.Flag(2), runtime));
    }

    public static ChatTemplateException NoItems(object? value) => value is Undefined undefined
        ? undefined.Error()
        : Fail.With("AttributeError", $"'{PyText.TypeName(value)}' object has no attribute 'items'");

    /// <summary>Stable sort by a key that is computed once per item.</summary>
    private static List<object?> Sorted(List<object?> items, Func<object?, object?> key, bool reverse, Runtime runtime)
    {
        runtime.Budget.Items(items.Count);
        var keyed = items.Select(item => (Key: key(item), Item: item)).ToList();
        PyIter.Sort(keyed, (a, b) => reverse
            ? PyCompare.Order(b.Key, a.Key, runtime.Budget)
            : PyCompare.Order(a.Key, b.Key, runtime.Budget));
        return [.. keyed.Select(k => k.Item)];
    }

    private static PyList Sort(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("sort", "reverse? case_sensitive? attribute?");
        var attribute = bound.Get(2);
        var caseSensitive = bound.Flag(1);
        Func<object?, object?> key;
        if (attribute is string names && names.Contains(','))
        {
            var getters = names.Split(',').Select(name => Folded(Getter(name, runtime), caseSensitive)).ToArray();
            key = item => new PyList([.. getters.Select(getter => getter(item))]);
        }
        else
        {
            key = Folded(Getter(attribute, runtime), caseSensitive);
        }

        return new PyList(Sorted(PyIter.ToList(value, runtime.Budget), key, bound.Flag(0), runtime));
    }

    private static PyList GroupBy(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("groupby", "attribute default? case_sensitive?");
        var getter = Getter(bound.Get(0), runtime, bound.Get(1));
        var key = Folded(getter, bound.Flag(2));
        var sorted = Sorted(PyIter.ToList(value, runtime.Budget), key, reverse: false, runtime);
        var groups = new List<object?>();
        for (var start = 0; start < sorted.Count;)
        {
            var first = key(sorted[start]);
            var end = start + 1;
            while (end < sorted.Count && PyCompare.Equal(first, key(sorted[end]), runtime.Budget))
            {
                end++;
            }

            groups.Add(new PyGroup(getter(sorted[start]), new PyList(sorted.GetRange(start, end - start))));
            start = end;
        }

        return new PyList(groups);
    }

    private static object? Last(object? value, CallArgs args, Runtime runtime)
    {
        args.Bind("last", "");
        if (value is PyGenerator || !PyIter.IsIterable(value))
        {
            throw Fail.Type($"'{PyText.TypeName(value)}' object is not reversible");
        }

        return PyIter.ToList(value, runtime.Budget).LastOrDefault(new Undefined("No last item, sequence was empty."));
    }

    private static string Join(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("join", "d? attribute?");
        var getter = Getter(bound.Get(1), runtime);
        var texts = PyIter.Items(value, runtime.Budget).Select(item => (object?)PyText.Str(getter(item), runtime.Budget));
        var joined = PyString.Join(PyText.Str(bound.Get(0, ""), runtime.Budget), new PyGenerator(texts), runtime.Budget);
        runtime.Budget.Text(joined.Length);
        return joined;
    }

    private static IEnumerable<object?> Map(object? value, CallArgs args, Runtime runtime)
    {
        if (!PyText.Truth(value))
        {
            yield break;
        }

        var function = MapFunction(args, runtime);
        foreach (var item in PyIter.Items(value, runtime.Budget))
        {
            yield return function(item);
        }
    }

    private static Func<object?, object?> MapFunction(CallArgs args, Runtime runtime)
    {
        if (args.Positional.Count == 0 && args.Named.Any(n => n.Key == "attribute"))
        {
            var bound = args.Bind("map", "attribute default?");
            return Getter(bound.Get(0), runtime, bound.Get(1));
        }

        var name = (args.Positional.Count > 0 ? args.Positional[0] : null) as string ?? throw Fail.With("FilterArgumentError", "map requires a filter argument");
        var filter = Filters.Find(name) ?? throw Fail.With("TemplateRuntimeError", $"No filter named '{name}'.");
        var rest = args.Skip(1);
        return item => filter(item, rest, runtime);
    }

    private static IEnumerable<object?> Select(object? value, CallArgs args, Runtime runtime, bool wanted, bool byAttribute)
    {
        if (!PyText.Truth(value))
        {
            yield break;
        }

        var getter = !byAttribute ? item => item
            : args.Positional.Count > 0 ? Getter(args.Positional[0], runtime)
            : throw Fail.With("FilterArgumentError", "Missing parameter for attribute name");
        var used = byAttribute ? 1 : 0;
        Func<object?, bool> accepts = PyText.Truth;
        if (args.Positional.Count > used)
        {
            var name = PyText.Str(args.Positional[used], runtime.Budget);
            var test = Tests.Find(name) ?? throw Fail.With("TemplateRuntimeError", $"No test named '{name}'.");
            var rest = args.Skip(used + 1);
            accepts = item => test(item, rest, runtime);
        }

        foreach (var item in PyIter.Items(value, runtime.Budget))
        {
            if (accepts(getter(item)) == wanted)
            {
                yield return item;
            }
        }
    }

    private static object? Extreme(object? value, Bound bound, int sign, Runtime runtime)
    {
        var key = Folded(Getter(bound.Get(1), runtime), bound.Flag(0));
        object? best = new Undefined("No aggregated item, sequence was empty.");
        object? bestKey = null;
        var any = false;
        foreach (var item in PyIter.Items(value, runtime.Budget))
        {
            var itemKey = key(item);
            if (!any || sign * PyCompare.Order(itemKey, bestKey, runtime.Budget) > 0)
            {
                (best, bestKey, any) = (item, itemKey, true);
            }
        }

        return best;
    }

    private static object? Reverse(object? value, CallArgs args, Runtime runtime)
    {
        args.Bind("reverse", "");
        if (value is string or Markup)
        {
            return PyChars.Reverse(Filters.Soft(value, runtime));
        }

        if (!PyIter.IsIterable(value))
        {
            throw Fail.With("FilterArgumentError", "argument must be iterable");
        }

        var items = PyIter.ToList(value, runtime.Budget);
        items.Reverse();
        return value is PyGenerator ? new PyList(items) : new PyGenerator(items, value is PyList { IsTuple: false } ? "list_reverseiterator" : "reversed");
    }

    private static object? Sum(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("sum", "attribute? start?");
        var getter = Getter(bound.Get(0), runtime);
        var total = bound.Get(1, 0L);
        if (total is string)
        {
            throw Fail.Type("sum() can't sum strings [use ''.join(seq) instead]");
        }

        foreach (var item in PyIter.Items(value, runtime.Budget))
        {
            total = PyMath.Binary("+", total, getter(item), runtime.Budget);
        }

        return total;
    }

    private static IEnumerable<object?> Unique(object? value, Bound bound, Runtime runtime)
    {
        var key = Folded(Getter(bound.Get(1), runtime), bound.Flag(0));
        var seen = PyDicts.Create(runtime.Budget);
        foreach (var item in PyIter.Items(value, runtime.Budget))
        {
            var itemKey = key(item);
            if (!seen.ContainsKey(itemKey))
            {
                seen.Set(itemKey, null);
                yield return item;
            }
        }
    }
}
