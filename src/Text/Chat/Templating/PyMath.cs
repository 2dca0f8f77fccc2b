using System.Numerics;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Python's arithmetic on template values; integers are unbounded up to a size limit.</summary>
internal static class PyMath
{
    private const long MaxBits = 1 << 16;

    public static BigInteger ToBig(object value) => value switch
    {
        bool b => b ? 1 : 0,
        long n => n,
        BigInteger n => n,
        _ => throw new ArgumentException("not an integer", nameof(value)),
    };

    public static object? Binary(string op, object? a, object? b, Budget budget)
    {
        if (a is long x && b is long y && Small(op, x, y) is { } small)
        {
            return small;
        }

        if (a is Undefined u)
        {
            throw u.Error();
        }

        if (op == "%" && a is string or Markup)
        {
            return PercentFormat.Apply(PyText.Str(a, budget), b, budget);
        }

        if (b is Undefined v)
        {
            throw v.Error();
        }

        if (op == "+" && Concatenate(a, b, budget) is { } sum)
        {
            return sum;
        }

        if (op == "*" && Repeat(a, b, budget) is { } repeated)
        {
            return repeated;
        }

        if (a is not null && b is not null && PyCompare.IsNumber(a) && PyCompare.IsNumber(b))
        {
            return a is double || b is double ? Floats(op, ToDouble(a), ToDouble(b)) : Integers(op, ToBig(a), ToBig(b));
        }

        throw Unsupported(op, a, b);
    }

    private static long? Small(string op, long a, long b)
    {
        switch (op)
        {
            case "+":
                var sum = unchecked(a + b);
                return ((a ^ sum) & (b ^ sum)) < 0 ? null : sum;
            case "-":
                var difference = unchecked(a - b);
                return ((a ^ b) & (a ^ difference)) < 0 ? null : difference;
            case "*" when Math.BigMul(a, b, out var product) is var high && high == product >> 63:
                return product;
            case "//" when b > 0:
                return Math.DivRem(a, b) is var (q, r) && r < 0 ? q - 1 : q;
            case "%" when b > 0:
                var rest = a % b;
                return rest < 0 ? rest + b : rest;
            default:
                return null;
        }
    }

    private static ChatTemplateException Unsupported(string op, object? a, object? b)
    {
        var (left, right) = (PyText.TypeName(a), PyText.TypeName(b));
        return (op, a) switch
        {
            ("+", string) => Fail.Type($"can only concatenate str (not \"{right}\") to str"),
            ("+", PyList) => Fail.Type($"can only concatenate {left} (not \"{right}\") to {left}"),
            ("*", string or PyList) => Fail.Type($"can't multiply sequence by non-int of type '{right}'"),
            ("*", _) when b is string or PyList => Fail.Type($"can't multiply sequence by non-int of type '{left}'"),
            _ => Fail.Type($"unsupported operand type(s) for {(op == "**" ? "** or pow()" : op)}: '{left}' and '{right}'"),
        };
    }

    private static object? Concatenate(object? a, object? b, Budget budget)
    {
        switch (a, b)
        {
            case (string x, string y):
                budget.Text((long)x.Length + y.Length);
                return x + y;
            case (Markup or string, Markup or string):
                var joined = Html.Escape(a, budget) + Html.Escape(b, budget);
                budget.Text(joined.Length);
                return new Markup(joined);
            case (PyList x, PyList y) when x.IsTuple == y.IsTuple:
                budget.Items((long)x.Count + y.Count);
                return new PyList([.. x, .. y], x.IsTuple);
            default:
                return null;
        }
    }

    private static object? Repeat(object? a, object? b, Budget budget)
    {
        var (sequence, times) = a is string or Markup or PyList ? (a, b) : (b, a);
        if (sequence is not (string or Markup or PyList) || times is not (long or bool or BigInteger))
        {
            return null;
        }

        var count = BigInteger.Max(0, ToBig(times));
        var length = sequence is PyList items ? items.Count : PyText.Str(sequence, budget).Length;
        var total = (long)BigInteger.Min(count * length, long.MaxValue);
        var n = length == 0 ? 0 : (int)BigInteger.Min(count, int.MaxValue);
        if (sequence is PyList list)
        {
            budget.Items(total);
            return new PyList([.. Enumerable.Repeat(list, n).SelectMany(l => l)], list.IsTuple);
        }

        budget.Text(total);
        var text = new System.Text.StringBuilder().Insert(0, PyText.Str(sequence, budget), n).ToString();
        return sequence is Markup ? new Markup(text) : text;
    }

    public static double ToDouble(object value)
    {
        var result = value switch { double d => d, long n => n, bool b => b ? 1 : 0, BigInteger n => (double)n, _ => double.NaN };
        return double.IsInfinity(result) && value is BigInteger
            ? throw Fail.With("OverflowError", "int too large to convert to float")
            : result;
    }

