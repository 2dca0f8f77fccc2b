using System.Globalization;
using System.Numerics;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Numbers as Python reads and writes them.</summary>
internal static class PyNumber
{
    private const int MaxDigits = 4300; // Python's own limit for converting text to int

    /// <summary>An integer as the smallest type that holds it.</summary>
    public static object Shrink(BigInteger value) => value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;

    /// <summary>Shortest text that reads back as the same double, with Python's choice of exponent form.</summary>
    public static string FloatRepr(double value)
    {
        if (double.IsNaN(value))
        {
            return "nan";
        }

        if (double.IsInfinity(value))
        {
            return value > 0 ? "inf" : "-inf";
        }

        var (negative, digits, exponent) = ShortestDigits(value);
        var sign = negative ? "-" : "";
        if (exponent is < -4 or >= 16)
        {
            var fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return sign + digits[0] + fraction + Exponent(exponent);
        }

        if (exponent < 0)
        {
            return sign + "0." + new string('0', -exponent - 1) + digits;
        }

        return digits.Length <= exponent + 1
            ? sign + digits.PadRight(exponent + 1, '0') + ".0"
            : sign + digits[..(exponent + 1)] + "." + digits[(exponent + 1)..];
    }

    public static string Exponent(int exponent) =>
        "e" + (exponent < 0 ? "-" : "+") + Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture);

    /// <summary>|value| = d.ddd x 10^exponent with the fewest digits that identify it.</summary>
    public static (bool Negative, string Digits, int Exponent) ShortestDigits(double value)
    {
        var round = Math.Abs(value).ToString("R", CultureInfo.InvariantCulture);
        var mark = round.IndexOf('E', StringComparison.Ordinal);
        var number = mark < 0 ? round : round[..mark];
        var point = number.IndexOf('.', StringComparison.Ordinal);
        var exponent = (point < 0 ? number.Length : point) - 1;
        if (number.StartsWith("0.", StringComparison.Ordinal))
        {
            exponent = 1 - number.Length + number[2..].TrimStart('0').Length;
        }

        exponent += mark < 0 ? 0 : int.Parse(round[(mark + 1)..], CultureInfo.InvariantCulture);
        var mantissa = number.Replace(".", "", StringComparison.Ordinal).Trim('0');
        return (double.IsNegative(value), mantissa.Length == 0 ? "0" : mantissa, exponent);
    }

    /// <summary>|value| x 10^digits as an integer, ties to even, computed exactly.</summary>
    public static BigInteger Scale(double value, int digits)
    {
        var bits = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        var exponent = (int)(bits >> 52);
        var mantissa = (BigInteger)(exponent == 0 ? bits : (bits & ((1L << 52) - 1)) | (1L << 52));
        var power = Math.Max(exponent, 1) - 1075;
        var numerator = mantissa * BigInteger.Pow(10, Math.Max(digits, 0));
        var denominator = BigInteger.Pow(10, Math.Max(-digits, 0));
        if (power >= 0)
        {
            numerator <<= power;
        }
        else
        {
            denominator <<= -power;
        }

        var quotient = BigInteger.DivRem(numerator, denominator, out var rest);
        var twice = (rest << 1).CompareTo(denominator);
        return twice > 0 || (twice == 0 && !quotient.IsEven) ? quotient + 1 : quotient;
    }

    /// <summary>Python's <c>round(value, digits)</c> for floats.</summary>
    public static double Round(double value, long digits)
    {
        if (!double.IsFinite(value) || digits > 340 || value == 0)
        {
            return value;
        }

        if (digits < -310)
        {
            return 0;
        }

        var scaled = Scale(value, (int)digits);
        var magnitude = double.Parse(
            scaled.ToString(CultureInfo.InvariantCulture) + "e" + (-digits).ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
        return double.IsNegative(value) ? -magnitude : magnitude;
    }

    /// <summary>Python's <c>int(text, radix)</c>; false if the text is no integer.</summary>
    public static bool TryParseInteger(string text, int radix, out object value)
    {
        value = 0L;
        var body = text.Trim(Spaces).AsSpan();
        var negative = body.StartsWith("-");
        if (negative || body.StartsWith("+"))
        {
            body = body[1..];
        }

        if (radix is 0 or 2 or 8 or 16 && body.Length > 2 && body[0] == '0')
        {
            var prefix = char.ToLowerInvariant(body[1]) switch { 'b' => 2, 'o' => 8, 'x' => 16, _ => 0 };
            if (prefix != 0 && (radix == 0 || radix == prefix))
            {
                radix = prefix;
                body = body[2] == '_' ? body[3..] : body[2..];
            }
        }

        radix = radix == 0 ? 10 : radix;
        if (body.Length is 0 or > MaxDigits || radix is < 2 or > 36)
        {
            return false;
        }

        return TryParseDigits(body, radix, negative, out value);
    }

    public static readonly char[] Spaces = [.. Enumerable.Range(0, 0x10000).Select(c => (char)c).Where(PyChars.IsSpace)];

    /// <summary>Whether a part of an attribute path is an index.</summary>
    public static bool IsDigits(string text, out object value)
    {
        value = 0L;
        return text.Length > 0 && text.All(char.IsAsciiDigit) && TryParseInteger(text, 10, out value);
    }

    private static bool TryParseDigits(ReadOnlySpan<char> body, int radix, bool negative, out object value)
    {
        value = 0L;
        var total = BigInteger.Zero;
        var wasDigit = false;
        foreach (var c in body)
        {
            if (c == '_' && wasDigit)
            {
                wasDigit = false;
                continue;
            }

            var digit = c is >= 'a' and <= 'z' ? c - 'a' + 10 : c is >= 'A' and <= 'Z' ? c - 'A' + 10 : (int)char.GetNumericValue(c);
            if (c == '_' || digit < 0 || digit >= radix || (digit < 10 && !char.IsDigit(c)))
            {
                return false;
            }

            total = total * radix + digit;
            wasDigit = true;
        }

        value = Shrink(negative ? -total : total);
        return wasDigit;
    }

    /// <summary>Python's <c>float(text)</c>; false if the text is no number.</summary>
    public static bool TryParseFloat(string text, out double value)
    {
        var body = string.Concat(text.Trim(Spaces).Select(c => char.IsDigit(c) ? (char)('0' + char.GetNumericValue(c)) : c));
        var plain = body.TrimStart('+', '-').ToLowerInvariant();
        if (plain is "inf" or "infinity" or "nan" && body.Length - plain.Length <= 1)
        {
            value = plain == "nan" ? double.NaN : body.StartsWith('-') ? double.NegativeInfinity : double.PositiveInfinity;
            return true;
        }

        for (var i = 0; i < body.Length; i++)
        {
            if (body[i] == '_' && !(i > 0 && i + 1 < body.Length && char.IsAsciiDigit(body[i - 1]) && char.IsAsciiDigit(body[i + 1])))
            {
                value = 0;
                return false;
            }
        }

        const NumberStyles Style = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(body.Replace("_", "", StringComparison.Ordinal), Style, CultureInfo.InvariantCulture, out value);
    }
}
