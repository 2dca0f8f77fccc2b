namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
        double[] terms = Terms(x, z), sums = new double[y.Count];
        int C = x.Shape.Last;
        for (long i = 0; i < terms.LongLength; i++)
        {
            sums[i % C] += terms[i];
        }

        Write(y, sums, accumulate);
    }

    /// <inheritdoc/>
    public void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate) => Write(y, [Terms(x, z).Sum()], accumulate);

    /// <inheritdoc/>
    public void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
        double squares = 0;
        foreach (Tensor x in tensors)
        {
            squares += Terms(x, x).Sum();
        }

        Write(norm, [Math.Sqrt(squares)]);
    }

    private double[] Terms(Tensor x, Tensor? z)
    {
        double[] a = Read(x);
        if (z is null)
        {
            return a;
        }

        double[] b = Read(z);
        return Map(a.LongLength, i => a[i] * b[i]);
    }
}
