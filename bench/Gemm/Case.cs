using System.Runtime.InteropServices;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Bench.Gemm;

/// <summary>One shape and layout: operands in f32 and bf16 and the contenders' calls.</summary>
internal sealed unsafe class Case : IDisposable
{
    private readonly List<nint> _memory = [];
    private readonly float* _a, _b, _c;
    private readonly ushort* _a16, _b16;

    public Case(string layout, int m, int k, int n)
    {
        (Layout, M, K, N) = (layout, m, k, n);
        _a = (float*)Allocate((long)m * k * 4);
        _b = (float*)Allocate((long)n * k * 4);
        _c = (float*)Allocate((long)m * n * 4);
        _a16 = (ushort*)Allocate((long)m * k * 2);
        _b16 = (ushort*)Allocate((long)n * k * 2);
        var random = new Random(1);
        Fill(_a, _a16, (long)m * k, random);
        Fill(_b, _b16, (long)n * k, random);
    }

    public string Layout { get; }

    public int M { get; }

    public int N { get; }

    public int K { get; }

    public Action OneDnnF32() => () => OneDnn.Sgemm(_a, TransA, _b, TransB, _c, M, N, K);

    public Action OneDnnBf16Gemm() => () => OneDnn.Bf16Gemm(_a16, TransA, _b16, TransB, _c, M, N, K);

    public double Gflop => 2e-9 * M * N * K;

    private bool TransA => Layout[0] == 'T';

    private bool TransB => Layout[1] == 'T';

    /// <summary>Ours; A is f32 or bf16, B bf16 or f32.</summary>
    public Action Ours(GemmEngine engine, DType a, DType b, bool bf16)
    {
        var args = new GemmArgs
        {
            A = a == DType.F32 ? _a : _a16,
            AType = a,
            Lda = TransA ? M : K,
            TransA = TransA,
            B = b == DType.F32 ? _b : _b16,
            BType = b,
            Ldb = TransB ? K : N,
            TransB = TransB,
            C = _c,
            Ldc = N,
            M = M,
            N = N,
            K = K,
            Bf16Compute = bf16,
        };
        return () => engine.Run(args);
    }



    public Action OneDnnBf16Matmul() => OneDnn.Bf16Matmul(_a16, TransA, _b16, TransB, _c, M, N, K);

    public void Dispose()
    {
        foreach (nint p in _memory)
        {
            NativeMemory.AlignedFree((void*)p);
        }
    }

    private void* Allocate(long bytes)
    {
        void* p = NativeMemory.AlignedAlloc((nuint)bytes, 4096);
        _memory.Add((nint)p);
        return p;
    }

    private static void Fill(float* f32, ushort* bf16, long count, Random random)
    {
        for (long i = 0; i < count; i++)
        {
            float v = (float)(random.NextDouble() - 0.5);
            bf16[i] = (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16);
            f32[i] = v;
        }
    }
}
