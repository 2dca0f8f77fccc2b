namespace Lorikeet.Tensors;

/// <summary>
/// The device contract: what a device must be able to compute. Shapes are checked by the ops; kernels trust them.
/// Activations and gradients are of the device's <see cref="IDevice.ActivationType"/> (f32 on the CPU), which results are rounded
/// to once; statistics, losses and gradients of parameters are f32. Reductions run in a fixed order, so equal inputs give equal
/// bits whatever the number of threads. A parameter named <c>accumulate</c> adds to the output instead of overwriting it.
/// </summary>
public interface IKernels
{
    /// <summary>x = value, any float type.</summary>
    void Fill(Tensor x, float value);

    /// <summary>y = x, converting between float types (round to nearest even).</summary>
    void Copy(Tensor x, Tensor y);

    /// <summary>c = alpha op(a) op(b) (+ c) (+ bias per column); a and b of any float type, c f32 or an activation.</summary>
    void MatMul(in MatMulArgs args);

    /// <summary>y = a + b.</summary>
    void Add(Tensor a, Tensor b, Tensor y);

    /// <summary>y += scale x.</summary>
    void AddScaled(Tensor x, float scale, Tensor y);

    /// <summary>y = x * scale (+ y).</summary>
    void Scale(Tensor x, float scale, Tensor y, bool accumulate);

    /// <summary>y[i, :] = x[i, :] * s[i] (+ y) with x [N, C], s [N].</summary>
    void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate);

    /// <summary>y[:, j] = x[:, j] * s[j] (+ y) with x [N, C], s [C].</summary>
    void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate);

    /// <summary>y[j] = sum over i of x[i, j] (* z[i, j] where z is given) (+ y) with x, z [N, C], y [C].</summary>
    void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate);

    /// <summary>y[0] = sum of x (* z where given) (+ y).</summary>
    void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate);

    /// <summary>y = f(x).</summary>
    void Activation(ActivationKind kind, Tensor x, Tensor y);

    /// <summary>dX = dY f'(x) (+ dX).</summary>
    void ActivationBackward(ActivationKind kind, Tensor x, Tensor dY, Tensor dX, bool accumulate);

    /// <summary>y = f(gate) * up.</summary>
    void Gated(ActivationKind kind, Tensor gate, Tensor up, Tensor y);

    /// <summary>dGate = dY up f'(gate), dUp = dY f(gate); both overwritten.</summary>
    void GatedBackward(ActivationKind kind, Tensor gate, Tensor up, Tensor dY, Tensor dGate, Tensor dUp);

    /// <summary>y[i, j] = x[i, j] / (1 - p) where the generator keyed by (keys[i], module, j) keeps the element, else 0 (+ y); keys I64 [N].</summary>
    void Dropout(Tensor x, Tensor keys, ulong module, float p, Tensor y, bool accumulate);

    /// <summary>y = x / rms(x) * weight per row; rstd [N] receives 1 / rms where given. weight any float type [C].</summary>
    void RmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor? rstd);

    /// <summary>Gradients of <see cref="RmsNorm"/>: dX (+ dX) where given, dWeight += where given.</summary>
    void RmsNormBackward(in NormGrad args);

    /// <summary>y = (x - mean) / std * weight + bias per row; mean and rstd [N] receive the statistics where given.</summary>
    void LayerNorm(Tensor x, Tensor weight, Tensor? bias, float eps, Tensor y, Tensor? mean, Tensor? rstd);

    /// <summary>Gradients of <see cref="LayerNorm"/>: dX (+ dX) where given, dWeight += and dBias += where given.</summary>
    void LayerNormBackward(in NormGrad args);

    /// <summary>Rotates x [N, H, D] by cos, sin [N, D/2] in the given pairing; inverse rotates back (the gradient). y may be x.</summary>
    void Rope(RopePairing pairing, Tensor x, Tensor cos, Tensor sin, Tensor y, bool inverse);

    /// <summary>Attention without a score matrix; see <see cref="AttentionArgs"/>.</summary>
    void Attention(in AttentionArgs args);

    /// <summary>Gradients of <see cref="Attention"/>: dQ, dK, dV overwritten (rows outside every segment are zero).</summary>
    void AttentionBackward(in AttentionArgs args, in AttentionGrad grad);

    /// <summary>y[i, :] = table[ids[i], :] converted to y's type; table any float type [R, C], ids I32 [N].</summary>
    void GatherRows(Tensor table, Tensor ids, Tensor y);

    /// <summary>dTable[ids[i], :] += x[i, :], in the order of i for equal ids.</summary>
    void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable);

    /// <summary>y[ids[i], :] = x[i, :]; ids are distinct.</summary>
    void ScatterRows(Tensor x, Tensor ids, Tensor y);

    /// <summary>y[:, yStart + j] = x[:, xStart + j] (+ y) for j below count; x [N, C], y [N, E], both f32.</summary>
    void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate);

    /// <summary>
    /// Per row of logits [N, V]: loss[i] = logsumexp - logits[labels[i]]; where <paramref name="dLogits"/> is given it receives
    /// softmax - onehot, in its own type (it may be <paramref name="logits"/> itself). labels I32 [N], all in [0, V).
    /// </summary>
    void CrossEntropy(Tensor logits, Tensor labels, Tensor loss, Tensor? dLogits);

    /// <summary>norm[0] = square root of the sum of squares over all tensors, in their order.</summary>
    void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm);

    /// <summary>One decoupled-weight-decay Adam step on one parameter; see <see cref="AdamWArgs"/>.</summary>
    void AdamW(in AdamWArgs args);
}

