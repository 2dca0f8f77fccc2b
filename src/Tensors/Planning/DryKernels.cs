namespace Lorikeet.Tensors.Planning;

/// <summary>Kernels that compute nothing.</summary>
internal sealed class DryKernels : IKernels
{
    public void Fill(Tensor x, float value)
    {
    }

    public void Copy(Tensor x, Tensor y)
    {
    }

    public void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate)
    {
    }

    public void MatMul(in MatMulArgs args)
    {
    }

    public void Add(Tensor a, Tensor b, Tensor y)
    {
    }

    public void AddScaled(Tensor x, float scale, Tensor y)
    {
    }

    public void Scale(Tensor x, float scale, Tensor y, bool accumulate)
    {
    }

    public void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
    }

    public void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate)
    {
    }

    public void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
    }

    public void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate)
    {
    }

    public void Activation(ActivationKind kind, Tensor x, Tensor y)
    {
    }

    public void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate)
    {
    }

    public void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y)
    {
    }

    public void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp)
    {
    }

    public void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate)
    {
    }

    public void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd)
    {
    }

    public void RmsNormBackward(in NormGrad args)
    {
    }

    public void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd)
    {
    }

    public void LayerNormBackward(in NormGrad args)
    {
    }

    public void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse)
    {
    }

    public void Attention(in AttentionArgs args)
    {
    }

    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad)
    {
    }

    public void GatherRows(Tensor table, Tensor ids, Tensor y)
    {
    }

    public void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable)
    {
    }

    public void ScatterRows(Tensor x, Tensor ids, Tensor y)
    {
    }

    public void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits)
    {
    }

    public void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
    }

    public void AdamW(in AdamWArgs args)
    {
    }
}
