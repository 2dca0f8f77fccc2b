using System.Globalization;
using System.Numerics;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>A filter: the value left of the bar, the arguments, the rendering.</summary>
internal delegate object? Filter(object? value, CallArgs args, Runtime runtime);

/// <summary>The filters by name, and those that work on text and numbers.</summary>
internal static class Filters
{
    private static readonly Dictionary<string, Filter> Table = new(StringComparer.Ordinal)
    {
        ["abs"] = (v, a, r) => a.Bind("abs", "") is var _ && v is not Undefined ? Absolute(v) : throw Undef(v),
        ["capitalize"] = Simple("capitalize", PyCase.Capitalize),
        ["center"] = (v, a, r) => PyString.Pad(Soft(v, r), a.Bind("center", "width?").Integer(0, 80), " ", "center", r.Budget),
        ["default"] = Default,
        ["d"] = Default,
        ["e"] = (v, a, r) => new Markup(Html.Escape(v, r.Budget)),
        ["escape"] = (v, a, r) => new Markup(Html.Escape(v, r.Budget)),
        ["forceescape"] = (v, a, r) => new Markup(Html.Escape(Soft(v, r), r.Budget)),
        ["safe"] = (v, a, r) => new Markup(Soft(v, r)),
        ["filesizeformat"] = (v, a, r) => FileSize(v, a.Bind("filesizeformat", "binary?").Flag(0), r),
        ["float"] = (v, a, r) => a.Bind("float", "default?") is var b && TryFloat(v, out var f) ? f : b.Get(0, 0.0),
        ["format"] = Format,
        ["indent"] = (v, a, r) => Indent(Text(v, r), a.Bind("indent", "width? first? blank?"), r),
        ["int"] = (v, a, r) => Integer(v, a.Bind("int", "default? base?")),
        ["lower"] = Simple("lower", PyCase.ToLower),
        ["upper"] = Simple("upper", PyCase.ToUpper),
        ["title"] = Simple("title", Title),
        ["pprint"] = (v, a, r) => PrettyPrint(v, r),
        ["replace"] = Replace,
        ["round"] = (v, a, r) => Round(v, a.Bind("round", "precision? method?")),
        ["string"] = (v, a, r) => v is Markup ? v : Soft(v, r),
        ["striptags"] = Simple("striptags", Html.StripTags),
        ["tojson"] = (v, a, r) => PyJson.Dump(v, a, r.Budget),
        ["trim"] = (v, a, r) => PyString.Strip(Soft(v, r), a.Bind("trim", "chars?").Get(0), true, true, r.Budget),
        ["truncate"] = Truncate,
        ["urlencode"] = UrlEncode,
        ["wordcount"] = (v, a, r) => WordCount(Soft(v, r)),
        ["wordwrap"] = (v, a, r) => WordWrap.Apply(Text(v, r), a.Bind("wordwrap", "width? break_long_words? wrapstring? break_on_hyphens?"), r.Budget),
        ["xmlattr"] = XmlAttributes,
        ["random"] = (_, _, _) => throw Fail.With("TemplateRuntimeError", "the filter 'random' is refused: rendering must give the same text every time"),
        ["urlize"] = (_, _, _) => throw Fail.With("TemplateRuntimeError", "the filter 'urlize' is not available in chat templates: it makes HTML"),
    };

    public static Filter? Find(string name) => Table.GetValueOrDefault(name) ?? SequenceFilters.Find(name);

    /// <summary>The value as text, as Jinja's soft_str; charges for its length.</summary>
    public static string Soft(object? value, Runtime runtime)
    {
        var text = PyText.Str(value, runtime.Budget);
        runtime.Budget.Text(text.Length);
        return text;
    }

    private static string Text(object? value, Runtime runtime) => value switch
    {
        string or Markup => Soft(value, runtime),
        Undefined u => throw u.Error(),
        _ => throw Fail.With("AttributeError", $"'{PyText.TypeName(value)}' object has no attribute 'splitlines'"),
    };

    private static ChatTemplateException Undef(object? value) => ((Undefined)value!).Error();

    private static Filter Simple(string name, Func<string, string> change) => (value, args, runtime) =>
    {
        args.Bind(name, "");
        return change(Soft(value, runtime));
    };

    private static object Absolute(object? value) => value switch
    {
        double d => Math.Abs(d),
        long or bool or BigInteger => PyNumber.Shrink(BigInteger.Abs(PyMath.ToBig(value))),
        _ => throw Fail.Type($"bad operand type for abs(): '{PyText.TypeName(value)}'"),
    };

    private static object? Default(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("default", "default_value? boolean?");
        return value is Undefined || (bound.Flag(1) && !PyText.Truth(value)) ? bound.Get(0, "") : value;
    }

