using System.Globalization;
using System.Numerics;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Python's <c>type().__name__</c>, <c>bool()</c>, <c>str()</c> and <c>repr()</c> of template values.</summary>
internal static class PyText
{
    public static string TypeName(object? value) => value switch
    {
        null => "NoneType",
        bool => "bool",
        long or BigInteger => "int",
        double => "float",
        string => "str",
        Markup => "Markup",
        PyList list => list.IsTuple ? "tuple" : "list",
        PyDict => "dict",
        PyDictView view => "dict_" + view.Kind,
        PyRange => "range",
        PyGenerator generator => generator.TypeName,
        Undefined => "Undefined",
        Namespace => "Namespace",
        Macro => "Macro",
        LoopContext => "LoopContext",
        Cycler => "Cycler",
        Joiner => "Joiner",
        Callable => "builtin_function_or_method",
        _ => value.GetType().Name,
    };

    /// <summary>How messages about missing attributes name the object.</summary>
    public static string ObjectName(object? value) => value switch
    {
        null => "None",
        Namespace or Cycler or Joiner => "jinja2.utils." + TypeName(value) + " object",
        Macro or LoopContext => "jinja2.runtime." + TypeName(value) + " object",
        Markup => "markupsafe.Markup object",
        _ => TypeName(value) + " object",
    };

    public static bool Truth(object? value) => value switch
    {
        null or Undefined => false,
        bool b => b,
        long n => n != 0,
        double d => d != 0,
        string s => s.Length > 0,
        Markup m => m.Text.Length > 0,
        BigInteger n => !n.IsZero,
        PyList list => list.Count > 0,
        PyDict dict => dict.Count > 0,
        PyDictView view => view.Dict.Count > 0,
        PyRange range => range.Count > 0,
        _ => true,
    };

    /// <summary>Python's <c>str(value)</c>.</summary>
    public static string Str(object? value, Budget budget)
    {
        switch (value)
        {
            case string s:
                return s;
            case Markup m:
                return m.Text;
            case Undefined:
                return "";
            case null or bool or long or double or BigInteger:
                return Scalar(value, budget);
            default:
                var builder = new StringBuilder();
                Repr(value, builder, budget);
                return builder.ToString();
        }
    }

    public static string Repr(object? value, Budget budget)
    {
        var builder = new StringBuilder();
        Repr(value, builder, budget);
        return builder.ToString();
    }

    private static string Scalar(object? value, Budget budget)
    {
        switch (value)
        {
            case null:
                return "None";
            case bool b:
                return b ? "True" : "False";
            case long n:
                return n.ToString(CultureInfo.InvariantCulture);
            case double d:
                return PyNumber.FloatRepr(d);
            default:
                var big = (BigInteger)value;
                budget.Text(big.GetBitLength()); // printing is slower than linear
                return big.ToString(CultureInfo.InvariantCulture);
        }
    }

    private static void Repr(object? value, StringBuilder to, Budget budget)
    {
        budget.Enter();
        var before = to.Length;
        switch (value)
        {
            case null or bool or long or double or BigInteger:
                to.Append(Scalar(value, budget));
                break;
            case string s:
                Quote(s, to);
                break;
            case Markup m:
                to.Append("Markup(");
                Quote(m.Text, to);
                to.Append(')');
                break;
            case PyList { IsTuple: true } tuple:
                Sequence(tuple, '(', tuple.Count == 1 ? ",)" : ")", to, budget);
                break;
            case PyList list:
                Sequence(list, '[', "]", to, budget);
                break;
            case PyDict dict:
                Mapping(dict, to, budget);
                break;
            case Namespace space:
                to.Append("<Namespace ");
                Mapping(PyDicts.Of(space.Attributes, budget), to, budget);
                to.Append('>');
                break;
            case PyDictView view:
                to.Append("dict_").Append(view.Kind).Append('(');
                Sequence(view.Items(), '[', "]", to, budget);
                to.Append(')');
                break;
            default:
                to.Append(Opaque(value));
                break;
        }

        if (to.Length > budget.MaxLength)
        {
            budget.Text(to.Length);
        }

        budget.Items((to.Length - before) / 16);
        budget.Leave();
    }

    private static string Opaque(object value) => value switch
    {
        Undefined => "Undefined",
        PyRange { Step: 1 } r => string.Create(CultureInfo.InvariantCulture, $"range({r.Start}, {r.Stop})"),
        PyRange r => string.Create(CultureInfo.InvariantCulture, $"range({r.Start}, {r.Stop}, {r.Step})"),
        Macro macro => $"<Macro '{macro.Name}'>",
        LoopContext loop => string.Create(CultureInfo.InvariantCulture, $"<LoopContext {loop.Index}/{loop.Length}>"),
        Callable callable => $"<function {callable.Name}>",
        _ => $"<{TypeName(value)} object>",
    };

    private static void Sequence(IEnumerable<object?> items, char open, string close, StringBuilder to, Budget budget)
    {
        to.Append(open);
        var first = true;
        foreach (var item in items)
        {
            if (!first)
            {
                to.Append(", ");
            }

            first = false;
            Repr(item, to, budget);
        }

        to.Append(close);
    }

    private static void Mapping(PyDict dict, StringBuilder to, Budget budget)
    {
        to.Append('{');
        var first = true;
        foreach (var (key, item) in dict)
        {
            if (!first)
            {
                to.Append(", ");
            }

            first = false;
            Repr(key, to, budget);
            to.Append(": ");
            Repr(item, to, budget);
        }

        to.Append('}');
    }

    /// <summary>Appends the repr of a string: single quotes unless only double ones avoid an escape.</summary>
    private static void Quote(string text, StringBuilder to)
    {
        var quote = text.Contains('\'') && !text.Contains('"') ? '"' : '\'';
        to.Append(quote);
        for (var i = 0; i < text.Length;)
        {
            var ok = Rune.TryGetRuneAt(text, i, out var rune);
            var code = ok ? rune.Value : text[i];
            if (code == quote || code == '\\')
            {
                to.Append('\\').Append((char)code);
            }
            else if (ok && (code == ' ' || PyChars.IsPrintable(rune)))
            {
                to.Append(text, i, rune.Utf16SequenceLength);
            }
            else
            {
                to.Append(Escape(code));
            }

            i += ok ? rune.Utf16SequenceLength : 1;
        }

        to.Append(quote);
    }

    private static string Escape(int code) => code switch
    {
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        < 0x100 => $"\\x{code:x2}",
        < 0x10000 => $"\\u{code:x4}",
        _ => $"\\U{code:x8}",
    };
}
