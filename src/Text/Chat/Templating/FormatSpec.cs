using System.Globalization;
using System.Numerics;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>
/// How to lay out one value: Python's format specification <c>[[fill]align][sign][z][#][0][width][grouping][.precision][type]</c>.
/// The <c>%</c> operator maps its flags to the same record.
/// </summary>
internal sealed record FormatSpec
{
    private const int MaxPrecision = 1000;

    public string Fill { get; init; } = " ";
    public char Align { get; init; }
    public char Sign { get; init; } = '-';
    public bool Alternate { get; init; }
    public int Width { get; init; }
    public string Grouping { get; init; } = "";
    public int Precision { get; init; } = -1;
    public char Type { get; init; }

    public static FormatSpec Parse(string text)
    {
        var at = 0;
        var spec = new FormatSpec();
        var width = text.Length > 0 ? PyChars.Width(text, 0) : 0;
        if (text.Length > width && IsAlign(text[width]))
        {
            spec = spec with { Fill = text[..width], Align = text[width] };
            at = width + 1;
        }
        else if (text.Length > 0 && IsAlign(text[0]))
        {
            spec = spec with { Align = text[at++] };
        }

        bool Next(Func<char, bool> test) => at < text.Length && test(text[at]);
        if (Next(c => c is '+' or '-' or ' '))
        {
            spec = spec with { Sign = text[at++] };
        }

        if (Next(c => c == '#'))
        {
            at++;
            spec = spec with { Alternate = true };
        }

        if (Next(c => c == '0'))
        {
            at++;
            spec = spec.Align == 0 ? spec with { Fill = "0", Align = '=' } : spec;
        }

        spec = spec with { Width = Digits(text, ref at) ?? 0 };
        if (Next(c => c is ',' or '_'))
        {
            spec = spec with { Grouping = text[at++].ToString() };
        }

        if (Next(c => c == '.'))
        {
            at++;
            spec = spec with { Precision = Digits(text, ref at) ?? throw Fail.Value("Format specifier missing precision") };
        }

        if (at < text.Length)
        {
            spec = spec with { Type = text[at++] };
        }

        return at == text.Length ? spec : throw Fail.Value($"Invalid format specifier '{text}'");
    }

    private static bool IsAlign(char c) => c is '<' or '>' or '=' or '^';

    public static int? Digits(string text, ref int at)
    {
        var start = at;
        while (at < text.Length && char.IsAsciiDigit(text[at]))
        {
            at++;
        }

        return at == start ? null
            : int.TryParse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n
            : throw Fail.Value("Too many decimal digits in format string");
    }

    public string Apply(object? value, Budget budget)
    {
        switch (value)
        {
            case string or Markup:
                return Text(PyText.Str(value, budget), budget);
            case long or BigInteger or bool when Type is '\0' or 'd' or 'n' or 'b' or 'o' or 'x' or 'X' or 'c':
                return Integer(PyMath.ToBig(value), budget);
            case long or BigInteger or bool or double when Type is '\0' or 'e' or 'E' or 'f' or 'F' or 'g' or 'G' or 'n' or '%':
                return Float(PyMath.ToDouble(value), budget);
            case long or BigInteger or bool or double:
                throw Fail.Value($"Unknown format code '{Type}' for object of type '{PyText.TypeName(value)}'");
            default:
                return this == new FormatSpec()
                    ? PyText.Str(value, budget)
                    : throw Fail.Type($"unsupported format string passed to {PyText.TypeName(value)}.__format__");
        }
    }

    private string Text(string text, Budget budget)
    {
        if (Type is not ('\0' or 's') || Align == '=' && Fill != "0" || Grouping.Length > 0)
        {
            throw Fail.Value($"Unknown format code '{(Type == 0 ? '=' : Type)}' for object of type 'str'");
        }

        if (Precision >= 0 && Precision < PyChars.Length(text))
        {
            text = text[..PyChars.Offset(text, Precision)];
        }

        return PyString.Pad(text, Width, Fill, Align switch { '>' => "rjust", '^' => "middle", _ => "ljust" }, budget);
    }

    public string Integer(BigInteger value, Budget budget)
    {
        if (Type == 'c')
        {
            return PyString.Pad(PercentFormat.Character(value), Width, Fill, Align is '>' or '=' ? "rjust" : "ljust", budget);
        }

        if (Precision >= 0)
        {
            throw Fail.Value("Precision not allowed in integer format specifier");
        }

        budget.Text(value.GetBitLength());
        var magnitude = BigInteger.Abs(value);
        var (digits, prefix) = Type switch
        {
            'b' => (Radix(magnitude, 2), "0b"),
            'o' => (Radix(magnitude, 8), "0o"),
            'x' => (Radix(magnitude, 16), "0x"),
            'X' => (Radix(magnitude, 16).ToUpperInvariant(), "0X"),
            _ => (magnitude.ToString(CultureInfo.InvariantCulture), ""),
        };
        return Assemble(value.Sign < 0, Alternate ? prefix : "", digits, "", prefix.Length > 0 ? 4 : 3, budget);
    }

