using System.Globalization;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary><c>str.format</c>: replacement fields with attribute and item access, conversions and format specifications.</summary>
internal sealed class StrFormat
{
    private readonly Budget _budget;
    private readonly Func<string, object?> _named;
    private readonly IReadOnlyList<object?> _positional;
    private bool? _automatic;
    private int _next;

    private StrFormat(IReadOnlyList<object?> positional, Func<string, object?> named, Budget budget)
    {
        (_positional, _named, _budget) = (positional, named, budget);
    }

    public static string Apply(string format, CallArgs args, Budget budget)
    {
        object? Named(string name)
        {
            foreach (var (key, value) in args.Named)
            {
                if (key == name)
                {
                    return value;
                }
            }

            throw Fail.With("KeyError", $"'{name}'");
        }

        return new StrFormat(args.Positional, Named, budget).Run(format, depth: 2);
    }

    public static string Apply(string format, object? mapping, Budget budget)
    {
        object? Named(string name) => PyAccess.Item(mapping, name, budget) is var value and not Undefined
            ? value : throw Fail.With("KeyError", $"'{name}'");
        return new StrFormat([], Named, budget).Run(format, depth: 2);
    }

    private string Run(string format, int depth)
    {
        if (depth == 0)
        {
            throw Fail.Value("Max string recursion exceeded");
        }

        var builder = new StringBuilder();
        for (var i = 0; i < format.Length;)
        {
            var c = format[i];
            if (c is '{' or '}' && i + 1 < format.Length && format[i + 1] == c)
            {
                builder.Append(c);
                i += 2;
            }
            else if (c == '}')
            {
                throw Fail.Value("Single '}' encountered in format string");
            }
            else if (c == '{')
            {
                var end = FieldEnd(format, i + 1);
                builder.Append(Field(format[(i + 1)..end], depth));
                _budget.Text(builder.Length > _budget.MaxLength ? builder.Length : 1);
                i = end + 1;
            }
            else
            {
                builder.Append(c);
                i++;
            }
        }

        return builder.ToString();
    }

    private static int FieldEnd(string format, int from)
    {
        var depth = 1;
        for (var i = from; i < format.Length; i++)
        {
            depth += format[i] switch { '{' => 1, '}' => -1, _ => 0 };
            if (depth == 0)
            {
                return i;
            }
        }

        throw Fail.Value(from == format.Length ? "Single '{' encountered in format string" : "expected '}' before end of string");
    }

    private string Field(string field, int depth)
    {
        var nameEnd = field.IndexOfAny(['!', ':']);
        var bracket = field.IndexOf('[');
        if (bracket >= 0 && bracket < nameEnd)
        {
            var close = field.IndexOf(']', bracket);
            nameEnd = close < 0 ? nameEnd : field.IndexOfAny(['!', ':'], close);
        }

        var name = nameEnd < 0 ? field : field[..nameEnd];
        var rest = nameEnd < 0 ? "" : field[nameEnd..];
        var conversion = '\0';
        if (rest.StartsWith('!'))
        {
            conversion = rest.Length > 1 ? rest[1] : throw Fail.Value("end of string while looking for conversion specifier");
            rest = rest[2..];
            if (rest.Length > 0 && rest[0] != ':')
            {
                throw Fail.Value("expected ':' after conversion specifier");
            }
        }

        var value = Resolve(name);
        value = conversion switch
        {
            '\0' => value,
            's' => PyText.Str(value, _budget),
            'r' => PyText.Repr(value, _budget),
            'a' => PyJson.EscapeNonAscii(PyText.Repr(value, _budget)),
            _ => throw Fail.Value($"Unknown conversion specifier '{conversion}'"),
        };
        var spec = rest.Length > 0 ? Run(rest[1..], depth - 1) : "";
        return spec.Length == 0 ? PyText.Str(value, _budget) : FormatSpec.Parse(spec).Apply(value, _budget);
    }

    private object? Resolve(string name)
    {
        var end = name.IndexOfAny(['.', '[']);
        var first = end < 0 ? name : name[..end];
        var isNumber = int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var index);
        if (first.Length == 0 || isNumber)
        {
            _automatic ??= first.Length == 0;
            if (_automatic != (first.Length == 0))
            {
                throw Fail.Value(_automatic.Value
                    ? "cannot switch from automatic field numbering to manual field specification"
                    : "cannot switch from manual field specification to automatic field numbering");
            }
        }

        var value = first.Length == 0 ? Positional(_next++) : isNumber ? Positional(index) : _named(first);
        for (var i = end < 0 ? name.Length : end; i < name.Length;)
        {
            if (name[i] == '.')
            {
                var stop = name.IndexOfAny(['.', '['], i + 1) is var s and >= 0 ? s : name.Length;
                value = PyAccess.Attribute(value, name[(i + 1)..stop], _budget);
                i = stop;
            }
            else
            {
                var stop = name.IndexOf(']', i) is var s and >= 0 ? s : throw Fail.Value("Missing ']' in format string");
                var key = name[(i + 1)..stop];
                value = PyAccess.Item(value, long.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : key, _budget);
                i = stop + 1;
            }
        }

        return value;
    }

    private object? Positional(int index) => index < _positional.Count
        ? _positional[index]
        : throw Fail.With("IndexError", $"Replacement index {index} out of range for positional args tuple");
}
