namespace Lorikeet.Tensors.Planning;

/// <summary>Kernels that compute nothing. A device whose kernels take memory for themselves overrides those that do.</summary>
public class DryKernels : IKernels
{
    /// <summary>Bytes that the kernels of the device would hold for themselves after the calls so far.</summary>
    public virtual long ScratchBytes => 0;

    /// <inheritdoc/>
    public void Fill(Tensor x, float value)
    {
    }

    /// <inheritdoc/>
    public void Copy(Tensor x, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public virtual void MatMul(in MatMulArgs args)
    {
    }

    /// <inheritdoc/>
    public void Add(Tensor a, Tensor b, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void AddScaled(Tensor x, float scale, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void Scale(Tensor x, float scale, Tensor y, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public virtual void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public virtual void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
    }

    /// <inheritdoc/>
    public void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate)
    {
    }

    /// <inheritdoc/>
    public void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd)
    {
    }

    /// <inheritdoc/>
    public virtual void RmsNormBackward(in NormGrad args)
    {
    }

    /// <inheritdoc/>
    public void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
    }

    /// <inheritdoc/>
    public virtual void LayerNormBackward(in NormGrad args)
    {
    }

    /// <inheritdoc/>
    public void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse)
    {
    }

    /// <inheritdoc/>
    public virtual void Attention(in AttentionArgs args)
    {
    }

    /// <inheritdoc/>
    public virtual void AttentionBackward(in AttentionArgs args, in AttentionGrad grad)
    {
    }

    /// <inheritdoc/>
    public void GatherRows(Tensor table, Tensor ids, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable)
    {
    }

    /// <inheritdoc/>
    public void ScatterRows(Tensor x, Tensor ids, Tensor y)
    {
    }

    /// <inheritdoc/>
    public void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits)
    {
    }

    /// <inheritdoc/>
    public virtual void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
    }

    /// <inheritdoc/>
    public void AdamW(in AdamWArgs args)
    {
    }
}
