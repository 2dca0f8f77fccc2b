namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// One matrix product <c>C = alpha * op(A) * op(B) [+ C] [+ bias]</c> on raw row-major memory; op(A) is (M, K), op(B) is
/// (K, N), C is (M, N). Create it with <c>new GemmArgs { ... }</c> (<c>default</c> has <see cref="Alpha"/> 0).
/// </summary>
public unsafe struct GemmArgs
{
    /// <summary>Arguments with alpha = 1.</summary>
    public GemmArgs()
    {
    }

    /// <summary>First element of A: stored (M, K), or (K, M) with <see cref="TransA"/>.</summary>
    public void* A;

    /// <summary>Stored type of A.</summary>
    public DType AType;

    /// <summary>Elements from one stored row of A to the next.</summary>
    public nint Lda;

    /// <summary>A is stored (K, M).</summary>
    public bool TransA;

    /// <summary>First element of B: stored (K, N), or (N, K) with <see cref="TransB"/> (how linear layers store weights).</summary>
    public void* B;

    /// <summary>Stored type of B.</summary>
    public DType BType;

    /// <summary>Elements from one stored row of B to the next.</summary>
    public nint Ldb;

    /// <summary>B is stored (N, K).</summary>
    public bool TransB;

    /// <summary>First element of C, (M, N). Must not overlap A or B.</summary>
    public float* C;

    /// <summary>Elements from one row of C to the next.</summary>
    public nint Ldc;

    /// <summary>Rows of op(A) and C.</summary>
    public int M;

    /// <summary>Columns of op(B) and C.</summary>
    public int N;

    /// <summary>Columns of op(A), rows of op(B). With 0 the product is zero.</summary>
    public int K;

    /// <summary>Factor on the product; with 0 neither A nor B is read.</summary>
    public float Alpha = 1;

    /// <summary>Adds to what C holds instead of overwriting it.</summary>
    public bool Accumulate;

    /// <summary>N values added to every row of C, or null.</summary>
    public void* Bias;

    /// <summary>Stored type of the bias.</summary>
    public DType BiasType;

    /// <summary>Rounds both inputs to bf16 (nearest even) and accumulates in f32; otherwise all is f32.</summary>
    public bool Bf16Compute;
}
