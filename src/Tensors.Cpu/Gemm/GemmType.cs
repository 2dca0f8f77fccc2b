namespace Lorikeet.Tensors.Cpu;

/// <summary>How the elements of a matrix operand are stored.</summary>
public enum GemmType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32,

    /// <summary>bfloat16: the upper half of an f32.</summary>
    BF16,

    /// <summary>IEEE 754 binary16.</summary>
    F16,
}
