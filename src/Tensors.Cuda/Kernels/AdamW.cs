using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void AdamW(in AdamWArgs args)
    {
        AdamWStep step = args.Options;
        double correction1 = 1 - Math.Pow(step.Beta1, step.Step), correction2 = 1 - Math.Pow(step.Beta2, step.Step);
        var parameters = new AdamWParams(Ptr(args.Param), Ptr(args.Grad), Ptr(args.M), Ptr(args.V), PtrOrNull(args.Norm), args.Param.Count)
        {
            MaxNorm = (float)step.MaxNorm,
            Decay = (float)(1 - (step.LearningRate * step.WeightDecay)),
            Weight1 = (float)(1 - step.Beta1),
            Beta2 = (float)step.Beta2,
            Weight2 = (float)(1 - step.Beta2),
            Root = (float)Math.Sqrt(correction2),
            Epsilon = (float)step.Epsilon,
            Rate = (float)(-step.LearningRate / correction1),
        };
        Launch(new KernelName("AdamW", "adamw", ""), new LaunchShape(Ceil(args.Param.Count, Block), Block), parameters);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct AdamWParams(nint param, nint grad, nint m, nint v, nint norm, long n)
    {
        public nint Param = param, Grad = grad, M = m, V = v, Norm = norm;
        public long N = n;
        public float MaxNorm, Decay, Weight1, Beta2, Weight2, Root, Epsilon, Rate;
    }
}
