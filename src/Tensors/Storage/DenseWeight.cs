namespace Lorikeet.Tensors.Storage;

/// <summary>A matrix stored element by element in f32, bf16 or f16; frozen, or an f32 trained parameter.</summary>
public sealed class DenseWeight : IWeight
{
    /// <summary>Wraps a matrix [Out, In].</summary>
    public DenseWeight(Param param)
    {
        if (param.Value.Shape.Rank != 2 || !param.Value.DType.IsFloat())
        {
            throw new ArgumentException($"weight {param.Name}: expected a matrix of a float type, got {param.Value}");
        }

        Param = param;
    }

    /// <summary>Wraps an unnamed matrix [Out, In].</summary>
    public DenseWeight(Tensor value)
        : this(new Param("", value))
    {
    }

    /// <summary>The named matrix.</summary>
    public Param Param { get; }

    /// <summary>The matrix [Out, In].</summary>
    public Tensor Value => Param.Value;

    /// <inheritdoc/>
    public int Out => Value.Shape[0];

    /// <inheritdoc/>
    public int In => Value.Shape[1];

    /// <inheritdoc/>
    public Tensor? Trained => Value.IsParameter ? Value : null;

    /// <inheritdoc/>
    public long Bytes => Value.Bytes;

    /// <inheritdoc/>
    public void Multiply(StepScope scope, Tensor x, Tensor y, Tensor? bias) =>
        scope.Kernels.MatMul(new MatMulArgs(x, false, Value, true, y, 1f, false, bias, scope.Compute));

    /// <inheritdoc/>
    public void MultiplyTransposed(StepScope scope, Tensor dY, Tensor dX, bool accumulate) =>
        scope.Kernels.MatMul(new MatMulArgs(dY, false, Value, false, dX, 1f, accumulate, null, scope.Compute));

    /// <inheritdoc/>
    public Tensor Dense(StepScope scope)
    {
        Tensor dense = scope.New(Value.Shape, DType.F32);
        scope.Kernels.Copy(Value, dense);
        return dense;
    }
}
