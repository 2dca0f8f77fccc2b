using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The base model.</summary>
public sealed record ModelSection
{
    /// <summary>The model's directory in Hugging Face layout, or ORG/NAME or ORG/NAME@REVISION of the hub, which is pulled if it is not in the cache; a directory of that name wins. Required.</summary>
    [FilePath(MayNameRepository = true)]
    public string? Path { get; init; }

    /// <summary>The type that frozen weights are kept in; auto keeps the type of the file.</summary>
    public WeightType Dtype { get; init; } = WeightType.Auto;

    /// <summary>The arithmetic of the forward and backward pass; auto takes bfloat16 where the device is faster with it.</summary>
    public ComputeType Compute { get; init; } = ComputeType.Auto;

    /// <summary>The device; auto takes the first NVIDIA GPU where there is one that can be used, else the processor.</summary>
    public DeviceChoice Device { get; init; } = DeviceChoice.Auto;
}

/// <summary>The type that frozen weights are kept in.</summary>
public enum WeightType
{
    /// <summary>As stored in the file.</summary>
    Auto,

    /// <summary>Two bytes, eight bits of exponent.</summary>
    Bfloat16,

    /// <summary>Two bytes, five bits of exponent.</summary>
    Float16,

    /// <summary>Four bytes.</summary>
    Float32,
}

/// <summary>The arithmetic of the forward and backward pass. Sums are always in float32.</summary>
public enum ComputeType
{
    /// <summary>Whatever is fastest at no visible loss of quality.</summary>
    Auto,

    /// <summary>float32 throughout.</summary>
    Float32,

    /// <summary>Products of bfloat16 numbers, summed in float32.</summary>
    Bfloat16,

    /// <summary>Products of float16 numbers, summed in float32.</summary>
    Float16,
}