/// <summary>Element-wise non-linearities, named by what they compute.</summary>
public enum ActivationKind
{
    /// <summary>x sigmoid(x).</summary>
    Silu,

    /// <summary>x Phi(x) with the error function.</summary>
    GeluErf,

    /// <summary>0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).</summary>
    GeluTanh,

    /// <summary>x sigmoid(1.702 x).</summary>
    QuickGelu,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>tanh(x).</summary>
    Tanh,
}

/// <summary>Which elements of a head rotate together.</summary>
public enum RopePairing
{
    /// <summary>Element i with i + D/2 (Llama, Qwen).</summary>
    HalfSplit,

    /// <summary>Element 2i with 2i + 1 (the original paper, Pixtral's checkpoints in their own format).</summary>
    Interleaved,
}

/// <summary>A matrix product c [M, N] = alpha op(a) op(b) (+ c) (+ bias). Leading dimensions of a tensor are rows.</summary>
/// <param name="A">[M, K], or [K, M] when transposed.</param>
/// <param name="TransposeA">Whether a is stored transposed.</param>
/// <param name="B">[K, N], or [N, K] when transposed (a linear layer's weight).</param>
/// <param name="TransposeB">Whether b is stored transposed.</param>
/// <param name="C">[M, N], f32 or an activation.</param>
/// <param name="Alpha">Factor of the product.</param>
/// <param name="Accumulate">Whether to add to c.</param>
/// <param name="Bias">[N] of any float type, or null.</param>
/// <param name="Compute">Arithmetic.</param>
public readonly record struct MatMulArgs(
    Tensor A, bool TransposeA, Tensor B, bool TransposeB, Tensor C, float Alpha, bool Accumulate, Tensor? Bias, Compute Compute);

/// <summary>What the backward kernels of the norms read and write.</summary>
/// <param name="X">Input [N, C].</param>
/// <param name="Weight">[C], any float type.</param>
/// <param name="Mean">[N], LayerNorm only.</param>
/// <param name="Rstd">[N].</param>
/// <param name="DY">[N, C].</param>
/// <param name="DX">[N, C] or null.</param>
/// <param name="Accumulate">Whether dX is added to.</param>
/// <param name="DWeight">[C] or null; always added to.</param>
/// <param name="DBias">[C] or null; always added to.</param>
public readonly record struct NormGrad(
    Tensor X, Tensor Weight, Tensor? Mean, Tensor Rstd, Tensor DY, Tensor? DX, bool Accumulate, Tensor? DWeight, Tensor? DBias);

/// <summary>
/// Attention of q [T, H, D] over k, v [S, K, D] (H a multiple of K; head h reads k/v head h K / H) inside segments:
/// out[t, h] = sum over visible s of softmax(scale q.k) v. Where causal, query i of a segment stands at key
/// p = i + (keys - queries) and sees key j when j &lt;= p and, with a window W, p - j &lt; W. Rows without a visible key give zero.
/// </summary>
/// <param name="Q">Queries.</param>
/// <param name="K">Keys.</param>
/// <param name="V">Values.</param>
/// <param name="Out">[T, H, D].</param>
/// <param name="Lse">[T, H]: log of the sum of exponentials of the scaled scores, kept for the backward pass; or null.</param>
/// <param name="Segments">Which queries see which keys.</param>
/// <param name="Scale">Factor of the scores, usually 1 / sqrt(D).</param>
/// <param name="KeyMask">U8 [S], zero hides a key from everybody; or null.</param>
/// <param name="Compute">Arithmetic of the products.</param>
public readonly record struct AttentionArgs(
    Tensor Q, Tensor K, Tensor V, Tensor Out, Tensor? Lse, AttentionSegments Segments, float Scale, Tensor? KeyMask, Compute Compute);

