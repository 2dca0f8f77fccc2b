namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void AdamW(in AdamWArgs args)
    {
        AdamWStep s = args.Options;
        double[] p = Read(args.Param), g = Read(args.Grad), m = Read(args.M), v = Read(args.V);
        double clip = args.Norm is null ? 1 : Math.Min(1, s.MaxNorm / (Read(args.Norm)[0] + 1e-6));
        double correction1 = 1 - Math.Pow(s.Beta1, s.Step), correction2 = 1 - Math.Pow(s.Beta2, s.Step);
        for (long i = 0; i < p.LongLength; i++)
        {
            double gradient = g[i] * clip;
            m[i] += (1 - s.Beta1) * (gradient - m[i]);
            v[i] = (s.Beta2 * v[i]) + ((1 - s.Beta2) * gradient * gradient);
            p[i] *= 1 - (s.LearningRate * s.WeightDecay);
            p[i] -= s.LearningRate / correction1 * m[i] / ((Math.Sqrt(v[i]) / Math.Sqrt(correction2)) + s.Epsilon);
        }

        Write(args.Param, p);
        Write(args.M, m);
        Write(args.V, v);
    }
}