    private static double Floats(string op, double a, double b)
    {
        switch (op)
        {
            case "+":
                return a + b;
            case "-":
                return a - b;
            case "*":
                return a * b;
            case "**":
                return FloatPower(a, b);
            case "/" when b != 0:
                return a / b;
            case "//" or "%" when b != 0:
                var rest = a % b;
                var quotient = (a - rest) / b;
                if (rest != 0 && rest < 0 != b < 0)
                {
                    rest += b;
                    quotient -= 1;
                }

                rest = rest == 0 ? Math.CopySign(0, b) : rest;
                return op == "%" ? rest : FloorOf(quotient, a / b);
            default:
                throw Fail.With("ZeroDivisionError", op switch { "/" => "float division by zero", "%" => "float modulo", _ => "float floor division by zero" });
        }
    }

    private static double FloorOf(double quotient, double ratio)
    {
        if (quotient == 0)
        {
            return Math.CopySign(0, ratio);
        }

        var floor = Math.Floor(quotient);
        return quotient - floor > 0.5 ? floor + 1 : floor;
    }

    private static double FloatPower(double a, double b)
    {
        if (a == 0 && b < 0)
        {
            throw Fail.With("ZeroDivisionError", "0.0 cannot be raised to a negative power");
        }

        if (a < 0 && double.IsFinite(a) && double.IsFinite(b) && b != Math.Floor(b))
        {
            throw Fail.Value("a negative number to a fractional power is a complex number, which templates cannot use");
        }

        var power = Math.Pow(a, b);
        return double.IsInfinity(power) && double.IsFinite(a) && double.IsFinite(b)
            ? throw Fail.With("OverflowError", "(34, 'Numerical result out of range')")
            : power;
    }

    private static object Integers(string op, BigInteger a, BigInteger b)
    {
        if (b.IsZero && op is "/" or "//" or "%")
        {
            throw Fail.With("ZeroDivisionError", op switch { "/" => "division by zero", "//" => "integer division or modulo by zero", _ => "integer modulo by zero" });
        }

        switch (op)
        {
            case "/":
                return Divide(a, b);
            case "**" when b.Sign < 0:
                return FloatPower(ToDouble(a), ToDouble(b));
            case "**":
                Check(a.IsZero || a.IsOne ? 0 : b > MaxBits ? MaxBits + 1 : a.GetBitLength() * (long)b);
                return PyNumber.Shrink(BigInteger.Pow(a, a.IsZero || a.IsOne ? (b.IsZero ? 0 : 1) : (int)b));
            case "*":
                Check(a.GetBitLength() + b.GetBitLength());
                return PyNumber.Shrink(a * b);
            case "+" or "-":
                return PyNumber.Shrink(op == "+" ? a + b : a - b);
        }

        var quotient = BigInteger.DivRem(a, b, out var rest);
        if (!rest.IsZero && rest.Sign < 0 != b.Sign < 0)
        {
            quotient -= 1;
            rest += b;
        }

        return PyNumber.Shrink(op == "%" ? rest : quotient);
    }

    /// <summary>True division of integers, correctly rounded even where both exceed the range of a double's mantissa.</summary>
    private static double Divide(BigInteger a, BigInteger b)
    {
        if (BigInteger.Abs(a) < (1L << 53) && BigInteger.Abs(b) < (1L << 53))
        {
            return (double)a / (double)b;
        }

        // Scale so that the quotient has 66 bits or more, keep a sticky bit, and let one conversion do the rounding.
        var shift = (int)Math.Max(0, b.GetBitLength() - a.GetBitLength() + 66);
        var quotient = BigInteger.DivRem(BigInteger.Abs(a) << shift, BigInteger.Abs(b), out var rest);
        quotient = rest.IsZero ? quotient : quotient | 1;
        var excess = (int)Math.Max(0, quotient.GetBitLength() - 55);
        var sticky = (quotient & ((BigInteger.One << excess) - 1)).IsZero ? 0 : 1;
        var value = Math.ScaleB((double)(ulong)((quotient >> excess) | sticky), excess - shift);
        if (double.IsInfinity(value))
        {
            throw Fail.With("OverflowError", "integer division result too large for a float");
        }

        return a.Sign * b.Sign < 0 ? -value : value;
    }

    private static void Check(long bits)
    {
        if (bits > MaxBits)
        {
            throw Fail.With("LimitError", $"an integer of more than {MaxBits} bits");
        }
    }

    public static object Negate(object? value, bool minus) => value switch
    {
        Undefined u => throw u.Error(),
        long n when n != long.MinValue => minus ? -n : n,
        double d => minus ? -d : d,
        bool or long or BigInteger => PyNumber.Shrink(minus ? -ToBig(value) : ToBig(value)),
        _ => throw Fail.Type($"bad operand type for unary {(minus ? "-" : "+")}: '{PyText.TypeName(value)}'"),
    };
}
