using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>How the frozen weights are stored; the keys of BitsAndBytesConfig.</summary>
public sealed record QuantizationSection
{
    /// <summary>Store the weights of linear layers in four bits.</summary>
    [Key("load_in_4bit")]
    public bool LoadIn4Bit { get; init; }

    /// <summary>Store the weights of linear layers in eight bits.</summary>
    [Key("load_in_8bit")]
    public bool LoadIn8Bit { get; init; }

    /// <summary>The four-bit code.</summary>
    [Key("bnb_4bit_quant_type")]
    public FourBitCode QuantType { get; init; } = FourBitCode.Fp4;

    /// <summary>Store the scales of four-bit blocks in eight bits as well.</summary>
    [Key("bnb_4bit_use_double_quant")]
    public bool UseDoubleQuant { get; init; }

    /// <summary>The arithmetic on four-bit weights.</summary>
    [Key("bnb_4bit_compute_dtype")]
    public ComputeType FourBitComputeDtype { get; init; } = ComputeType.Float32;
}

/// <summary>The four-bit code of a weight.</summary>
public enum FourBitCode
{
    /// <summary>Four-bit floating point.</summary>
    Fp4,

    /// <summary>Sixteen quantiles of the normal distribution.</summary>
    Nf4,
}
