namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void Attention(in AttentionArgs args) => throw new NotSupportedException("attention on a GPU");

    /// <inheritdoc/>
    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad) => throw new NotSupportedException("attention on a GPU");
}
