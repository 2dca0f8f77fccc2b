using System.Numerics;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Python's <c>==</c>, <c>&lt;</c>, <c>in</c> and <c>hash()</c> on template values.</summary>
internal static class PyCompare
{
    public static bool Equal(object? a, object? b, Budget budget)
    {
        if (ReferenceEquals(a, b))
        {
            return a is not double.NaN;
        }

        switch (a, b)
        {
            case (string or Markup, string or Markup):
                var (left, right) = (PyText.Str(a, budget), PyText.Str(b, budget));
                budget.Scan(left.Length == right.Length ? left.Length : 0);
                return string.Equals(left, right, StringComparison.Ordinal);
            case (null, _) or (_, null):
                return false;
            case (Undefined, Undefined): // whatever they are called
                return true;
            case (PyList x, PyList y):
                return x.IsTuple == y.IsTuple && x.Count == y.Count && SameItems(x, y, budget);
            case (PyDict x, PyDict y):
                return x.Count == y.Count && SameEntries(x, y, budget);
            case (PyRange x, PyRange y):
                return x.Count == y.Count && (x.Count == 0 || (x.Start == y.Start && (x.Count == 1 || x.Step == y.Step)));
            case (PyDictView x, PyDictView y):
                return x.Kind == y.Kind && x.Kind != "values" && SameEntries(x.Dict, y.Dict, budget);
            default:
                return IsNumber(a) && IsNumber(b) && Numbers(a, b) == 0;
        }
    }

    private static bool SameItems(PyList a, PyList b, Budget budget)
    {
        budget.Enter();
        for (var i = 0; i < a.Count; i++)
        {
            if (!Equal(a[i], b[i], budget))
            {
                budget.Leave();
                return false;
            }

            budget.Step();
        }

        budget.Leave();
        return true;
    }

    private static bool SameEntries(PyDict a, PyDict b, Budget budget)
    {
        budget.Enter();
        var same = a.Count == b.Count;
        foreach (var (key, value) in a)
        {
            budget.Step();
            if (!same || !b.TryGet(key, out var other) || !Equal(value, other, budget))
            {
                same = false;
                break;
            }
        }

        budget.Leave();
        return same;
    }

    public static bool IsNumber(object? value) => value is long or double or bool or BigInteger;

    /// <summary>Order of two numbers; null if one is NaN.</summary>
    private static int? Numbers(object a, object b)
    {
        if (a is double || b is double)
        {
            if (a is double.NaN || b is double.NaN)
            {
                return null;
            }

            if (a is double x && b is double y)
            {
                return x.CompareTo(y);
            }

            // An integer and a float compare exactly, not after rounding.
            var f = a is double ? (double)a : (double)b;
            if (double.IsInfinity(f))
            {
                return a is double == f > 0 ? 1 : -1;
            }

            var whole = new BigInteger(Math.Floor(f));
            var order = (a is double ? PyMath.ToBig(b) : PyMath.ToBig(a)).CompareTo(whole);
            order = order == 0 && f > Math.Floor(f) ? -1 : order;
            return a is double ? -order : order;
        }

        return a is long m && b is long n ? m.CompareTo(n) : PyMath.ToBig(a).CompareTo(PyMath.ToBig(b));
    }

    /// <summary>Evaluates <c>a op b</c> for one of &lt;, &lt;=, &gt;, &gt;=.</summary>
    public static bool Ordered(object? a, string op, object? b, Budget budget)
    {
        var order = Order(a, b, op, budget);
        return order is { } n && op switch { "<" => n < 0, "<=" => n <= 0, ">" => n > 0, _ => n >= 0 };
    }

    /// <summary>Order for sorting; fails where Python's &lt; would.</summary>
    public static int Order(object? a, object? b, Budget budget) => Order(a, b, "<", budget) ?? 0;

    private static int? Order(object? a, object? b, string op, Budget budget)
    {
        budget.Step();
        switch (a, b)
        {
            case (Undefined u, _):
                throw u.Error();
            case (_, Undefined u):
                throw u.Error();
            case (string or Markup, string or Markup):
                var left = PyText.Str(a, budget);
                budget.Items(left.Length / 16);
                return PyChars.Compare(left, PyText.Str(b, budget));
            case (PyList x, PyList y) when x.IsTuple == y.IsTuple:
                return OrderItems(x, y, op, budget);
        }

        if (a is not null && b is not null && IsNumber(a) && IsNumber(b))
        {
            return Numbers(a, b);
        }

        throw Fail.Type($"'{op}' not supported between instances of '{PyText.TypeName(a)}' and '{PyText.TypeName(b)}'");
    }

    private static int? OrderItems(PyList a, PyList b, string op, Budget budget)
    {
        budget.Enter();
        int? order = a.Count.CompareTo(b.Count);
        for (var i = 0; i < Math.Min(a.Count, b.Count); i++)
        {
            if (!Equal(a[i], b[i], budget))
            {
                order = Order(a[i], b[i], op, budget);
                break;
            }
        }

        budget.Leave();
        return order;
    }

    /// <summary>Python's <c>item in container</c>.</summary>
    public static bool Contains(object? container, object? item, Budget budget)
    {
        switch (container)
        {
            case string or Markup:
                if (item is not (string or Markup))
                {
                    throw Fail.Type($"'in <string>' requires string as left operand, not {PyText.TypeName(item)}");
                }

                var text = PyText.Str(container, budget);
                budget.Text(text.Length);
                return text.Contains(PyText.Str(item, budget), StringComparison.Ordinal);
            case PyDict dict:
                return dict.ContainsKey(item);
            case PyDictView { Kind: "keys" } view:
                return view.Dict.ContainsKey(item);
            case Namespace or Callable or Cycler or null or bool or long or double or BigInteger:
                throw Fail.Type($"argument of type '{PyText.TypeName(container)}' is not iterable");
            default:
                foreach (var candidate in PyIter.Items(container, budget))
                {
                    if (Equal(candidate, item, budget))
                    {
                        return true;
                    }
                }

                return false;
        }
    }

    /// <summary>Key equality of dictionaries, charged to the rendering's budget.</summary>
    public sealed class KeyComparer(Budget budget) : IEqualityComparer<object>
    {
        public new bool Equals(object? a, object? b) => Equal(a, b, budget);

        public int GetHashCode(object key)
        {
            budget.Enter();
            budget.Items(key is string text ? text.Length / 16 : 0);
            var hash = key switch
            {
                string s => s.GetHashCode(),
                Markup m => m.Text.GetHashCode(),
                bool b => b ? 1 : 0,
                long n => n.GetHashCode(),
                double d when d == Math.Floor(d) && Math.Abs(d) < 1e18 => ((long)d).GetHashCode(),
                double d when double.IsFinite(d) && d == Math.Floor(d) => new BigInteger(d).GetHashCode(),
                PyList { IsTuple: true } tuple => tuple.Aggregate(17, (h, item) => HashCode.Combine(h, item is null ? 0 : GetHashCode(item))),
                PyList or PyDict => throw Fail.Type($"unhashable type: '{PyText.TypeName(key)}'"),
                Undefined => 7,
                _ => key.GetHashCode(),
            };
            budget.Leave();
            return hash;
        }
    }
}
