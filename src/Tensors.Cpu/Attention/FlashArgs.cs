namespace Lorikeet.Tensors.Cpu;

/// <summary>Operands of one attention on raw row-major f32 memory; the meaning is that of <see cref="AttentionArgs"/>.</summary>
internal unsafe struct FlashArgs
{
    /// <summary>Queries [T, H, D].</summary>
    public float* Q;

    /// <summary>Keys [S, K, D].</summary>
    public float* K;

    /// <summary>Values [S, K, D].</summary>
    public float* V;

    /// <summary>Result [T, H, D]; the forward pass writes it, the backward pass reads it.</summary>
    public float* Out;

    /// <summary>Log of the sum of exponentials [T, H]; may be null in the forward pass. Rows without a visible key hold -inf.</summary>
    public float* Lse;

    /// <summary>U8 [S], zero hides a key; or null.</summary>
    public byte* KeyMask;

    /// <summary>T.</summary>
    public int Queries;

    /// <summary>S.</summary>
    public int Keys;

    /// <summary>H, a multiple of <see cref="KeyHeads"/>.</summary>
    public int Heads;

    /// <summary>K.</summary>
    public int KeyHeads;

    /// <summary>D.</summary>
    public int Width;

    /// <summary>Factor of the scores.</summary>
    public float Scale;

    /// <summary>Inputs of the products are rounded to bf16, sums are f32.</summary>
    public bool Bf16;

    /// <summary>Query heads that share a key head.</summary>
    public readonly int Group => Heads / KeyHeads;
}

/// <summary>Gradients of one attention on raw row-major f32 memory; the meaning is that of <see cref="AttentionGrad"/>.</summary>
internal unsafe struct FlashGrad
{
    /// <summary>[T, H, D].</summary>
    public float* DOut;

    /// <summary>[T, H, D], overwritten.</summary>
    public float* DQ;

    /// <summary>[S, K, D], overwritten.</summary>
    public float* DK;

    /// <summary>[S, K, D], overwritten.</summary>
    public float* DV;
}
