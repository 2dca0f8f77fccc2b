namespace Lorikeet.Tensors.Storage;

/// <summary>How a weight matrix [Out, In] is stored and multiplied. Adapters never look inside: a quantized base is one more implementation.</summary>
public interface IWeight
{
    /// <summary>Output features (rows).</summary>
    int Out { get; }

    /// <summary>Input features (columns).</summary>
    int In { get; }

    /// <summary>The trained parameter [Out, In], or null where the weight is frozen.</summary>
    Tensor? Trained { get; }

    /// <summary>Bytes of the stored form.</summary>
    long Bytes { get; }

    /// <summary>y = x W^T (+ bias) with x [N, In], y [N, Out].</summary>
    void Multiply(StepScope scope, Tensor x, Tensor y, Tensor? bias);

    /// <summary>dX = dY W (+ dX) with dY [N, Out], dX [N, In].</summary>
    void MultiplyTransposed(StepScope scope, Tensor dY, Tensor dX, bool accumulate);

    /// <summary>The matrix as f32 [Out, In], in a tensor of the scope.</summary>
    Tensor Dense(StepScope scope);
}
