using Lorikeet.Nn;
using Lorikeet.Tensors;

namespace Lorikeet.Adapters;

/// <summary>Low-rank adaptation: y = x W^T + scale (x A^T) B^T.</summary>
/// <remarks>Source: Hu et al. 2021, "LoRA"; initial values and names as PEFT.</remarks>
public sealed class Lora : IAdapter
{
    private readonly Tensors.Ops.LowRankFactors _factors;

    /// <summary>Makes the factors of one layer, with their initial values.</summary>
    /// <param name="parameters">Where they live.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="config">Settings.</param>
    /// <param name="seed">Initial values are a function of the seed and the module path.</param>
    public Lora(Parameters parameters, Linear layer, LoraConfig config, ulong seed)
    {
        int rank = config.RankOf(layer.Path), inFeatures = layer.Weight.In, outFeatures = layer.Weight.Out;
        float[] a = new float[checked(rank * inFeatures)], b = new float[checked(outFeatures * rank)];
        ulong key = Rng.Key(seed, Rng.Key(layer.Path));
        switch (config.InitLoraWeights)
        {
            case LoraInit.Gaussian:
                Rng.FillNormal(a, 1f / rank, key);
                break;
            case LoraInit.Random:
                Rng.FillUniform(a, -1f / MathF.Sqrt(inFeatures), 1f / MathF.Sqrt(inFeatures), key);
                Rng.FillUniform(b, -1f / MathF.Sqrt(rank), 1f / MathF.Sqrt(rank), Rng.Key(key, 1));
                break;
            default:
                Rng.FillUniform(a, -1f / MathF.Sqrt(inFeatures), 1f / MathF.Sqrt(inFeatures), key);
                break;
        }

        A = parameters.NewTrained(new Shape(rank, inFeatures), a);
        B = parameters.NewTrained(new Shape(outFeatures, rank), b);
        _factors = new Tensors.Ops.LowRankFactors(A, B, config.ScaleOf(layer.Path), (float)config.LoraDropout, Rng.Key(layer.Path));
    }

    /// <summary>[R, In] f32.</summary>
    public Tensor A { get; }

    /// <summary>[Out, R] f32.</summary>
    public Tensor B { get; }

    /// <summary>Factor of the update.</summary>
    public float Scale => _factors.Scale;

    /// <inheritdoc/>
    public bool ScalesOutput => false;

    /// <inheritdoc/>
    public IReadOnlyList<(string Name, Tensor Value)> Parameters => [("lora_A.weight", A), ("lora_B.weight", B)];

    /// <inheritdoc/>
    public Tensor Apply(StepScope scope, Linear layer, Tensor x, Tensor y)
    {
        Tensors.Ops.LowRankUpdate.Forward(scope, x, y, _factors);
        return y;
    }

    /// <inheritdoc/>
    public Tensor MergedWeight(StepScope scope, Linear layer)
    {
        Tensor dense = layer.Weight.Dense(scope);
        scope.Kernels.MatMul(new MatMulArgs(B, false, A, false, dense, Scale, true, null, Compute.F32));
        return dense;
    }
}
