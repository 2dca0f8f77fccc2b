namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Matrix products on the CPU: <c>C = alpha * op(A) * op(B) [+ C] [+ bias]</c> with inputs stored as f32, bf16 or f16, computed
/// in f32 or in bf16 with f32 accumulation. Results are the same bits for any number of threads; different
/// <see cref="GemmPath"/>s agree within the rounding of f32 sums. Calls from several threads at once are allowed.
/// </summary>
public sealed unsafe class GemmEngine : IDisposable
{
    private readonly GemmWorkspace _workspace;
    private readonly KernelSet _single;
    private readonly KernelSet _bf16;

    /// <summary>Creates an engine.</summary>
    /// <param name="pool">Threads to share work with; not disposed by the engine.</param>
    /// <param name="path">Instruction set; Auto takes the best of this machine.</param>
    /// <exception cref="PlatformNotSupportedException">This machine can't run <paramref name="path"/>.</exception>
    public GemmEngine(WorkPool pool, GemmPath path = GemmPath.Auto)
    {
        ArgumentNullException.ThrowIfNull(pool);
        Pool = pool;
        // One call's packed side and every thread's own panels, twice: calls may come from two threads.
        _workspace = new GemmWorkspace(2 * (pool.Threads + 1));
        Path = path == GemmPath.Auto ? KernelSet.Best() : path;
        if (!KernelSet.IsSupported(Path))
        {
            string why = path == GemmPath.Avx512Bf16 ? $": {Bf16DotKernel.Unavailable}" : "";
            throw new PlatformNotSupportedException($"GEMM path {path} is not available on this machine{why}. Use {GemmPath.Auto} or {KernelSet.Best()}.");
        }

        _single = KernelSet.Create(Path, bf16: false);
        _bf16 = KernelSet.Create(Path, bf16: true);
    }

    /// <summary>Threads that work is shared with.</summary>
    public WorkPool Pool { get; }

    /// <summary>The instruction set in use (never Auto).</summary>
    public GemmPath Path { get; }

    /// <summary>Why bf16 products do not use the CPU's bf16 dot product, or null if they do.</summary>
    public string? Bf16Fallback => Path == GemmPath.Avx512Bf16 ? null : Bf16DotKernel.Unavailable ?? $"path {Path} was asked for";

    /// <summary>Bytes of native memory that the engine holds for packed panels; about 1 MiB per call in progress and 0.3 MiB per thread.</summary>
    public long WorkspaceBytes => _workspace.Bytes;

    /// <summary>Tiles and packing of one compute mode, for kernels with products of their own (attention).</summary>
    internal KernelSet Kernels(bool bf16) => bf16 ? _bf16 : _single;

    /// <summary>The workspace that <see cref="Run"/> takes its panels from.</summary>
    internal GemmWorkspace Workspace => _workspace;

    /// <summary>Computes one product.</summary>
    /// <param name="g">The product; pointers must be valid for the shapes and strides given. Nothing outside is read or written.</param>
    /// <exception cref="ArgumentException">A size is negative, a stride too small or a pointer null; the message names it.</exception>
    public void Run(in GemmArgs g)
    {
        Validate(g);
        if (g.M == 0 || g.N == 0)
        {
            return;
        }

        if (g.Bias != null && g.BiasType != DType.F32)
        {
            RunWithConvertedBias(g);
        }
        else if (g.K == 0 || g.Alpha == 0)
        {
            FillWithoutProduct(g);
        }
        else
        {
            KernelSet set = g.Bf16Compute ? _bf16 : _single;
            if (SkinnyGemm.Fits(g, set))
            {
                SkinnyGemm.Run(g, set, _workspace, Pool);
            }
            else
            {
                GemmDriver.Run(g, set, _workspace, Pool);
            }
        }
    }

    /// <summary>Frees buffers that are kept for later calls.</summary>
    public void Trim() => _workspace.Trim();

    /// <summary>Frees the workspace. No product may be running.</summary>
    public void Dispose() => _workspace.Dispose();

    private static void Validate(in GemmArgs g)
    {
        if (g.M < 0 || g.N < 0 || g.K < 0)
        {
            throw new ArgumentException($"GEMM sizes must not be negative: M {g.M}, N {g.N}, K {g.K}.");
        }

        CheckType("A", g.AType);
        CheckType("B", g.BType);
        CheckType("bias", g.BiasType);
        CheckStride("Lda", g.Lda, g.TransA ? g.M : g.K, g.TransA ? g.K : g.M);
        CheckStride("Ldb", g.Ldb, g.TransB ? g.K : g.N, g.TransB ? g.N : g.K);
        CheckStride("Ldc", g.Ldc, g.N, g.M);
        bool reads = g.M > 0 && g.N > 0 && g.K > 0 && g.Alpha != 0;
        if ((reads && (g.A == null || g.B == null)) || (g.C == null && g.M > 0 && g.N > 0))
        {
            throw new ArgumentException($"GEMM operand is null (M {g.M}, N {g.N}, K {g.K}).");
        }
    }

    private static void CheckType(string name, DType type)
    {
        if (!type.IsFloat())
        {
            throw new ArgumentException($"GEMM {name} has type {type}; expected F32, BF16 or F16.");
        }
    }

    private static void CheckStride(string name, nint stride, int columns, int rows)
    {
        if (rows > 1 && stride < columns)
        {
            throw new ArgumentException($"GEMM {name} is {stride}, less than the stored row of {columns} elements.");
        }
    }

    private void RunWithConvertedBias(GemmArgs g)
    {
        GemmWorkspace.Buffer buffer = _workspace.Rent(g.N * sizeof(float));
        try
        {
            var stored = new MatrixView(g.Bias, g.N);
            for (int j = 0; j < g.N; j++)
            {
                buffer.Floats[j] = g.BiasType == DType.BF16 ? Bf16Loader.Load1(stored, 0, j) : F16Loader.Load1(stored, 0, j);
            }

            g.Bias = buffer.Floats;
            g.BiasType = DType.F32;
            Run(g);
        }
        finally
        {
            _workspace.Return(buffer);
        }
    }

    /// <summary>C = [C] [+ bias]: an empty product.</summary>
    private static void FillWithoutProduct(in GemmArgs g)
    {
        for (int i = 0; i < g.M; i++)
        {
            float* c = g.C + i * g.Ldc;
            for (int j = 0; j < g.N; j++)
            {
                c[j] = (g.Accumulate ? c[j] : 0) + (g.Bias != null ? ((float*)g.Bias)[j] : 0);
            }
        }
    }
}
