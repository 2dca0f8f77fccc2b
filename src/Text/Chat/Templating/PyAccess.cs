using System.Numerics;

namespace Lorikeet.Text.Chat.Templating;

/// <summary><c>object.name</c>, <c>object[key]</c> and slices, with the sandbox's rules.</summary>
internal static class PyAccess
{
    // Methods that would change their object; the immutable sandbox names them unsafe.
    private static readonly HashSet<string> ListChanges = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
    private static readonly HashSet<string> DictChanges = ["clear", "pop", "popitem", "setdefault", "update"];

    /// <summary><c>value.name</c>: the attribute, else the item of that name.</summary>
    public static object? Attribute(object? value, string name, Budget budget)
    {
        if (value is Undefined undefined)
        {
            throw undefined.Error();
        }

        if (FindAttribute(value, name, out var found))
        {
            return found;
        }

        return value is PyDict dict && dict.TryGet(name, out var item) ? item : Missing(value, name, budget);
    }

    /// <summary>The <c>attr</c> filter: the attribute, never an item.</summary>
    public static object? AttributeOnly(object? value, string name, Budget budget) => value is Undefined undefined
        ? throw undefined.Error()
        : FindAttribute(value, name, out var found) ? found : Missing(value, name, budget);

    /// <summary><c>value[key]</c>: the item, else the attribute of that name.</summary>
    public static object? Item(object? value, object? key, Budget budget)
    {
        switch (value)
        {
            case Undefined undefined:
                throw undefined.Error();
            case PyDict dict when key is not (PyList { IsTuple: false } or PyDict) && dict.TryGet(key, out var found):
                return found;
            case PyList list when Index(key, list.Count) is { } i:
                return list[i];
            case PyRange range when Index(key, range.Count) is { } i:
                return range.At(i);
            case string or Markup when key is long or bool:
                var text = PyText.Str(value, budget);
                budget.Scan(text.Length);
                if (Index(key, PyChars.Length(text)) is { } at)
                {
                    var offset = PyChars.Offset(text, at);
                    return text.Substring(offset, PyChars.Width(text, offset));
                }

                break;
        }

        return key is string or Markup && FindAttribute(value, PyText.Str(key, budget), out var attribute)
            ? attribute
            : Missing(value, key, budget);
    }

    private static int? Index(object? key, int count)
    {
        var index = key switch { long n => n, bool b => b ? 1 : 0, _ => long.MaxValue };
        index = index < 0 ? index + count : index;
        return index >= 0 && index < count ? (int)index : null;
    }

    private static Undefined Missing(object? value, object? name, Budget budget)
    {
        var what = PyText.ObjectName(value);
        return name is string or Markup
            ? new Undefined($"'{what}' has no attribute {PyText.Repr(PyText.Str(name, budget), budget)}")
            : new Undefined($"{what} has no element {PyText.Repr(name, budget)}");
    }

    private static bool FindAttribute(object? value, string name, out object? found)
    {
        found = Lookup(value, name);
        if (found is null && value is Namespace space)
        {
            return space.Attributes.TryGetValue(name, out found);
        }

        if (found is null && name.StartsWith("__", StringComparison.Ordinal) && name is "__class__" or "__init__" or "__dict__" or "__doc__"
            or "__module__" or "__subclasses__" or "__mro__" or "__bases__" or "__globals__" or "__len__" or "__iter__" or "__getitem__"
            or "__str__" or "__repr__" or "__eq__" or "__hash__" or "__add__" or "__contains__" or "__getattribute__" or "__reduce__")
        {
            found = Unsafe(value, name);
        }

        if (found is Absent)
        {
            found = null; // the attribute exists and its value is None
            return true;
        }

        return found is not null;
    }

    private static object? Lookup(object? value, string name) => value switch
    {
        string s => PyString.Method(s, name),
        Markup m => PyString.Method(m.Text, name),
        PyList { IsTuple: false } when ListChanges.Contains(name) => Unsafe(value, name),
        PyGroup group when name is "grouper" => group[0] ?? Absent.Value,
        PyGroup group when name is "list" => group[1],
        PyList list => ListMethod(list, name),
        PyDict when DictChanges.Contains(name) => Unsafe(value, name),
        PyDict dict => DictMethod(dict, name),
        PyRange range => RangeMember(range, name),
        Cycler cycler => name switch
        {
            "next" => new Function(name, (_, _) => cycler.Next()),
            "reset" => new Function(name, (_, _) => cycler.Reset()),
            "current" => cycler.Current ?? Absent.Value,
            _ => null,
        },
        LoopContext loop => loop.Attribute(name),
        Callable callable => callable.Attribute(name),
        double d when name == "is_integer" => new Function(name, (_, _) => double.IsFinite(d) && d == Math.Floor(d)),
        long or bool or BigInteger when name is "real" or "numerator" => PyNumber.Shrink(PyMath.ToBig(value)),
        long or bool or BigInteger when name == "bit_length" =>
            new Function(name, (_, _) => (long)BigInteger.Abs(PyMath.ToBig(value)).GetBitLength()),
        _ => null,
    };

    private static Undefined Unsafe(object? value, string name) =>
        new($"access to attribute '{name}' of '{PyText.TypeName(value)}' object is unsafe.", "SecurityError");

