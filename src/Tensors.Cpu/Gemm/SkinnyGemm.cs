using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Products with few rows (decoding: M = 1 to 16) and weights stored (N, K): bound by reading the weights once, so
/// nothing is packed. Four weight rows are multiplied with up to four rows of A at a time; further rows of A meet the
/// same weights in the cache. Items are groups of weight rows, so the split depends on the shape alone.
/// </summary>
internal static unsafe class SkinnyGemm
{
    // Most rows of A; the bf16 dot product is faster from eight rows on, even with packing.
    private const int MaxRows = 16, MaxRowsPairs = 7;

    // Weight rows of one kernel call.
    private const int Step = 4;

    private const int AheadBytes = 8192;

    // Weight elements below which other threads are not worth waking, and the least per item above.
    private const long SerialElements = 64 << 10;
    private const long ItemElements = 32 << 10;

    /// <summary>Whether the product has the shape that these kernels are for.</summary>
    public static bool Fits(in GemmArgs g, KernelSet set) =>
        g.M <= (set.KPerElement == 2 ? MaxRowsPairs : MaxRows) && g.TransB && !g.TransA && g.K >= KernelSet.MinDotLength;

    /// <summary>Runs a product that <see cref="Fits"/>, with alpha not 0.</summary>
    public static void Run(in GemmArgs g, KernelSet set, GemmWorkspace workspace, WorkPool pool)
    {
        if (g.AType == DType.F32 && !g.Bf16Compute)
        {
            Split(g, set, (float*)g.A, g.Lda, pool);
            return;
        }

        // A is converted once: panels of one row are rows.
        GemmWorkspace.Buffer buffer = workspace.Rent((long)g.M * g.K * sizeof(float));
        try
        {
            var a = new MatrixView(g.A, g.Lda);
            for (int i = 0; i < g.M; i++)
            {
                set.Convert(g.AType, a, i, g.K, buffer.Floats + (nint)i * g.K);
            }

            Split(g, set, buffer.Floats, g.K, pool);
        }
        finally
        {
            workspace.Return(buffer);
        }
    }

    private static void Split(in GemmArgs g, KernelSet set, float* a, nint lda, WorkPool pool)
    {
        var body = new Body(g, set, a, lda);
        if ((long)g.N * g.K < SerialElements)
        {
            body.Rows(0, g.N);
            return;
        }

        long rows = Math.Max(ItemElements / g.K, (g.N + 63) / 64);
        body.RowsPerItem = (int)((rows + Step - 1) / Step * Step);
        pool.For((g.N + body.RowsPerItem - 1) / body.RowsPerItem, body);
    }

    private struct Body(in GemmArgs g, KernelSet set, float* a, nint lda) : IWorkBody
    {
        public int RowsPerItem;
        private readonly GemmArgs _g = g;
        private readonly KernelSet _set = set;
        private readonly float* _a = a;
        private readonly nint _lda = lda;

        public readonly void Run(int index) => Rows(index * RowsPerItem, Math.Min(_g.N, (index + 1) * RowsPerItem));

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public readonly void Rows(int from, int to)
        {
            var weights = new MatrixView(_g.B, _g.Ldb);
            float* sums = stackalloc float[Step * Step];
            // At least so many bytes ahead: the memory's latency times one core's share of its bandwidth.
            nint ahead = (AheadBytes / (_g.K * _g.BType.Size()) / Step + 1) * Step;
            for (int n = from; n < to; n += Step)
            {
                int columns = Math.Min(Step, to - n);
                for (int m = 0; m < _g.M; m += _set.DotRows)
                {
                    int rows = Math.Min(_set.DotRows, _g.M - m);
                    _set.Dot[4 * (int)_g.BType + rows - 1](_a + m * _lda, _lda, weights, n, columns, _g.K, m == 0 ? ahead : 0, sums);
                    for (int i = 0; i < rows; i++)
                    {
                        Write(m + i, n, columns, sums + i * Step);
                    }
                }
            }
        }

        private readonly void Write(int m, int n, int columns, float* sums)
        {
            float* c = _g.C + m * _g.Ldc + n;
            float* bias = (float*)_g.Bias + n;
            if (columns == Step)
            {
                Vector128<float> v = Vector128.Load(sums) * _g.Alpha;
                v = _g.Bias != null ? v + Vector128.Load(bias) : v;
                (_g.Accumulate ? v + Vector128.Load(c) : v).Store(c);
                return;
            }

            for (int j = 0; j < columns; j++)
            {
                float v = sums[j] * _g.Alpha;
                v = _g.Bias != null ? v + bias[j] : v;
                c[j] = _g.Accumulate ? v + c[j] : v;
            }
        }
    }
}
