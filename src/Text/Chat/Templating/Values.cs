using System.Collections;

namespace Lorikeet.Text.Chat.Templating;

// The template's values are: null (None), bool, long, BigInteger, double, string, and the classes below.

/// <summary>A name, attribute or item that does not exist. Prints as nothing, is false, is empty; anything else fails.</summary>
internal sealed class Undefined(string message, string errorType = "UndefinedError")
{
    public string Message => message;

    public ChatTemplateException Error() => Fail.With(errorType, message);

    public static Undefined Name(string name) => new($"'{name}' is undefined");
}

/// <summary>Text that was HTML-escaped (by the <c>escape</c> filter): adding to it escapes the other side.</summary>
internal sealed class Markup(string text)
{
    public string Text => text;
}

/// <summary>A list or a tuple. Never changed after creation: the sandbox forbids it.</summary>
internal class PyList(IReadOnlyList<object?> items, bool isTuple = false) : IReadOnlyList<object?>
{
    public bool IsTuple => isTuple;

    public int Count => items.Count;

    public object? this[int index] => items[index];

    public IEnumerator<object?> GetEnumerator() => items.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public static PyList Tuple(params object?[] items) => new(items, isTuple: true);
}

/// <summary>One group of <c>groupby</c>: a pair that also knows its parts as <c>grouper</c> and <c>list</c>.</summary>
internal sealed class PyGroup(object? grouper, PyList list) : PyList([grouper, list], isTuple: true);

/// <summary>A dictionary in insertion order with Python's key equality (1, 1.0 and True are one key).</summary>
internal sealed class PyDict(IEqualityComparer<object> comparer) : IEnumerable<KeyValuePair<object?, object?>>
{
    private static readonly object NoneKey = new();
    private readonly OrderedDictionary<object, object?> _items = new(comparer);

    public int Count => _items.Count;

    public bool TryGet(object? key, out object? value) => _items.TryGetValue(key ?? NoneKey, out value);

    public bool ContainsKey(object? key) => _items.ContainsKey(key ?? NoneKey);

    public void Set(object? key, object? value) => _items[key ?? NoneKey] = value;

    public IEnumerable<object?> Keys
    {
        get
        {
            foreach (var (key, _) in this)
            {
                yield return key;
            }
        }
    }

    public IEnumerator<KeyValuePair<object?, object?>> GetEnumerator()
    {
        foreach (var pair in _items)
        {
            yield return new(ReferenceEquals(pair.Key, NoneKey) ? null : pair.Key, pair.Value);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>What <c>dict.keys()</c>, <c>.values()</c> and <c>.items()</c> return.</summary>
internal sealed class PyDictView(PyDict dict, string kind)
{
    public string Kind => kind;

    public PyDict Dict => dict;

    public IEnumerable<object?> Items()
    {
        foreach (var (key, value) in dict)
        {
            yield return kind switch { "keys" => key, "values" => value, _ => PyList.Tuple(key, value) };
        }
    }
}

/// <summary><c>range(start, stop, step)</c>; nothing is stored.</summary>
internal sealed record PyRange(long Start, long Stop, long Step)
{
    public int Count { get; } = (int)Int128.Clamp(
        Step > 0 ? ((Int128)Stop - Start + Step - 1) / Step : ((Int128)Start - Stop - Step - 1) / -(Int128)Step, 0, int.MaxValue);

    public long At(int index) => Start + index * Step;

    public IEnumerable<object?> Items()
    {
        for (var i = 0; i < Count; i++)
        {
            yield return At(i);
        }
    }
}

/// <summary>A one-shot lazy sequence: what <c>map</c>, <c>select</c> and their kin return.</summary>
internal sealed class PyGenerator(IEnumerable<object?> source, string typeName = "generator")
{
    private readonly IEnumerator<object?> _items = source.GetEnumerator();

    public string TypeName => typeName;

    public IEnumerable<object?> Items()
    {
        while (_items.MoveNext())
        {
            yield return _items.Current;
        }
    }
}

/// <summary>The result of <c>namespace()</c>: the one object whose attributes a template may set.</summary>
internal sealed class Namespace
{
    public Dictionary<string, object?> Attributes { get; } = [];
}

/// <summary>Something that can be called: a macro, a method bound to its object, a global function.</summary>
internal abstract class Callable(string name)
{
    public string Name => name;

    public abstract object? Call(CallArgs args, Runtime runtime);

    public virtual object? Attribute(string name) => null;
}

/// <summary>A callable made from a delegate.</summary>
internal sealed class Function(string name, Func<CallArgs, Runtime, object?> body) : Callable(name)
{
    public override object? Call(CallArgs args, Runtime runtime) => body(args, runtime);
}

/// <summary><c>joiner(sep)</c>: returns nothing at the first call and the separator afterwards.</summary>
internal sealed class Joiner(string separator) : Callable("joiner")
{
    private bool _used;

    public override object? Call(CallArgs args, Runtime runtime)
    {
        if (_used)
        {
            return separator;
        }

        _used = true;
        return "";
    }
}

/// <summary><c>cycler(a, b, ...)</c>: hands out its items round and round.</summary>
internal sealed class Cycler(IReadOnlyList<object?> items)
{
    private int _position;

    public object? Current => items[_position];

    public object? Next()
    {
        var current = Current;
        _position = (_position + 1) % items.Count;
        return current;
    }

    public object? Reset()
    {
        _position = 0;
        return null;
    }
}