    private static bool TryFloat(object? value, out double result)
    {
        result = 0;
        switch (value)
        {
            case string or Markup:
                return PyNumber.TryParseFloat(value is Markup m ? m.Text : (string)value, out result);
            case double or long or bool or BigInteger:
                result = PyMath.ToDouble(value);
                return true;
            case Undefined u:
                throw u.Error();
            default:
                return false;
        }
    }

    private static object? Integer(object? value, Bound bound)
    {
        switch (value)
        {
            case long or bool or BigInteger:
                return PyNumber.Shrink(PyMath.ToBig(value));
            case double d when double.IsInfinity(d):
                throw Fail.With("OverflowError", "cannot convert float infinity to integer");
            case double d when double.IsNaN(d):
                return bound.Get(0, 0L);
            case string or Markup when PyNumber.TryParseInteger(value is Markup m ? m.Text : (string)value, (int)Math.Clamp(bound.Integer(1, 10), 0, 99), out var parsed):
                return parsed;
            default:
                return TryFloat(value, out var number) && double.IsFinite(number)
                    ? PyNumber.Shrink(PercentFormat.Truncate(number))
                    : bound.Get(0, 0L);
        }
    }

    private static object Round(object? value, Bound bound)
    {
        var method = bound.Has(1) ? bound.Text(1) : "common";
        var digits = Math.Clamp(bound.Integer(0), -1000, 1000);
        if (value is null || !PyCompare.IsNumber(value))
        {
            throw value is Undefined u ? u.Error() : Fail.Type($"type {PyText.TypeName(value)} doesn't define __round__ method");
        }

        switch (method)
        {
            case "common" when value is double d:
                return PyNumber.Round(d, digits);
            case "common":
                var whole = PyMath.ToBig(value);
                if (digits >= 0)
                {
                    return PyNumber.Shrink(whole);
                }

                var unit = BigInteger.Pow(10, (int)-digits);
                var quotient = BigInteger.DivRem(BigInteger.Abs(whole), unit, out var rest);
                var twice = (rest * 2).CompareTo(unit);
                quotient += twice > 0 || (twice == 0 && !quotient.IsEven) ? 1 : 0;
                return PyNumber.Shrink(quotient * unit * (whole.Sign < 0 ? -1 : 1));
            case "ceil" or "floor":
                var power = Math.Pow(10, digits);
                var scaled = PyMath.ToDouble(value) * power;
                return ((method == "ceil" ? Math.Ceiling(scaled) : Math.Floor(scaled)) + 0.0) / power; // no negative zero
            default:
                throw Fail.With("FilterArgumentError", "method must be common, ceil or floor");
        }
    }

    private static string Format(object? value, CallArgs args, Runtime runtime)
    {
        if (args.Positional.Count > 0 && args.Named.Count > 0)
        {
            throw Fail.With("FilterArgumentError", "can't handle positional and keyword arguments at the same time");
        }

        object? items = args.Named.Count > 0 ? PyDicts.Of(args.Named, runtime.Budget) : new PyList(args.Positional, isTuple: true);
        return PercentFormat.Apply(Soft(value, runtime), items, runtime.Budget);
    }

    private static string Indent(string text, Bound bound, Runtime runtime)
    {
        var indent = bound.Get(0, 4L) is string s ? s : PyString.Pad("", bound.Integer(0, 4), " ", "ljust", runtime.Budget);
        var (first, blank) = (bound.Flag(1), bound.Flag(2));
        var lines = PySplit.Lines(text + "\n", keepEnds: false);
        runtime.Budget.Text(text.Length + (long)lines.Count * indent.Length);
        var builder = new StringBuilder(first ? indent : "").Append((string)lines[0]!);
        foreach (var line in lines.Skip(1).Cast<string>())
        {
            builder.Append('\n').Append(blank || line.Length > 0 ? indent : "").Append(line);
        }

        return builder.ToString();
    }

