using Lorikeet.Tensors;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>Weights stay in the type that they are stored in, so model.dtype can only confirm it.</summary>
internal static class StoredType
{
    /// <summary>Compares the type that was asked for with those of the files.</summary>
    /// <exception cref="InvalidDataException">A weight is stored in another type.</exception>
    public static void Require(WeightType asked, IEnumerable<(string Name, DType Stored)> weights)
    {
        if (asked == WeightType.Auto)
        {
            return;
        }

        DType wanted = asked switch { WeightType.Bfloat16 => DType.BF16, WeightType.Float16 => DType.F16, _ => DType.F32 };
        foreach (var (name, stored) in weights)
        {
            if (stored != wanted)
            {
                throw new InvalidDataException(
                    $"model.dtype: {wanted} was asked for, but {name} is stored as {stored}; converting the base model's weights is not available yet. Use dtype: auto (and model.compute for the arithmetic)");
            }
        }
    }
}
