namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void MatMul(in MatMulArgs args)
    {
        Shape a = args.A.Shape;
        int M = args.C.Shape.Rows, N = args.C.Shape.Last, K = args.TransposeA ? a.Rows : a.Last;
        double[] left = Read(args.A), right = Read(args.B), c = new double[args.C.Count];
        double[]? bias = args.Bias is null ? null : Read(args.Bias);
        if (args.Compute == Compute.BF16)
        {
            RoundToBF16(left);
            RoundToBF16(right);
        }

        for (int i = 0; i < M; i++)
        {
            for (int j = 0; j < N; j++)
            {
                double sum = 0;
                for (int k = 0; k < K; k++)
                {
                    double x = left[args.TransposeA ? Index(k, i, M) : Index(i, k, K)];
                    sum += x * right[args.TransposeB ? Index(j, k, K) : Index(k, j, N)];
                }

                c[Index(i, j, N)] = (args.Alpha * sum) + (bias is null ? 0 : bias[j]);
            }
        }

        Write(args.C, c, args.Accumulate);
    }

    private static void RoundToBF16(double[] values)
    {
        for (long i = 0; i < values.LongLength; i++)
        {
            values[i] = Bf16.Round((float)values[i]);
        }
    }
}
