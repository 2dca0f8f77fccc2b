namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
        double[] values = Read(x);
        Write(y, Map(y.Count, i => Value(kind, values[i])));
    }

    /// <inheritdoc/>
    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
        double[] values = Read(x), d = Read(dY);
        Write(dX, Map(dX.Count, i => d[i] * Slope(kind, values[i])), accumulate);
    }

    /// <inheritdoc/>
    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
        double[] g = Read(gate), u = Read(up);
        Write(y, Map(y.Count, i => Value(kind, g[i]) * u[i]));
    }

    /// <inheritdoc/>
    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
        double[] g = Read(gate), u = Read(up), d = Read(dY);
        Write(dGate, Map(dY.Count, i => d[i] * u[i] * Slope(kind, g[i])));
        Write(dUp, Map(dY.Count, i => d[i] * Value(kind, g[i])));
    }

    private static double Value(ActivationKind kind, double x) => kind switch
    {
        ActivationKind.Silu => x * Sigmoid(x),
        ActivationKind.GeluErf => x * NormalCdf(x),
        ActivationKind.GeluTanh => 0.5 * x * (1 + Math.Tanh(TanhArgument(x))),
        ActivationKind.QuickGelu => x * Sigmoid(1.702 * x),
        ActivationKind.Relu => double.IsNaN(x) ? x : Math.Max(x, 0),
        ActivationKind.Tanh => Math.Tanh(x),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
    };

    private static double Slope(ActivationKind kind, double x)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                return Sigmoid(x) * (1 + (x * (1 - Sigmoid(x))));
            case ActivationKind.GeluErf:
                return NormalCdf(x) + (x * Math.Exp(-0.5 * x * x) / Math.Sqrt(2 * Math.PI));
            case ActivationKind.GeluTanh:
                double t = Math.Tanh(TanhArgument(x));
                double inner = Math.Sqrt(2 / Math.PI) * (1 + (3 * 0.044715 * x * x));
                return (0.5 * (1 + t)) + (0.5 * x * (1 - (t * t)) * inner);
            case ActivationKind.QuickGelu:
                double s = Sigmoid(1.702 * x);
                return s * (1 + (1.702 * x * (1 - s)));
            case ActivationKind.Relu:
                return x > 0 ? 1 : 0;
            case ActivationKind.Tanh:
                return 1 - (Math.Tanh(x) * Math.Tanh(x));
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double TanhArgument(double x) => Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x));

    private static double NormalCdf(double x) => x < 0 ? 0.5 * Erfc(-x / Math.Sqrt(2)) : 1 - (0.5 * Erfc(x / Math.Sqrt(2)));

    /// <summary>The complementary error function for x &gt;= 0: its Taylor series near zero, its continued fraction beyond.</summary>
    private static double Erfc(double x)
    {
        if (x < 2.5)
        {
            double term = x, sum = x;
            for (int n = 1; n < 100; n++)
            {
                term *= -x * x / n;
                sum += term / ((2 * n) + 1);
            }

            return 1 - (2 / Math.Sqrt(Math.PI) * sum);
        }

        double fraction = 0;
        for (int k = 120; k > 0; k--)
        {
            fraction = k / 2.0 / (x + fraction);
        }

        return Math.Exp(-x * x) / (Math.Sqrt(Math.PI) * (x + fraction));
    }
}
