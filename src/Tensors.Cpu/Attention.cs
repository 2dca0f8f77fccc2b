namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Attention(in AttentionArgs args) => new Reference.ReferenceKernels(_device).Attention(args);

    /// <inheritdoc/>
    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad) =>
        new Reference.ReferenceKernels(_device).AttentionBackward(args, grad);
}
