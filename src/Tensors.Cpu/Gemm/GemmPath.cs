namespace Lorikeet.Tensors.Cpu;

/// <summary>The instruction set a <see cref="GemmEngine"/> works with.</summary>
public enum GemmPath
{
    /// <summary>The best one this machine has.</summary>
    Auto,

    /// <summary>AVX-512, and for bf16 compute the emitted VDPBF16PS kernel (x64 with avx512_bf16, executable pages allowed).</summary>
    Avx512Bf16,

    /// <summary>AVX-512; bf16 compute rounds its inputs to bf16 and multiplies in f32.</summary>
    Avx512,

    /// <summary>AVX2 with FMA; bf16 compute as in <see cref="Avx512"/>.</summary>
    Avx2,

    /// <summary>Portable 128-bit vectors (whatever the runtime makes of them); bf16 compute as in <see cref="Avx512"/>.</summary>
    Portable,
}
