using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd) => Norm("rms_norm", x, weight, null, eps, y, null, rstd);

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        if (bias is not null && bias.DType != weight.DType)
        {
            // Nobody stores them so; converted, the sums are the same.
            Norm("layer_norm", x, AsFloats(weight, _right), "float", AsFloats(bias, _bias), eps, y, mean, rstd);
            return;
        }

        Norm("layer_norm", x, weight, bias, eps, y, mean, rstd);
    }

    /// <inheritdoc/>
    public void RmsNormBackward(in NormGrad args) => NormBackward(args);

    /// <inheritdoc/>
    public void LayerNormBackward(in NormGrad args) => NormBackward(args);

    private void Norm(string kernel, Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd) =>
        Norm(kernel, x, Ptr(weight), TypeName(weight.DType), PtrOrNull(bias), eps, y, mean, rstd);

    private void Norm(string kernel, Tensor x, nint weight, string type, nint bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
        int C = x.Shape.Last;
        nint from = Ptr(x), to = Ptr(y);
        var parameters = new NormParams(from, weight, bias, to, PtrOrNull(mean), PtrOrNull(rstd), C, eps, Vector(C, from, weight, bias, to));
        Launch(new KernelName("Norms", kernel, $"{Types(x, y)} W={type}"), new LaunchShape(x.Shape.Rows, Block), parameters);
    }

    private void NormBackward(in NormGrad args)
    {
        int N = args.X.Shape.Rows, C = args.X.Shape.Last;
        nint x = Ptr(args.X), dY = Ptr(args.DY), mean = PtrOrNull(args.Mean), rstd = Ptr(args.Rstd);
        if (args.DX is not null)
        {
            var parameters = new NormBackwardParams(x, Ptr(args.Weight), mean, rstd, dY, Ptr(args.DX), C, args.Accumulate ? 1 : 0);
            Launch(new KernelName("Norms", "norm_backward", $"{Types(args.X, args.DX)} W={TypeName(args.Weight.DType)}"), new LaunchShape(N, Block), parameters);
        }

        if (args.DWeight is not null)
        {
            SumColumns(args.DY, x, mean, rstd, N, C, Ptr(args.DWeight), accumulate: true);
        }

        if (args.DBias is not null)
        {
            SumColumns(args.DY, 0, 0, 0, N, C, Ptr(args.DBias), accumulate: true);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct NormParams(nint X, nint Weight, nint Bias, nint Y, nint Mean, nint Rstd, int Columns, float Eps, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct NormBackwardParams(nint X, nint Weight, nint Mean, nint Rstd, nint DY, nint DX, int Columns, int Accumulate);
}