    private static Function? ListMethod(PyList list, string name) => name switch
    {
        "index" => new Function(name, (args, runtime) => IndexOf(list, args, runtime.Budget)),
        "count" => new Function(name, (args, runtime) =>
        {
            var wanted = args.Bind("count", "value").Get(0);
            return list.LongCount(item => PyCompare.Equal(item, wanted, runtime.Budget));
        }),
        "copy" when !list.IsTuple => new Function(name, (_, _) => new PyList([.. list])),
        _ => null,
    };

    private static long IndexOf(PyList list, CallArgs args, Budget budget)
    {
        var bound = args.Bind("index", "value start? stop?");
        var end = Clamp(bound.Integer(2, list.Count), list.Count);
        for (var i = Clamp(bound.Integer(1), list.Count); i < end; i++)
        {
            if (PyCompare.Equal(list[i], bound.Get(0), budget))
            {
                return i;
            }
        }

        throw Fail.Value($"{PyText.Repr(bound.Get(0), budget)} is not in {(list.IsTuple ? "tuple" : "list")}");
    }

    private static Function? DictMethod(PyDict dict, string name) => name switch
    {
        "get" => new Function(name, (args, _) =>
        {
            var bound = args.Bind("get", "key default?");
            return dict.TryGet(bound.Get(0), out var value) ? value : bound.Get(1);
        }),
        "keys" or "values" or "items" => new Function(name, (args, _) =>
        {
            args.Bind(name, "");
            return new PyDictView(dict, name);
        }),
        "copy" => new Function(name, (_, _) => dict),
        "fromkeys" => new Function(name, (args, runtime) =>
        {
            var bound = args.Bind(name, "iterable value?");
            var result = PyDicts.Create(runtime.Budget);
            foreach (var key in PyIter.Items(bound.Get(0), runtime.Budget))
            {
                result.Set(key, bound.Get(1));
            }

            return result;
        }),
        _ => null,
    };

    private static object? RangeMember(PyRange range, string name) => name switch
    {
        "start" => range.Start,
        "stop" => range.Stop,
        "step" => range.Step,
        _ => null,
    };

    /// <summary>A slice bound as an index in 0..count.</summary>
    public static int Clamp(long index, int count) => (int)Math.Clamp(index < 0 ? index + count : index, 0, count);

    /// <summary><c>value[start:stop:step]</c>; null stands for an omitted bound.</summary>
    public static object? Slice(object? value, object? start, object? stop, object? step, Budget budget)
    {
        switch (value)
        {
            case string or Markup:
                return SliceText(PyText.Str(value, budget), start, stop, step, budget);
            case PyList list:
                var picked = Indices(list.Count, start, stop, step).Select(i => list[i]).ToArray();
                budget.Items(picked.Length);
                return new PyList(picked, list.IsTuple);
            case PyRange range:
                var (first, count, stride) = Plan(range.Count, start, stop, step);
                var from = range.Start + first * range.Step;
                return new PyRange(from, from + count * stride * range.Step, stride * range.Step);
            case Undefined undefined:
                throw undefined.Error();
            case PyDict:
                throw Fail.Type("unhashable type: 'slice'");
            default:
                throw Fail.Type($"'{PyText.TypeName(value)}' object is not subscriptable");
        }
    }

    private static string SliceText(string text, object? start, object? stop, object? step, Budget budget)
    {
        budget.Text(text.Length);
        var (first, count, stride) = Plan(PyChars.Length(text), start, stop, step);
        if (count == 0)
        {
            return "";
        }

        if (stride == 1)
        {
            var from = PyChars.Offset(text, (int)first);
            var to = PyChars.Offset(text, (int)(first + count));
            return text[from..to];
        }

        budget.Items(text.Length);
        var pieces = PyChars.Split(text).ToArray();
        return string.Concat(Indices(pieces.Length, start, stop, step).Select(i => pieces[i]));
    }

    private static IEnumerable<int> Indices(int length, object? start, object? stop, object? step)
    {
        var (first, count, stride) = Plan(length, start, stop, step);
        for (var i = 0L; i < count; i++)
        {
            yield return (int)(first + i * stride);
        }
    }

    private static (long First, long Count, long Stride) Plan(int length, object? start, object? stop, object? step)
    {
        var stride = Bound(step) ?? 1;
        if (stride == 0)
        {
            throw Fail.Value("slice step cannot be zero");
        }

        stride = Math.Clamp(stride, -int.MaxValue, int.MaxValue);
        var (low, high) = stride > 0 ? (0, length) : (-1, length - 1);
        long Place(object? bound, long fallback) => Bound(bound) is { } n ? Math.Clamp(n < 0 ? n + length : n, low, high) : fallback;
        var first = Place(start, stride > 0 ? 0 : length - 1);
        var last = Place(stop, stride > 0 ? length : -1);
        var span = stride > 0 ? last - first : first - last;
        var size = Math.Abs(stride);
        return (first, span <= 0 ? 0 : (span + size - 1) / size, stride);
    }

    private static long? Bound(object? bound) => bound switch
    {
        null => null,
        long n => n,
        bool b => b ? 1 : 0,
        BigInteger n => n.Sign < 0 ? -(1L << 40) : 1L << 40,
        Undefined => throw Fail.Type("slice indices must be integers or None or have an __index__ method"),
        _ => throw Fail.Type("slice indices must be integers or None or have an __index__ method"),
    };

    /// <summary>Marks an attribute that exists and is None.</summary>
    public sealed class Absent
    {
        public static readonly Absent Value = new();
    }
}
