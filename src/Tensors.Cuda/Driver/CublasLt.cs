using System.Globalization;
using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>
/// Matrix products by cuBLASLt. The algorithm of a product is the library's first choice for its shape, never one chosen by
/// timing, and none that adds with atomics: equal inputs give equal bits. Source: the cuBLASLt reference.
/// </summary>
internal sealed unsafe class CublasLt : IDisposable
{
    /// <summary>Scratch memory that a product may use, bytes.</summary>
    public const long WorkspaceBytes = 32L << 20;

    private const int Compute32F = 68;
    private const int NoInPlaceReduction = 6;
    private readonly delegate* unmanaged<nint*, int> _create;
    private readonly delegate* unmanaged<nint, int> _destroy, _destroyOperation, _destroyLayout, _destroyPreference;
    private readonly delegate* unmanaged<nint*, int, int, int> _createOperation;
    private readonly delegate* unmanaged<nint, int, void*, nuint, int> _setOperation, _setPreference;
    private readonly delegate* unmanaged<nint*, int, ulong, ulong, long, int> _createLayout;
    private readonly delegate* unmanaged<nint*, int> _createPreference;
    private readonly delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, Heuristic*, int*, int> _choose;
    private readonly delegate* unmanaged<nint, nint, float*, nint, nint, nint, nint, float*, nint, nint, nint, nint, ulong*, nint, nuint, nint, int> _multiply;
    private readonly Dictionary<ProductKey, Plan?> _plans = [];
    private readonly nint _handle, _preference;

    /// <summary>Binds a loaded library and opens a handle on the current context.</summary>
    public CublasLt(nint library)
    {
        void* Bind(string name) => NativeLibrary.TryGetExport(library, name, out nint address)
            ? (void*)address
            : throw new CudaUnavailableException($"libcublasLt lacks {name}: version 11.2 or newer is needed");
        _create = (delegate* unmanaged<nint*, int>)Bind("cublasLtCreate");
        _destroy = (delegate* unmanaged<nint, int>)Bind("cublasLtDestroy");
        _createOperation = (delegate* unmanaged<nint*, int, int, int>)Bind("cublasLtMatmulDescCreate");
        _destroyOperation = (delegate* unmanaged<nint, int>)Bind("cublasLtMatmulDescDestroy");
        _setOperation = (delegate* unmanaged<nint, int, void*, nuint, int>)Bind("cublasLtMatmulDescSetAttribute");
        _createLayout = (delegate* unmanaged<nint*, int, ulong, ulong, long, int>)Bind("cublasLtMatrixLayoutCreate");
        _destroyLayout = (delegate* unmanaged<nint, int>)Bind("cublasLtMatrixLayoutDestroy");
        _createPreference = (delegate* unmanaged<nint*, int>)Bind("cublasLtMatmulPreferenceCreate");
        _destroyPreference = (delegate* unmanaged<nint, int>)Bind("cublasLtMatmulPreferenceDestroy");
        _setPreference = (delegate* unmanaged<nint, int, void*, nuint, int>)Bind("cublasLtMatmulPreferenceSetAttribute");
        _choose = (delegate* unmanaged<nint, nint, nint, nint, nint, nint, nint, int, Heuristic*, int*, int>)Bind("cublasLtMatmulAlgoGetHeuristic");
        _multiply = (delegate* unmanaged<nint, nint, float*, nint, nint, nint, nint, float*, nint, nint, nint, nint, ulong*, nint, nuint, nint, int>)Bind("cublasLtMatmul");
        Version = (long)((delegate* unmanaged<nuint>)Bind("cublasLtGetVersion"))();
        nint handle, preference;
        Check(_create(&handle), "cublasLtCreate");
        _handle = handle;
        Check(_createPreference(&preference), "cublasLtMatmulPreferenceCreate");
        _preference = preference;
        long bytes = WorkspaceBytes;
        int schemes = NoInPlaceReduction;
        Check(_setPreference(preference, (int)PreferenceAttribute.MaxWorkspaceBytes, &bytes, sizeof(long)), "cublasLtMatmulPreferenceSetAttribute");
        Check(_setPreference(preference, (int)PreferenceAttribute.ReductionSchemes, &schemes, sizeof(int)), "cublasLtMatmulPreferenceSetAttribute");
    }

