namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void MatMul(in MatMulArgs args)
    {
        Shape a = args.A.Shape, b = args.B.Shape;
        var gemm = new GemmArgs
        {
            A = Ptr<byte>(args.A),
            AType = args.A.DType,
            Lda = a.Last,
            TransA = args.TransposeA,
            B = Ptr<byte>(args.B),
            BType = args.B.DType,
            Ldb = b.Last,
            TransB = args.TransposeB,
            C = Ptr<float>(args.C),
            Ldc = args.C.Shape.Last,
            M = args.C.Shape.Rows,
            N = args.C.Shape.Last,
            K = args.TransposeA ? a.Rows : a.Last,
            Alpha = args.Alpha,
            Accumulate = args.Accumulate,
            Bias = args.Bias is null ? null : Ptr<byte>(args.Bias),
            BiasType = args.Bias?.DType ?? DType.F32,
            Bf16Compute = args.Compute == Compute.BF16,
        };
        Gemm.Run(gemm);
    }
}
