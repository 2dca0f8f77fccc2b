namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Attention(in AttentionArgs args) => _attention.Forward(Operands(args), args.Segments);

    /// <inheritdoc/>
    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad) => _attention.Backward(
        Operands(args),
        new FlashGrad { DOut = Ptr<float>(grad.DOut), DQ = Ptr<float>(grad.DQ), DK = Ptr<float>(grad.DK), DV = Ptr<float>(grad.DV) },
        args.Segments);

    private FlashArgs Operands(in AttentionArgs args) => new()
    {
        Q = Ptr<float>(args.Q),
        K = Ptr<float>(args.K),
        V = Ptr<float>(args.V),
        Out = Ptr<float>(args.Out),
        Lse = PtrOrNull<float>(args.Lse),
        KeyMask = PtrOrNull<byte>(args.KeyMask),
        Queries = args.Q.Shape[0],
        Heads = args.Q.Shape[1],
        Width = args.Q.Shape[2],
        Keys = args.K.Shape[0],
        KeyHeads = args.K.Shape[1],
        Scale = args.Scale,
        Bf16 = args.Compute == Compute.BF16,
    };
}