    /// <summary>The library's version number, as it reports it.</summary>
    public long Version { get; }

    /// <summary>Version of a loaded library, as people write it.</summary>
    public static string VersionOf(nint library) => NativeLibrary.TryGetExport(library, "cublasLtGetVersion", out nint address)
        ? Text((long)((delegate* unmanaged<nuint>)address)())
        : throw new CudaUnavailableException("libcublasLt lacks cublasLtGetVersion: version 11.2 or newer is needed");

    /// <summary>A version number as people write it: 120405 is 12.4.5, and 11402, of before CUDA 12, is 11.4.2.</summary>
    public static string Text(long version)
    {
        long unit = version < 100_000 ? 1000 : 10_000;
        return string.Create(CultureInfo.InvariantCulture, $"{version / unit}.{version % unit / 100}.{version % 100}");
    }

    /// <summary>d = alpha op(a) op(b) + beta d (+ bias per row), all column-major.</summary>
    /// <returns>False where the library knows no algorithm that adds a bias to such matrices: nothing was done then.</returns>
    /// <exception cref="CudaException">It knows none even without a bias, or refuses.</exception>
    public bool TryMultiply(in Product product, nint workspace, nint stream)
    {
        if (PlanOf(product) is not { } plan)
        {
            return false;
        }

        if (product.Bias != 0)
        {
            nint bias = product.Bias;
            Check(_setOperation(plan.Operation, (int)OperationAttribute.BiasPointer, &bias, (nuint)sizeof(nint)), "cublasLtMatmulDescSetAttribute");
        }

        float alpha = product.Alpha, beta = product.Beta;
        fixed (ulong* algorithm = plan.Algorithm)
        {
            Check(
                _multiply(
                    _handle, plan.Operation, &alpha, product.A, plan.A, product.B, plan.B, &beta, product.D, plan.D, product.D, plan.D, algorithm, workspace, (nuint)WorkspaceBytes, stream),
                "cublasLtMatmul");
        }

        return true;
    }

    /// <summary>Closes the handle.</summary>
    public void Dispose()
    {
        foreach (Plan plan in _plans.Values.OfType<Plan>())
        {
            _ = _destroyOperation(plan.Operation);
            _ = _destroyLayout(plan.A);
            _ = _destroyLayout(plan.B);
            _ = _destroyLayout(plan.D);
        }

        _plans.Clear();
        _ = _destroyPreference(_preference);
        _ = _destroy(_handle);
    }

    private Plan? PlanOf(in Product product)
    {
        ProductKey key = product.Key;
        if (!_plans.TryGetValue(key, out Plan? plan))
        {
            plan = MakePlan(key);
            _plans.Add(key, plan);
        }

        return plan;
    }

    private Plan? MakePlan(in ProductKey key)
    {
        nint operation;
        Check(_createOperation(&operation, Compute32F, (int)CudaType.F32), "cublasLtMatmulDescCreate");
        Set(operation, OperationAttribute.TransposeA, key.TransposeA ? 1 : 0);
        Set(operation, OperationAttribute.TransposeB, key.TransposeB ? 1 : 0);
        if (key.HasBias)
        {
            const int AddBias = 4;
            Set(operation, OperationAttribute.Epilogue, AddBias);
            Set(operation, OperationAttribute.BiasType, (int)key.Output);
        }

        SetAlignment(key);
        nint a = Layout(key.Input, key.TransposeA ? key.K : key.M, key.TransposeA ? key.M : key.K);
        nint b = Layout(key.Input, key.TransposeB ? key.N : key.K, key.TransposeB ? key.K : key.N);
        nint d = Layout(key.Output, key.M, key.N);
        Heuristic best;
        int found = 0;
        int code = _choose(_handle, operation, a, b, d, d, _preference, 1, &best, &found);
        if (code != 0 || found == 0 || best.State != 0)
        {
            if (key.HasBias)
            {
                return null;
            }

            throw new CudaException(string.Create(CultureInfo.InvariantCulture, $"cuBLASLt knows no algorithm for {key} (status {code})"));
        }

        var plan = new Plan { Operation = operation, A = a, B = b, D = d };
        new ReadOnlySpan<ulong>(best.Algorithm, Plan.AlgorithmWords).CopyTo(plan.Algorithm);
        return plan;
    }

