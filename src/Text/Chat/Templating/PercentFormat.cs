using System.Numerics;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>The <c>%</c> operator on strings (and the <c>format</c> filter).</summary>
internal static class PercentFormat
{
    public static string Apply(string format, object? value, Budget budget)
    {
        var builder = new StringBuilder();
        var items = value is PyList { IsTuple: true } tuple ? tuple : PyList.Tuple(value);
        var used = 0;
        var mapped = false;
        object? NextItem() => used < items.Count ? items[used++] : throw Fail.Type("not enough arguments for format string");

        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%')
            {
                builder.Append(format[i]);
                continue;
            }

            i++;
            object? item = CallArgs.Missing;
            if (i < format.Length && format[i] == '(')
            {
                var close = format.IndexOf(')', i) is var c and >= 0 ? c : throw Fail.Value("incomplete format key");
                item = Lookup(value, format[(i + 1)..close], budget);
                mapped = true;
                i = close + 1;
            }

            var spec = ReadSpec(format, ref i, NextItem);
            if (spec.Type == '%')
            {
                builder.Append('%');
                continue;
            }

            builder.Append(Convert(spec, ReferenceEquals(item, CallArgs.Missing) ? NextItem() : item, i, budget));
            budget.Text(builder.Length > budget.MaxLength ? builder.Length : 1);
        }

        if (used < items.Count && !mapped && value is not (PyDict or PyList { IsTuple: false } or Undefined))
        {
            throw Fail.Type("not all arguments converted during string formatting");
        }

        return builder.ToString();
    }

    private static object? Lookup(object? value, string key, Budget budget)
    {
        if (value is not PyDict dict)
        {
            throw Fail.Type("format requires a mapping");
        }

        budget.Step();
        return dict.TryGet(key, out var item) ? item : throw Fail.With("KeyError", $"'{key}'");
    }

    private static FormatSpec ReadSpec(string format, ref int i, Func<object?> next)
    {
        var spec = new FormatSpec { Align = '>' };
        for (; i < format.Length && format[i] is '-' or '+' or ' ' or '0' or '#'; i++)
        {
            spec = format[i] switch
            {
                '-' => spec with { Align = '<', Fill = " " },
                '0' when spec.Align != '<' => spec with { Align = '=', Fill = "0" },
                '+' => spec with { Sign = '+' },
                ' ' when spec.Sign != '+' => spec with { Sign = ' ' },
                '#' => spec with { Alternate = true },
                _ => spec,
            };
        }

        var width = Amount(format, ref i, next);
        spec = width < 0 ? spec with { Align = '<', Width = -width } : spec with { Width = width };
        if (i < format.Length && format[i] == '.')
        {
            i++;
            spec = spec with { Precision = Math.Max(0, Amount(format, ref i, next)) };
        }

        while (i < format.Length && format[i] is 'h' or 'l' or 'L')
        {
            i++;
        }

        return i < format.Length ? spec with { Type = format[i] } : throw Fail.Value("incomplete format");
    }

    private static int Amount(string format, ref int i, Func<object?> next)
    {
        if (i < format.Length && format[i] == '*')
        {
            i++;
            return next() is long n ? (int)Math.Clamp(n, -int.MaxValue, int.MaxValue) : throw Fail.Type("* wants int");
        }

        return FormatSpec.Digits(format, ref i) ?? 0;
    }

    private static string Convert(FormatSpec spec, object? item, int at, Budget budget)
    {
        var plain = spec with { Type = 's', Align = spec.Align == '<' ? '<' : '>', Fill = " " };
        switch (spec.Type)
        {
            case 's':
                return plain.Apply(PyText.Str(item, budget), budget);
            case 'r':
                return plain.Apply(PyText.Repr(item, budget), budget);
            case 'a':
                return plain.Apply(PyJson.EscapeNonAscii(PyText.Repr(item, budget)), budget);
            case 'c':
                return (plain with { Precision = -1 }).Apply(OneCharacter(item, budget), budget);
            case 'd' or 'i' or 'u' when item is long or bool or double or BigInteger:
                var whole = item is double d ? Truncate(d) : PyMath.ToBig(item);
                return Whole(spec with { Type = 'd' }, whole, budget);
            case 'x' or 'X' or 'o' when item is long or bool or BigInteger:
                return Whole(spec, PyMath.ToBig(item), budget);
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G' when item is long or bool or double or BigInteger:
                return spec.Float(PyMath.ToDouble(item), budget);
            case 'd' or 'i' or 'u' or 'x' or 'X' or 'o' when item is not Undefined:
                throw Fail.Type($"%{spec.Type} format: {(spec.Type is 'd' or 'i' or 'u' ? "a real number" : "an integer")} is required, not {PyText.TypeName(item)}");
            case 'e' or 'E' or 'f' or 'F' or 'g' or 'G' when item is not Undefined:
                throw Fail.Type($"must be real number, not {PyText.TypeName(item)}");
            default:
                throw item is Undefined u ? u.Error()
                    : Fail.Value($"unsupported format character '{spec.Type}' (0x{(int)spec.Type:x}) at index {at}");
        }
    }

    /// <summary>An integer; its precision is a minimum number of digits.</summary>
    private static string Whole(FormatSpec spec, BigInteger value, Budget budget)
    {
        if (spec.Precision < 0)
        {
            return spec.Integer(value, budget);
        }

        var digits = (spec with { Precision = -1, Width = spec.Precision + (value.Sign < 0 || spec.Sign != '-' ? 1 : 0), Fill = "0", Align = '=' })
            .Integer(value, budget);
        return PyString.Pad(digits, spec.Width, " ", spec.Align == '<' ? "ljust" : "rjust", budget);
    }

    public static BigInteger Truncate(double value) => double.IsFinite(value)
        ? new BigInteger(Math.Truncate(value))
        : throw (double.IsNaN(value) ? Fail.Value("cannot convert float NaN to integer") : Fail.With("OverflowError", "cannot convert float infinity to integer"));

    public static string Character(BigInteger code) => code >= 0 && code <= 0x10FFFF
        ? code is var c && c >= 0xD800 && c <= 0xDFFF ? ((char)(int)code).ToString() : char.ConvertFromUtf32((int)code)
        : throw Fail.With("OverflowError", "%c arg not in range(0x110000)");

    private static string OneCharacter(object? item, Budget budget) => item switch
    {
        long or bool or BigInteger => Character(PyMath.ToBig(item)),
        string or Markup when PyChars.Length(PyText.Str(item, budget)) == 1 => PyText.Str(item, budget),
        Undefined u => throw u.Error(),
        _ => throw Fail.Type("%c requires int or char"),
    };
}
