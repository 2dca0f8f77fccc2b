using System.Globalization;

namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits)
    {
        int N = logits.Shape.Rows, V = logits.Shape.Last;
        ReadOnlySpan<int> targets = Ints(labels);
        double[] x = Read(logits), losses = new double[N], d = new double[x.Length];
        for (int i = 0; i < N; i++)
        {
            if (targets[i] < 0 || targets[i] >= V)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"label {targets[i]} of row {i} is outside the vocabulary of {V}"));
            }

            double max = double.NegativeInfinity, sum = 0;
            for (int j = 0; j < V; j++)
            {
                max = Math.Max(max, x[Index(i, j, V)]);
            }

            for (int j = 0; j < V; j++)
            {
                sum += Math.Exp(x[Index(i, j, V)] - max);
            }

            for (int j = 0; j < V; j++)
            {
                d[Index(i, j, V)] = (Math.Exp(x[Index(i, j, V)] - max) / sum) - (j == targets[i] ? 1 : 0);
            }

            losses[i] = max + Math.Log(sum) - x[Index(i, targets[i], V)];
        }

        Write(loss, losses);
        if (dLogits is not null)
        {
            Write(dLogits, d);
        }
    }
}