    private void Set(nint operation, OperationAttribute attribute, int value) =>
        Check(_setOperation(operation, (int)attribute, &value, sizeof(int)), "cublasLtMatmulDescSetAttribute");

    private void SetAlignment(in ProductKey key)
    {
        foreach ((PreferenceAttribute attribute, int bytes) in
            ((PreferenceAttribute, int)[])[(PreferenceAttribute.AlignmentA, key.AlignmentA), (PreferenceAttribute.AlignmentB, key.AlignmentB), (PreferenceAttribute.AlignmentC, key.AlignmentD), (PreferenceAttribute.AlignmentD, key.AlignmentD)])
        {
            Check(_setPreference(_preference, (int)attribute, &bytes, sizeof(int)), "cublasLtMatmulPreferenceSetAttribute");
        }
    }

    private nint Layout(CudaType type, int rows, int columns)
    {
        nint layout;
        Check(_createLayout(&layout, (int)type, (ulong)rows, (ulong)columns, rows), "cublasLtMatrixLayoutCreate");
        return layout;
    }

    private static void Check(int code, string call)
    {
        if (code != 0)
        {
            throw new CudaException(string.Create(CultureInfo.InvariantCulture, $"{call}: {StatusName(code)} ({code})"));
        }
    }

    // Names of cublasStatus_t.
    private static string StatusName(int code) => code switch
    {
        1 => "not initialised",
        3 => "allocation failed",
        7 => "invalid value",
        8 => "not supported by this GPU",
        11 => "mapping error",
        13 => "execution failed",
        14 => "internal error",
        15 => "not supported",
        _ => "unknown status",
    };

    // cublasLtMatmulDescAttributes_t
    private enum OperationAttribute
    {
        TransposeA = 3,
        TransposeB = 4,
        Epilogue = 7,
        BiasPointer = 8,
        BiasType = 26,
    }

    // cublasLtMatmulPreferenceAttributes_t
    private enum PreferenceAttribute
    {
        MaxWorkspaceBytes = 1,
        ReductionSchemes = 3,
        AlignmentA = 5,
        AlignmentB = 6,
        AlignmentC = 7,
        AlignmentD = 8,
    }

    /// <summary>cublasLtMatmulHeuristicResult_t: 64 bytes of algorithm, then 32 more.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct Heuristic
    {
        public fixed ulong Algorithm[Plan.AlgorithmWords];
        public nuint WorkspaceBytes;
        public int State;
        public float Waves;
        public fixed int Reserved[4];
    }

    private sealed class Plan
    {
        public const int AlgorithmWords = 8;

        public nint Operation { get; init; }

        public nint A { get; init; }

        public nint B { get; init; }

        public nint D { get; init; }

        public ulong[] Algorithm { get; } = new ulong[AlgorithmWords];
    }
}

/// <summary>Element types as <c>cudaDataType</c> numbers them.</summary>
internal enum CudaType
{
    F32 = 0,
    F16 = 2,
    BF16 = 14,
}

/// <summary>What decides the algorithm of a product.</summary>
internal readonly record struct ProductKey(int M, int N, int K, bool TransposeA, bool TransposeB, CudaType Input, CudaType Output, bool HasBias)
{
    private const int MostAlignment = 256;

    /// <summary>Largest power of two up to 256 that divides the address of a, bytes.</summary>
    public int AlignmentA { get; init; } = MostAlignment;

    /// <summary>As <see cref="AlignmentA"/>, of b.</summary>
    public int AlignmentB { get; init; } = MostAlignment;

    /// <summary>As <see cref="AlignmentA"/>, of d.</summary>
    public int AlignmentD { get; init; } = MostAlignment;

    /// <summary>The largest power of two up to 256 that divides an address.</summary>
    public static int AlignmentOf(nint address) => (int)((address | MostAlignment) & -(address | MostAlignment));
}

/// <summary>A product of column-major matrices without padding: d [M, N] = alpha op(a) op(b) + beta d (+ bias [M]).</summary>
internal readonly record struct Product(nint A, nint B, nint D, nint Bias, float Alpha, float Beta, ProductKey Key);
