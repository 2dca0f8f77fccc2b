using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Nn;

/// <summary>y = adapter(x W^T) + b: the one place where storage and adapter meet.</summary>
public sealed class Linear
{
    /// <summary>Makes a layer.</summary>
    /// <param name="path">Module path in the live tree, as PEFT keys use it.</param>
    /// <param name="weight">[Out, In].</param>
    /// <param name="bias">[Out] or null.</param>
    public Linear(string path, IWeight weight, Param? bias)
    {
        Path = path;
        Weight = weight;
        Bias = bias;
    }

    /// <summary>Module path in the live tree, e.g. <c>model.text_model.layers.0.self_attn.q_proj</c>.</summary>
    public string Path { get; }

    /// <summary>The matrix; replaced when a model is quantized or merged.</summary>
    public IWeight Weight { get; set; }

    /// <summary>[Out] or null.</summary>
    public Param? Bias { get; }

    /// <summary>What is trained beside the matrix, or null.</summary>
    public IAdapter? Adapter { get; set; }

    /// <summary>When true the adapter is skipped: the base model alone answers.</summary>
    public bool AdapterDisabled { get; set; }

    /// <summary>Whether its matrix, its bias, or an adapter on it is trained.</summary>
    public bool Trains => Adapter is not null || Weight.Trained is not null || Bias is { IsTrained: true };

    /// <summary>Applies the layer.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="x">[..., In] f32.</param>
    /// <returns>[rows, Out].</returns>
    public Tensor Forward(StepScope scope, Tensor x)
    {
        IAdapter? adapter = AdapterDisabled ? null : Adapter;
        bool biasLast = adapter is { ScalesOutput: true };
        Tensor y = Tensors.Ops.Linear.Forward(scope, x, Weight, biasLast ? null : Bias?.Value);
        if (adapter is not null)
        {
            y = adapter.Apply(scope, this, x, y);
        }

        return biasLast && Bias is not null ? Tensors.Ops.AddBias.Forward(scope, y, Bias.Value) : y;
    }
}
