namespace Lorikeet.Tensors.Storage;

/// <summary>A named tensor of a model: frozen in its stored type, or trained in f32. Modules read <see cref="Value"/> at each use.</summary>
public sealed class Param
{
    /// <summary>Names a tensor.</summary>
    /// <param name="name">Full parameter name in the module tree, e.g. <c>model.text_model.norm.weight</c>.</param>
    /// <param name="value">Its value.</param>
    public Param(string name, Tensor value)
    {
        Name = name;
        Value = value;
        StoredShape = value.Shape;
        StoredDType = value.DType;
    }

    /// <summary>Full parameter name in the module tree.</summary>
    public string Name { get; }

    /// <summary>The current value.</summary>
    public Tensor Value { get; private set; }

    /// <summary>The shape in the checkpoint's file (a convolution's kernel is used as a matrix).</summary>
    public Shape StoredShape { get; init; }

    /// <summary>The element type in the checkpoint's file.</summary>
    public DType StoredDType { get; init; }

    /// <summary>Whether it is a constant that is stored with the model, which full training leaves as it is.</summary>
    public bool IsConstant { get; init; }

    /// <summary>Whether the value is an f32 parameter with gradients.</summary>
    public bool IsTrained => Value.IsParameter;

    /// <summary>Replaces the frozen value by an f32 copy that is trained. No effect when it is trained already.</summary>
    public void Train(Parameters parameters)
    {
        if (IsTrained)
        {
            return;
        }

        Tensor trained = parameters.NewTrained(Value.Shape);
        parameters.Device.Kernels.Copy(Value, trained);
        Value = trained;
    }

    /// <summary>Replaces the value by another frozen tensor of the same shape (a merged weight).</summary>
    public void Replace(Tensor value)
    {
        Shape.Require(Name, value.Shape, Value.Shape);
        Value = value;
    }
}