    private static string Radix(BigInteger value, int radix)
    {
        if (value.IsZero)
        {
            return "0";
        }

        var digits = new List<char>();
        for (; !value.IsZero; value /= radix)
        {
            digits.Add("0123456789abcdef"[(int)(value % radix)]);
        }

        digits.Reverse();
        return new string([.. digits]);
    }

    public string Float(double value, Budget budget)
    {
        if (Precision > MaxPrecision)
        {
            throw Fail.With("LimitError", $"a precision of {Precision} digits is more than the limit of {MaxPrecision}");
        }

        var text = !double.IsFinite(value) ? (double.IsNaN(value) ? "nan" : "inf") : Type switch
        {
            'f' or 'F' => Fixed(value, Precision < 0 ? 6 : Precision),
            '%' => Fixed(value * 100, Precision < 0 ? 6 : Precision),
            'e' or 'E' => Scientific(value, Precision < 0 ? 6 : Precision),
            'g' or 'G' or 'n' => General(value, Precision < 0 ? 6 : Math.Max(Precision, 1), minExponent: int.MaxValue),
            _ when Precision < 0 => PyNumber.FloatRepr(Math.Abs(value)),
            _ => General(value, Math.Max(Precision, 1), minExponent: Precision),
        };
        text += Type == '%' ? "%" : "";
        text = Type is 'E' or 'F' or 'G' ? text.ToUpperInvariant() : text;
        var whole = 0;
        while (whole < text.Length && char.IsAsciiDigit(text[whole]))
        {
            whole++;
        }

        return Assemble(double.IsNegative(value) && !double.IsNaN(value), "", text[..whole], text[whole..], 3, budget);
    }

    private string Fixed(double value, int precision)
    {
        var digits = PyNumber.Scale(value, precision).ToString(CultureInfo.InvariantCulture).PadLeft(precision + 1, '0');
        return precision == 0 ? digits + (Alternate ? "." : "") : digits[..^precision] + "." + digits[^precision..];
    }

    private static (string Digits, int Exponent) Significant(double value, int count)
    {
        if (value == 0)
        {
            return (new string('0', count), 0);
        }

        var exponent = PyNumber.ShortestDigits(value).Exponent;
        var digits = PyNumber.Scale(value, count - 1 - exponent).ToString(CultureInfo.InvariantCulture);
        return digits.Length > count ? (digits[..count], exponent + 1) : (digits, exponent);
    }

    private string Scientific(double value, int precision)
    {
        var (digits, exponent) = Significant(value, precision + 1);
        return digits[..1] + (precision > 0 ? "." + digits[1..] : Alternate ? "." : "") + PyNumber.Exponent(exponent);
    }

    /// <summary>Form with so many significant digits; without a type, a whole number keeps one decimal (Python's '' type).</summary>
    private string General(double value, int precision, int minExponent)
    {
        var (digits, exponent) = Significant(value, precision);
        var typeless = minExponent != int.MaxValue;
        var trimmed = Alternate ? digits : digits.TrimEnd('0');
        if (exponent < -4 || exponent >= precision || (typeless && exponent >= precision - 1))
        {
            trimmed = trimmed.Length == 0 ? "0" : trimmed;
            return trimmed[..1] + (trimmed.Length > 1 ? "." + trimmed[1..] : "") + PyNumber.Exponent(exponent);
        }

        if (exponent < 0)
        {
            return "0." + new string('0', -exponent - 1) + trimmed;
        }

        var padded = trimmed.PadRight(exponent + 1, '0');
        var fraction = padded[(exponent + 1)..];
        return padded[..(exponent + 1)] + (fraction.Length > 0 ? "." + fraction : typeless ? ".0" : Alternate ? "." : "");
    }

    private string Assemble(bool negative, string prefix, string digits, string rest, int group, Budget budget)
    {
        var sign = (negative ? "-" : Sign is '+' or ' ' ? Sign.ToString() : "") + prefix;
        var zeros = Align == '=' && Fill == "0" ? Math.Max(0, Width - sign.Length - rest.Length) : 0;
        budget.Text(zeros);
        digits = Grouping.Length > 0 ? Group(digits, Grouping, group, zeros) : digits.PadLeft(zeros, '0');
        var body = digits + rest;
        return Align switch
        {
            '=' => sign + PyString.Pad(body, Width - sign.Length, Fill, "rjust", budget),
            '<' => PyString.Pad(sign + body, Width, Fill, "ljust", budget),
            '^' => PyString.Pad(sign + body, Width, Fill, "middle", budget),
            _ => PyString.Pad(sign + body, Width, Fill, "rjust", budget),
        };
    }

    private static string Group(string digits, string separator, int size, int minWidth)
    {
        var groups = new List<string>();
        for (var end = digits.Length; end > 0; end -= size)
        {
            groups.Insert(0, digits[Math.Max(0, end - size)..end]);
        }

        var text = string.Join(separator, groups);
        while (text.Length < minWidth)
        {
            var lead = text.IndexOf(separator, StringComparison.Ordinal) is var i and >= 0 ? i : text.Length;
            text = lead == size ? "0" + separator + text : "0" + text;
        }

        return text;
    }
}