    /// <summary>Raises the first character of each part, lowers the rest; parts begin after a blank, a dash or an opening bracket.</summary>
    private static string Title(string text)
    {
        var builder = new StringBuilder(text.Length);
        var start = 0;
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || text[i] is '-' or '(' or '{' or '[' or '<' || PyChars.IsSpace(text[i]))
            {
                builder.Append(Raise(text[start..i])).Append(i < text.Length ? text[i].ToString() : "");
                start = i + 1;
            }
        }

        return builder.ToString();

        static string Raise(string part) => part.Length == 0 ? ""
            : PyCase.ToUpper(part[..PyChars.Width(part, 0)]) + PyCase.ToLower(part[PyChars.Width(part, 0)..]);
    }

    private static string PrettyPrint(object? value, Runtime runtime)
    {
        var text = PyText.Repr(value, runtime.Budget);
        return PyChars.Length(text) <= 80 || value is not (PyList or PyDict)
            ? text
            : throw Fail.With("TemplateRuntimeError", "the filter 'pprint' is limited to values that fit on a line of 80 characters; use tojson(indent=2)");
    }

    private static string Replace(object? value, CallArgs args, Runtime runtime)
    {
        var bound = args.Bind("replace", "old new count?");
        var (old, replacement) = (Soft(bound.Get(0), runtime), Soft(bound.Get(1), runtime));
        return PyString.Replace(Soft(value, runtime), old, replacement, bound.Get(2) is null ? -1 : bound.Integer(2), runtime.Budget);
    }

    private static object? Truncate(object? value, CallArgs args, Runtime runtime)
    {
        if (value is (PyList or PyDict or PyRange)
            && PyIter.Length(value, runtime.Budget) <= args.Bind("truncate", "length? killwords? end? leeway?").Integer(0, 255))
        {
            return value;
        }

        var bound = args.Bind("truncate", "length? killwords? end? leeway?");
        var (text, length, end) = (value is Undefined ? "" : Text(value, runtime), bound.Integer(0, 255), bound.Text(2, "..."));
        var leeway = bound.Get(3) is null ? 5 : bound.Integer(3);
        var endLength = PyChars.Length(end);
        if (length < endLength || leeway < 0)
        {
            throw Fail.With("AssertionError", leeway < 0 ? $"expected leeway >= 0, got {leeway}" : $"expected length >= {endLength}, got {length}");
        }

        if (PyChars.Length(text) <= length + leeway)
        {
            return text;
        }

        var kept = text[..PyChars.Offset(text, (int)(length - endLength))];
        var space = bound.Flag(1) ? -1 : kept.LastIndexOf(' ');
        return (space < 0 ? kept : kept[..space]) + end;
    }

    private static string UrlEncode(object? value, CallArgs args, Runtime runtime)
    {
        args.Bind("urlencode", "");
        if (value is string or Markup || !PyIter.IsIterable(value))
        {
            return Quote(Soft(value, runtime), keepSlash: true);
        }

        var pairs = PyIter.Items(value is PyDict dict ? new PyDictView(dict, "items") : value, runtime.Budget);
        return string.Join('&', pairs.Select(pair => pair is PyList { Count: 2 } p
            ? Quote(Soft(p[0], runtime), keepSlash: false) + "=" + Quote(Soft(p[1], runtime), keepSlash: false)
            : throw Fail.Value("urlencode needs pairs")));
    }

    private static string Quote(string text, bool keepSlash)
    {
        var builder = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            var c = (char)b;
            if (char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '~' || (c == '/' && keepSlash))
            {
                builder.Append(c);
            }
            else
            {
                builder.Append(c == ' ' && !keepSlash ? "+" : $"%{b:X2}");
            }
        }

        return builder.ToString();
    }

    private static long WordCount(string text)
    {
        var (count, inWord) = (0L, false);
        foreach (var rune in text.EnumerateRunes())
        {
            var isWord = rune.Value == '_' || Rune.IsLetterOrDigit(rune) || Rune.IsNumber(rune);
            count += isWord && !inWord ? 1 : 0;
            inWord = isWord;
        }

        return count;
    }

    private static object? XmlAttributes(object? value, CallArgs args, Runtime runtime)
    {
        var dict = value as PyDict ?? throw SequenceFilters.NoItems(value);
        var parts = new List<string>();
        foreach (var (key, item) in dict)
        {
            if (item is null or Undefined)
            {
                continue;
            }

            var name = Soft(key, runtime);
            if (name.Any(c => char.IsWhiteSpace(c) || c is '/' or '>' or '='))
            {
                throw Fail.Value($"Invalid character in attribute name: {PyText.Repr(key, runtime.Budget)}");
            }

            parts.Add($"{Html.Escape(name, runtime.Budget)}=\"{Html.Escape(item, runtime.Budget)}\"");
        }

        var space = args.Bind("xmlattr", "autospace?").Flag(0, true) && parts.Count > 0 ? " " : "";
        return space + string.Join(' ', parts);
    }

    private static string FileSize(object? value, bool binary, Runtime runtime)
    {
        if (!TryFloat(value, out var bytes))
        {
            throw value is string or Markup
                ? Fail.Value($"could not convert string to float: {PyText.Repr(value, runtime.Budget)}")
                : Fail.Type($"float() argument must be a string or a real number, not '{PyText.TypeName(value)}'");
        }

        var unit = binary ? 1024.0 : 1000.0;
        if (bytes == 1 || bytes < unit)
        {
            return bytes == 1 ? "1 Byte" : PercentFormat.Truncate(bytes).ToString(CultureInfo.InvariantCulture) + " Bytes";
        }

        var prefixes = "kMGTPEZY";
        var i = 0;
        while (i < prefixes.Length - 1 && bytes >= Math.Pow(unit, i + 2))
        {
            i++;
        }

        var amount = new FormatSpec { Precision = 1, Type = 'f' }.Float(unit * bytes / Math.Pow(unit, i + 2), runtime.Budget);
        return $"{amount} {(binary ? char.ToUpperInvariant(prefixes[i]) + "iB" : prefixes[i] + "B")}";
    }
}
