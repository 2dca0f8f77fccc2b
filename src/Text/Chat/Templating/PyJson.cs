using System.Globalization;
using System.Numerics;
using System.Text;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>
/// The <c>tojson</c> filter as transformers defines it: Python's <c>json.dumps</c> without HTML escaping,
/// non-ASCII characters kept unless asked otherwise.
/// </summary>
internal sealed class PyJson
{
    private readonly Budget _budget;
    private readonly StringBuilder _to = new();
    private readonly string? _indent;
    private readonly string _itemSeparator;
    private readonly string _keySeparator;
    private readonly bool _asciiOnly;
    private readonly bool _sortKeys;

    private PyJson(Bound options, Budget budget)
    {
        _budget = budget;
        _asciiOnly = options.Flag(0);
        _indent = options.Get(1) switch
        {
            null => null,
            string s => s,
            _ => PyString.Pad("", Math.Max(0, options.Integer(1)), " ", "ljust", budget),
        };
        (_itemSeparator, _keySeparator) = (_indent is null ? ", " : ",", ": ");
        if (options.Get(2) is { } separators)
        {
            var pair = PyIter.ToList(separators, budget);
            if (pair is not [string item, string key])
            {
                throw Fail.Type("tojson() argument 'separators' must be a pair of strings");
            }

            (_itemSeparator, _keySeparator) = (item, key);
        }

        _sortKeys = options.Flag(3);
    }

    public static string Dump(object? value, CallArgs options, Budget budget)
    {
        var writer = new PyJson(options.Bind("tojson", "ensure_ascii? indent? separators? sort_keys?"), budget);
        writer.Write(value, 0);
        return writer._to.ToString();
    }

    private void Write(object? value, int level)
    {
        _budget.Enter();
        var before = _to.Length;
        switch (value)
        {
            case null or bool or long or double or BigInteger:
                _to.Append(Number(value));
                break;
            case string or Markup:
                Quote(PyText.Str(value, _budget));
                break;
            case PyList list:
                Container('[', ']', list.Count, level, i => Write(list[i], level + 1));
                break;
            case PyDict dict:
                WriteObject(dict, level);
                break;
            default:
                throw Fail.Type($"Object of type {PyText.TypeName(value)} is not JSON serializable");
        }

        _budget.Text(_to.Length > _budget.MaxLength ? _to.Length : _to.Length - before);
        _budget.Leave();
    }

    private void WriteObject(PyDict dict, int level)
    {
        var entries = dict.ToList();
        if (_sortKeys)
        {
            PyIter.Sort(entries, (a, b) => PyCompare.Order(a.Key, b.Key, _budget));
        }

        Container('{', '}', entries.Count, level, i =>
        {
            Quote(entries[i].Key switch
            {
                string s => s,
                Markup m => m.Text,
                null or bool or long or double or BigInteger => Number(entries[i].Key),
                var key => throw Fail.Type($"keys must be str, int, float, bool or None, not {PyText.TypeName(key)}"),
            });
            _to.Append(_keySeparator);
            Write(entries[i].Value, level + 1);
        });
    }

    private void Container(char open, char close, int count, int level, Action<int> item)
    {
        _to.Append(open);
        for (var i = 0; i < count; i++)
        {
            _to.Append(i > 0 ? _itemSeparator : "");
            NewLine(level + 1);
            item(i);
        }

        if (count > 0)
        {
            NewLine(level);
        }

        _to.Append(close);
    }

    private void NewLine(int level)
    {
        if (_indent is null)
        {
            return;
        }

        _budget.Text(_to.Length + (long)level * _indent.Length > _budget.MaxLength ? _to.Length + (long)level * _indent.Length : level * _indent.Length);
        _to.Append('\n');
        for (var i = 0; i < level; i++)
        {
            _to.Append(_indent);
        }
    }

    private string Number(object? value) => value switch
    {
        null => "null",
        bool b => b ? "true" : "false",
        double d when double.IsNaN(d) => "NaN",
        double d when double.IsInfinity(d) => d > 0 ? "Infinity" : "-Infinity",
        _ => PyText.Str(value, _budget),
    };

    private void Quote(string text)
    {
        _to.Append('"');
        foreach (var c in text)
        {
            switch (c)
            {
                case '"':
                    _to.Append("\\\"");
                    break;
                case '\\':
                    _to.Append("\\\\");
                    break;
                case '\n':
                    _to.Append("\\n");
                    break;
                case '\r':
                    _to.Append("\\r");
                    break;
                case '\t':
                    _to.Append("\\t");
                    break;
                case '\b':
                    _to.Append("\\b");
                    break;
                case '\f':
                    _to.Append("\\f");
                    break;
                case < ' ':
                case > '~' when _asciiOnly:
                    _to.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
                    break;
                default:
                    _to.Append(c);
                    break;
            }
        }

        _to.Append('"');
    }

    /// <summary>Replaces non-ASCII characters by escapes, as Python's <c>ascii()</c> does.</summary>
    public static string EscapeNonAscii(string text)
    {
        var builder = new StringBuilder(text.Length);
        foreach (var piece in PyChars.Split(text))
        {
            var code = piece.Length == 2 ? char.ConvertToUtf32(piece[0], piece[1]) : piece[0];
            builder.Append(code switch
            {
                < 0x80 => piece,
                < 0x100 => $"\\x{code:x2}",
                < 0x10000 => $"\\u{code:x4}",
                _ => $"\\U{code:x8}",
            });
        }

        return builder.ToString();
    }
}
