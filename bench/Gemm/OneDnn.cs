using System.Runtime.InteropServices;

namespace Lorikeet.Bench.Gemm;

/// <summary>
/// The yardstick: oneDNN 2.x as Debian and Ubuntu ship it (libdnnl2, threads by OpenMP). Products are row-major with B
/// stored (N, K) or (K, N). For bf16 both of its ways are offered: the matmul primitive and dnnl_gemm_bf16bf16f32.
/// </summary>
internal static unsafe partial class OneDnn
{
    // Descriptors are plain structs of less than 1 KiB in oneDNN 2; the library only needs room for them.
    private const int DescriptorBytes = 8192;
    private const int TypeBf16 = 2, TypeF32 = 3;
    private const int ArgSource = 1, ArgDestination = 17, ArgWeights = 33;

    /// <summary>Version, or null where the library is not installed.</summary>
    public static string? Version { get; } = FindVersion();

    /// <summary>Sets the number of OpenMP threads.</summary>
    public static void SetThreads(int threads) => OmpSetNumThreads(threads);

    /// <summary>C = A B (f32).</summary>
    public static void Sgemm(float* a, bool transA, float* b, bool transB, float* c, int m, int n, int k) =>
        Check(Sgemm((byte)(transA ? 'T' : 'N'), (byte)(transB ? 'T' : 'N'), m, n, k, 1, a, transA ? m : k, b, transB ? k : n, 0, c, n), "dnnl_sgemm");

    /// <summary>C = A B with bf16 inputs and f32 result; the matrix library's own entry point.</summary>
    public static void Bf16Gemm(ushort* a, bool transA, ushort* b, bool transB, float* c, int m, int n, int k) =>
        Check(Bf16Gemm((byte)(transA ? 'T' : 'N'), (byte)(transB ? 'T' : 'N'), m, n, k, 1, a, transA ? m : k, b, transB ? k : n, 0, c, n), "dnnl_gemm_bf16bf16f32");

    /// <summary>A prepared matmul primitive, bf16 x bf16 to f32.</summary>
    public static Action Bf16Matmul(ushort* a, bool transA, ushort* b, bool transB, float* c, int m, int n, int k)
    {
        Check(EngineCreate(out nint engine, 1, 0), "dnnl_engine_create");
        Check(StreamCreate(out nint stream, engine, 1), "dnnl_stream_create");
        byte* sourceMd = Descriptor(TypeBf16, m, k, transA ? 1 : k, transA ? m : 1);
        byte* weightsMd = Descriptor(TypeBf16, k, n, transB ? 1 : n, transB ? k : 1);
        byte* targetMd = Descriptor(TypeF32, m, n, n, 1);
        byte* operation = (byte*)NativeMemory.AllocZeroed(DescriptorBytes);
        Check(MatmulDescInit(operation, sourceMd, weightsMd, null, targetMd), "dnnl_matmul_desc_init");
        Check(PrimitiveDescCreate(out nint description, operation, 0, engine, 0), "dnnl_primitive_desc_create");
        Check(PrimitiveCreate(out nint primitive, description), "dnnl_primitive_create");
        var args = (ExecArg*)NativeMemory.Alloc(3, (nuint)sizeof(ExecArg));
        args[0] = new ExecArg(ArgSource, Memory(sourceMd, engine, a));
        args[1] = new ExecArg(ArgWeights, Memory(weightsMd, engine, b));
        args[2] = new ExecArg(ArgDestination, Memory(targetMd, engine, c));
        return () =>
        {
            Check(PrimitiveExecute(primitive, stream, 3, args), "dnnl_primitive_execute");
            Check(StreamWait(stream), "dnnl_stream_wait");
        };
    }

    private static nint Memory(byte* descriptor, nint engine, void* data)
    {
        Check(MemoryCreate(out nint memory, descriptor, engine, data), "dnnl_memory_create");
        return memory;
    }

    private static byte* Descriptor(int type, long rows, long columns, long rowStride, long columnStride)
    {
        byte* descriptor = (byte*)NativeMemory.AllocZeroed(DescriptorBytes);
        long* dims = stackalloc long[] { rows, columns };
        long* strides = stackalloc long[] { rowStride, columnStride };
        Check(MemoryDescInit(descriptor, 2, dims, type, strides), "dnnl_memory_desc_init_by_strides");
        return descriptor;
    }

    private static void Check(int status, string call)
    {
        if (status != 0)
        {
            throw new InvalidOperationException($"{call} failed with status {status}");
        }
    }

    private static string? FindVersion()
    {
        if (!NativeLibrary.TryLoad("libdnnl.so.2", out nint library))
        {
            return null;
        }

        int* version = (int*)((delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "dnnl_version"))();
        return $"{version[0]}.{version[1]}.{version[2]}";
    }

    /// <summary>dnnl_exec_arg_t.</summary>
    private readonly record struct ExecArg(int Argument, nint Memory);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_sgemm")]
    private static partial int Sgemm(byte transA, byte transB, long m, long n, long k, float alpha, float* a, long lda, float* b, long ldb, float beta, float* c, long ldc);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_gemm_bf16bf16f32")]
    private static partial int Bf16Gemm(byte transA, byte transB, long m, long n, long k, float alpha, ushort* a, long lda, ushort* b, long ldb, float beta, float* c, long ldc);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_engine_create")]
    private static partial int EngineCreate(out nint engine, int kind, nuint index);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_stream_create")]
    private static partial int StreamCreate(out nint stream, nint engine, uint flags);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_stream_wait")]
    private static partial int StreamWait(nint stream);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_memory_desc_init_by_strides")]
    private static partial int MemoryDescInit(byte* descriptor, int dimensions, long* dims, int type, long* strides);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_memory_create")]
    private static partial int MemoryCreate(out nint memory, byte* descriptor, nint engine, void* data);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_matmul_desc_init")]
    private static partial int MatmulDescInit(byte* operation, byte* source, byte* weights, byte* bias, byte* destination);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_primitive_desc_create")]
    private static partial int PrimitiveDescCreate(out nint description, byte* operation, nint attributes, nint engine, nint hint);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_primitive_create")]
    private static partial int PrimitiveCreate(out nint primitive, nint description);

    [LibraryImport("libdnnl.so.2", EntryPoint = "dnnl_primitive_execute")]
    private static partial int PrimitiveExecute(nint primitive, nint stream, int count, ExecArg* args);

    [LibraryImport("libgomp.so.1", EntryPoint = "omp_set_num_threads")]
    private static partial void OmpSetNumThreads(int threads);
}
