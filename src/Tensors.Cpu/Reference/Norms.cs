namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd)
    {
        int N = x.Shape.Rows, C = x.Shape.Last;
        double[] values = Read(x), w = Read(weight), r = new double[N];
        for (int i = 0; i < N; i++)
        {
            double squares = 0;
            for (int j = 0; j < C; j++)
            {
                squares += values[Index(i, j, C)] * values[Index(i, j, C)];
            }

            r[i] = 1 / Math.Sqrt((squares / C) + eps);
        }

        Write(y, Map(y.Count, k => values[k] * r[k / C] * w[k % C]));
        if (rstd is not null)
        {
            Write(rstd, r);
        }
    }

    /// <inheritdoc/>
    public void RmsNormBackward(in NormGrad args)
    {
        double[] x = Read(args.X), mean = new double[args.X.Shape.Rows], rstd = Read(args.Rstd);
        NormBackward(args, Normalized(x, mean, rstd, args.X.Shape.Last), rstd, centred: false);
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        int N = x.Shape.Rows, C = x.Shape.Last;
        double[] values = Read(x), w = Read(weight), b = bias is null ? new double[C] : Read(bias), m = new double[N], r = new double[N];
        for (int i = 0; i < N; i++)
        {
            double sum = 0, squares = 0;
            for (int j = 0; j < C; j++)
            {
                sum += values[Index(i, j, C)];
            }

            m[i] = sum / C;
            for (int j = 0; j < C; j++)
            {
                double d = values[Index(i, j, C)] - m[i];
                squares += d * d;
            }

            r[i] = 1 / Math.Sqrt((squares / C) + eps);
        }

        double[] n = Normalized(values, m, r, C);
        Write(y, Map(y.Count, k => (n[k] * w[k % C]) + b[k % C]));
        if (mean is not null)
        {
            Write(mean, m);
        }

        if (rstd is not null)
        {
            Write(rstd, r);
        }
    }

    /// <inheritdoc/>
    public void LayerNormBackward(in NormGrad args)
    {
        double[] x = Read(args.X), mean = Read(args.Mean!), rstd = Read(args.Rstd);
        NormBackward(args, Normalized(x, mean, rstd, args.X.Shape.Last), rstd, centred: true);
    }

    /// <summary>dX = rstd (g - n mean(g n) - mean(g) where centred) with g = weight dY; dWeight += dY n; dBias += dY.</summary>
    private void NormBackward(in NormGrad args, double[] n, double[] rstd, bool centred)
    {
        int N = args.X.Shape.Rows, C = args.X.Shape.Last;
        double[] dY = Read(args.DY), w = Read(args.Weight), dX = new double[n.Length], dWeight = new double[C], dBias = new double[C];
        for (int i = 0; i < N; i++)
        {
            double byNormal = 0, plain = 0;
            for (int j = 0; j < C; j++)
            {
                long k = Index(i, j, C);
                byNormal += dY[k] * w[j] * n[k] / C;
                plain += centred ? dY[k] * w[j] / C : 0;
                dWeight[j] += dY[k] * n[k];
                dBias[j] += dY[k];
            }

            for (int j = 0; j < C; j++)
            {
                long k = Index(i, j, C);
                dX[k] = rstd[i] * ((dY[k] * w[j]) - plain - (n[k] * byNormal));
            }
        }

        if (args.DX is not null)
        {
            Write(args.DX, dX, args.Accumulate);
        }

        if (args.DWeight is not null)
        {
            Write(args.DWeight, dWeight, accumulate: true);
        }

        if (args.DBias is not null)
        {
            Write(args.DBias, dBias, accumulate: true);
        }
    }

    private static double[] Normalized(double[] x, double[] mean, double[] rstd, int C) =>
        Map(x.LongLength, k => (x[k] - mean[k / C]) * rstd[k / C]);

    private static long Index(long i, long j, long C) => (i * C) + j;
}
