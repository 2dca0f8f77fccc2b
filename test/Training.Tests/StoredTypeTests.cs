using Lorikeet.Tensors;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests;

public sealed class StoredTypeTests
{
    private static readonly (string, DType)[] Weights = [("a.weight", DType.BF16), ("norm.weight", DType.F32)];

    [Fact]
    public void Auto_takes_what_is_stored() => StoredType.Require(WeightType.Auto, Weights);

    [Fact]
    public void The_stored_type_may_be_confirmed() => StoredType.Require(WeightType.Bfloat16, [Weights[0]]);

    [Fact]
    public void Another_type_is_refused_with_the_weights_name() => Assert.Equal(
        "model.dtype: BF16 was asked for, but norm.weight is stored as F32; converting the base model's weights is not available yet. Use dtype: auto (and model.compute for the arithmetic)",
        Assert.Throws<InvalidDataException>(() => StoredType.Require(WeightType.Bfloat16, Weights)).Message);
}