/// <summary>Gradients of attention.</summary>
/// <param name="DOut">[T, H, D].</param>
/// <param name="DQ">[T, H, D].</param>
/// <param name="DK">[S, K, D].</param>
/// <param name="DV">[S, K, D].</param>
public readonly record struct AttentionGrad(Tensor DOut, Tensor DQ, Tensor DK, Tensor DV);

/// <summary>One AdamW step: m, v updated; param -= lr (m^ / (sqrt(v^) + eps) + weight_decay param), decay applied first as PyTorch does.</summary>
/// <param name="Param">f32 parameter.</param>
/// <param name="Grad">Its gradient, same shape.</param>
/// <param name="M">First moment.</param>
/// <param name="V">Second moment.</param>
/// <param name="Norm">[1] global gradient norm; the gradient is scaled by min(1, MaxNorm / (norm + 1e-6)). Null: no clipping.</param>
/// <param name="Options">Numbers of this step.</param>
public readonly record struct AdamWArgs(Tensor Param, Tensor Grad, Tensor M, Tensor V, Tensor? Norm, AdamWStep Options);

/// <summary>The numbers of one AdamW step. Source: Loshchilov and Hutter 2019; arithmetic order of torch.optim.AdamW.</summary>
/// <param name="LearningRate">Learning rate of this step.</param>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
/// <param name="WeightDecay">Decoupled decay.</param>
/// <param name="MaxNorm">Clipping threshold.</param>
/// <param name="Step">1-based count of this parameter's updates.</param>
public readonly record struct AdamWStep(
    double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, double MaxNorm, int Step);

/// <summary>Block-diagonal structure of an attention: disjoint runs of queries, each with its run of keys.</summary>
public sealed class AttentionSegments
{
    /// <summary>Makes the structure.</summary>
    /// <param name="segments">The runs, in rising order of queries.</param>
    /// <param name="causal">Whether later keys are hidden.</param>
    /// <param name="window">Keys that a query sees at most, itself included; null for all. Only with <paramref name="causal"/>.</param>
    /// <exception cref="ArgumentException">A window below 1, or without causality.</exception>
    public AttentionSegments(IReadOnlyList<AttentionSegment> segments, bool causal, int? window = null)
    {
        if (window is < 1 || (window is not null && !causal))
        {
            throw new ArgumentException(FormattableString.Invariant($"attention: a window of {window} keys; it must be at least 1 and is for causal attention only"), nameof(window));
        }

        Segments = segments;
        Causal = causal;
        Window = window;
    }

    /// <summary>The runs.</summary>
    public IReadOnlyList<AttentionSegment> Segments { get; }

    /// <summary>Whether key j is hidden from query i of a run when j > i + (keys - queries).</summary>
    public bool Causal { get; }

    /// <summary>
    /// Keys that a query may look back over, itself included, or null for all: query i of a run stands at key
    /// p = i + (keys - queries) of it and sees key j only where p - W &lt; j &lt;= p. Counted by place in the run, before any
    /// mask of keys; a window of at least the keys hides nothing. Never given without <see cref="Causal"/>.
    /// </summary>
    public int? Window { get; }

    /// <summary>The same runs with another window.</summary>
    /// <param name="window">Keys that a query sees at most, or null for all.</param>
    public AttentionSegments WithWindow(int? window) => window == Window ? this : new AttentionSegments(Segments, Causal, window);

    /// <summary>Self-attention of consecutive sequences of the given lengths.</summary>
    public static AttentionSegments Of(ReadOnlySpan<int> lengths, bool causal)
    {
        var segments = new AttentionSegment[lengths.Length];
        int start = 0;
        for (int i = 0; i < lengths.Length; i++)
        {
            segments[i] = new AttentionSegment(start, lengths[i], start, lengths[i]);
            start += lengths[i];
        }

        return new AttentionSegments(segments, causal);
    }
}

/// <summary>A run of queries and the run of keys it may see.</summary>
/// <param name="QueryStart">First query row.</param>
/// <param name="Queries">Number of query rows.</param>
/// <param name="KeyStart">First key row.</param>
/// <param name="Keys">Number of key rows.</param>
public readonly record struct AttentionSegment(int QueryStart, int Queries, int KeyStart, int Keys);
