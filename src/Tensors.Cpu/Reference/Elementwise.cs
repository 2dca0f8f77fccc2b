using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void Fill(Tensor x, float value)
    {
        double[] values = new double[x.Count];
        Array.Fill(values, value);
        Write(x, values);
    }

    /// <inheritdoc/>
    public void Copy(Tensor x, Tensor y)
    {
        if (x.DType == y.DType)
        {
            NativeMemory.Copy(_device.Pointer<byte>(x), _device.Pointer<byte>(y), (nuint)x.Bytes);
        }
        else
        {
            Write(y, Read(x));
        }
    }

    /// <inheritdoc/>
    public void Add(Tensor a, Tensor b, Tensor y)
    {
        double[] left = Read(a), right = Read(b);
        Write(y, Map(y.Count, i => left[i] + right[i]));
    }

    /// <inheritdoc/>
    public void AddScaled(Tensor x, float scale, Tensor y) => Scale(x, scale, y, accumulate: true);

    /// <inheritdoc/>
    public void Scale(Tensor x, float scale, Tensor y, bool accumulate)
    {
        double[] values = Read(x);
        Write(y, Map(y.Count, i => values[i] * scale), accumulate);
    }

    /// <inheritdoc/>
    public void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
        double[] values = Read(x), factors = Read(s);
        int C = x.Shape.Last;
        Write(y, Map(y.Count, i => values[i] * factors[i / C]), accumulate);
    }

    /// <inheritdoc/>
    public void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
        double[] values = Read(x), factors = Read(s);
        int C = x.Shape.Last;
        Write(y, Map(y.Count, i => values[i] * factors[i % C]), accumulate);
    }

    /// <inheritdoc/>
    public void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate)
    {
        double[] values = Read(x);
        ulong* rowKeys = _device.Pointer<ulong>(keys);
        int C = x.Shape.Last;
        for (long i = 0; i < values.LongLength; i++)
        {
            ulong column = (ulong)(i % C);
            (uint a, uint b, uint c, uint d) = Rng.Philox(Rng.Key(rowKeys[i / C], module), column / 4, 0);
            uint word = (column % 4) switch { 0 => a, 1 => b, 2 => c, _ => d };
            values[i] = Rng.Uniform(word) >= p ? values[i] / (1 - (double)p) : 0;
        }

        Write(y, values, accumulate);
    }

    private static double[] Map(long n, Func<long, double> f)
    {
        double[] values = new double[n];
        for (long i = 0; i < n; i++)
        {
            values[i] = f(i);
        }

        return values;
    }
}
