using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The forward pass for few rows, where reading keys and values is the work: nothing is packed, and an item takes all heads
/// of a chunk of keys, so that memory is read in order. Scores are f32 whatever the compute type. Four keys times four rows
/// fill a vector: its lane is 4 key + row.
/// </summary>
internal unsafe ref struct DecodeUnit
{
    /// <summary>Rows that share a vector.</summary>
    public const int RowGroup = 4;

    private const int Lanes = 16;

    // Keys of a step: their rows of K and V, of all heads, fit the L1 cache, and the next step's are fetched meanwhile.
    private const int StepKeys = DecodeScratch.StepKeys;
    private const float LowestMaximum = -1e30f;

    private readonly ForwardJob _job;
    private readonly SegmentPlan _plan;
    private readonly int _chunk, _groups, _width;
    private readonly DecodeScratch _x;
    private readonly nint _ahead;

    /// <summary>Prepares item <paramref name="unit"/>.</summary>
    public DecodeUnit(in ForwardJob job, in SegmentPlan plan, int unit, nint scratch)
    {
        _job = job;
        _plan = plan;
        _chunk = unit - plan.FirstUnit;
        _groups = DecodeScratch.Groups(plan.Rows);
        DecodeScratch.Layout(job.Args, plan.Rows, scratch, out _x);
        _width = job.Args.Width;
        _ahead = (nint)StepKeys * job.Args.KeyHeads * _width;
    }

    /// <summary>Whether the kernel can take such rows.</summary>
    public static bool Supports(GemmPath path, in FlashArgs args) =>
        path is GemmPath.Avx512 or GemmPath.Avx512Bf16 && args.Width % Lanes == 0 && (args.Lse == null || !args.Bf16);

    /// <summary>Computes the item.</summary>
    public void Run()
    {
        Prepare();
        int begin = _chunk * _plan.ChunkKeys, last = _plan.Limit(_plan.Queries - 1);
        int end = Math.Min(begin + _plan.ChunkKeys, last);
        for (int key = begin; key < end; key += StepKeys)
        {
            int n = Math.Min(StepKeys, end - key);
            FindRows(key, n);
            for (int keyHead = 0; keyHead < _job.Args.KeyHeads; keyHead++)
            {
                for (int g = 0; g < _groups; g++)
                {
                    Attend(keyHead, g, key, n);
                }
            }
        }

        Write();
    }

    /// <summary>Copies the queries, [head][group][D / 16][row][16], scaled; rows that do not exist are zero.</summary>
    private readonly void Prepare()
    {
        int G = _job.Args.Group, D = _job.Args.Width, total = _groups * RowGroup;
        Vector512<float> scale = Vector512.Create(_job.Scale2);
        for (int keyHead = 0; keyHead < _job.Args.KeyHeads; keyHead++)
        {
            for (int row = 0; row < total; row++)
            {
                float* to = _x.Queries + ((((nint)keyHead * total) + (row / RowGroup * RowGroup)) * D) + (row % RowGroup * Lanes);
                nint at = (((nint)_plan.QueryStart + (row / G)) * _job.Args.Heads) + (keyHead * G) + (row % G);
                for (int d = 0; d < D; d += Lanes)
                {
                    Vector512<float> q = row < _plan.Rows ? Vector512.Load(_job.Args.Q + (at * D) + d) * scale : Vector512<float>.Zero;
                    q.Store(to + (d * RowGroup));
                }
            }
        }

        for (int i = 0; i < _groups * Lanes; i++)
        {
            int row = (i / Lanes * RowGroup) + (i % RowGroup);
            _x.Limits[i] = row < _plan.Rows ? _plan.Limit(row / G) : 0;
        }

        nint groups = (nint)_groups * _job.Args.KeyHeads;
        new Span<float>(_x.Results, (int)(groups * RowGroup * D)).Clear();
        new Span<float>(_x.Sum, (int)groups * Lanes).Clear();
        new Span<float>(_x.Maximum, (int)groups * Lanes).Fill(float.NegativeInfinity);
    }

    private readonly void FindRows(int key, int n)
    {
        nint stride = (nint)_job.Args.KeyHeads * _job.Args.Width;
        for (int j = 0; j < StepKeys; j++)
        {
            // Keys that do not exist read the last one again; their scores are hidden.
            _x.Offsets[j] = _plan.KeyRow(key + Math.Min(j, n - 1)) * stride;
        }
    }

    /// <summary>Four rows of one head against up to 32 keys.</summary>
    private readonly void Attend(int keyHead, int group, int key, int n)
    {
        int D = _job.Args.Width;
        nint at = ((nint)keyHead * _groups) + group;
        float* keys = _job.Args.K + ((nint)keyHead * D);
        float* queries = _x.Queries + (at * RowGroup * D);
        Vector512<float> limits = Vector512.Load(_x.Limits + (group * Lanes));
        limits = Vector512.Min(limits, Vector512.Create((float)(key + n)));
        Vector512<float> number = Vector512.Create((float)key) + Vector512.Create(0f, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        Vector512<float> old = Vector512.Load(_x.Maximum + (at * Lanes)), maximum = old;
        int padded = (n + 3) & ~3;
        for (int j = 0; j < padded; j += 4, number += Vector512.Create(4f))
        {
            Vector512<float> s = Scores(queries, keys + _x.Offsets[j], keys + _x.Offsets[j + 1], keys + _x.Offsets[j + 2], keys + _x.Offsets[j + 3]);
            s = Vector512.ConditionalSelect(Vector512.LessThan(number, limits), s, Vector512.Create(float.NegativeInfinity));
            s.Store(_x.Scores + (j * RowGroup));
            maximum = Avx512F.Max(maximum, s);
        }

        maximum = Avx512F.Max(maximum, Avx512F.Shuffle4x128(maximum, maximum, 0b01_00_11_10));
        maximum = Avx512F.Max(maximum, Avx512F.Shuffle4x128(maximum, maximum, 0b10_11_00_01));
        maximum.Store(_x.Maximum + (at * Lanes));
        maximum = Avx512F.Max(Vector512.Create(LowestMaximum), maximum);
        Vector512<float> shrink = Ops512.Exp2(old - maximum);
        Vector512<float> sum = Vector512.Load(_x.Sum + (at * Lanes)) * shrink;
        for (int j = 0; j < padded; j += 4)
        {
            Vector512<float> p = Ops512.Exp2(Vector512.Load(_x.Scores + (j * RowGroup)) - maximum);
            p.Store(_x.Scores + (j * RowGroup));
            sum += p;
        }

        sum.Store(_x.Sum + (at * Lanes));
        AddValues(_job.Args.V + ((nint)keyHead * D), _x.Results + (at * RowGroup * D), n, shrink);
    }

    /// <summary>The dot products of four rows of queries with four keys, lane 4 key + row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly Vector512<float> Scores(float* q, float* k0, float* k1, float* k2, float* k3)
    {
        nint ahead = _ahead, D = _width;
        Vector512<float> s00 = Vector512<float>.Zero, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
        Vector512<float> s20 = s00, s21 = s00, s22 = s00, s23 = s00, s30 = s00, s31 = s00, s32 = s00, s33 = s00;
        for (nint d = 0; d < D; d += Lanes, q += RowGroup * Lanes)
        {
            Vector512<float> q0 = Vector512.Load(q), q1 = Vector512.Load(q + 16), q2 = Vector512.Load(q + 32), q3 = Vector512.Load(q + 48);
            Vector512<float> k = Vector512.Load(k0 + d);
            Sse.Prefetch0(k0 + d + ahead);
            s00 = Avx512F.FusedMultiplyAdd(k, q0, s00);
            s01 = Avx512F.FusedMultiplyAdd(k, q1, s01);
            s02 = Avx512F.FusedMultiplyAdd(k, q2, s02);
            s03 = Avx512F.FusedMultiplyAdd(k, q3, s03);
            k = Vector512.Load(k1 + d);
            Sse.Prefetch0(k1 + d + ahead);
            s10 = Avx512F.FusedMultiplyAdd(k, q0, s10);
            s11 = Avx512F.FusedMultiplyAdd(k, q1, s11);
            s12 = Avx512F.FusedMultiplyAdd(k, q2, s12);
            s13 = Avx512F.FusedMultiplyAdd(k, q3, s13);
            k = Vector512.Load(k2 + d);
            Sse.Prefetch0(k2 + d + ahead);
            s20 = Avx512F.FusedMultiplyAdd(k, q0, s20);
            s21 = Avx512F.FusedMultiplyAdd(k, q1, s21);
            s22 = Avx512F.FusedMultiplyAdd(k, q2, s22);
            s23 = Avx512F.FusedMultiplyAdd(k, q3, s23);
            k = Vector512.Load(k3 + d);
            Sse.Prefetch0(k3 + d + ahead);
            s30 = Avx512F.FusedMultiplyAdd(k, q0, s30);
            s31 = Avx512F.FusedMultiplyAdd(k, q1, s31);
            s32 = Avx512F.FusedMultiplyAdd(k, q2, s32);
            s33 = Avx512F.FusedMultiplyAdd(k, q3, s33);
        }

        Vector512<float> t0 = FoldRows(s00, s01, s02, s03), t1 = FoldRows(s10, s11, s12, s13);
        Vector512<float> t2 = FoldRows(s20, s21, s22, s23), t3 = FoldRows(s30, s31, s32, s33);
        Vector512<float> low = Avx512F.Shuffle4x128(t0, t1, 0x44) + Avx512F.Shuffle4x128(t0, t1, 0xEE);
        Vector512<float> high = Avx512F.Shuffle4x128(t2, t3, 0x44) + Avx512F.Shuffle4x128(t2, t3, 0xEE);
        return Avx512F.Shuffle4x128(low, high, 0x88) + Avx512F.Shuffle4x128(low, high, 0xDD);
    }

    /// <summary>Per 128 bits: the sums of four lanes of a, b, c, d.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> FoldRows(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        Vector512<double> ab = (Avx512F.UnpackLow(a, b) + Avx512F.UnpackHigh(a, b)).AsDouble();
        Vector512<double> cd = (Avx512F.UnpackLow(c, d) + Avx512F.UnpackHigh(c, d)).AsDouble();
        return Avx512F.UnpackLow(ab, cd).AsSingle() + Avx512F.UnpackHigh(ab, cd).AsSingle();
    }

    /// <summary>results [4, D] = results * shrink + p v.</summary>
    private readonly void AddValues(float* values, float* results, int n, Vector512<float> shrink)
    {
        int d = 0;
        for (; d + 64 <= _width; d += 64)
        {
            AddValues64(values + d, results + d, n, shrink);
        }

        for (; d < _width; d += Lanes)
        {
            AddValues16(values + d, results + d, n, shrink);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void AddValues64(float* v, float* y, int n, Vector512<float> shrink)
    {
        float* p = _x.Scores;
        nint* offsets = _x.Offsets;
        nint ahead = _ahead, D = _width;
        float* y1 = y + D, y2 = y1 + D, y3 = y2 + D;
        Vector512<float> f = Vector512.Create(shrink[0]);
        Vector512<float> a0 = Vector512.Load(y) * f, a1 = Vector512.Load(y + 16) * f, a2 = Vector512.Load(y + 32) * f, a3 = Vector512.Load(y + 48) * f;
        f = Vector512.Create(shrink[1]);
        Vector512<float> b0 = Vector512.Load(y1) * f, b1 = Vector512.Load(y1 + 16) * f, b2 = Vector512.Load(y1 + 32) * f, b3 = Vector512.Load(y1 + 48) * f;
        f = Vector512.Create(shrink[2]);
        Vector512<float> c0 = Vector512.Load(y2) * f, c1 = Vector512.Load(y2 + 16) * f, c2 = Vector512.Load(y2 + 32) * f, c3 = Vector512.Load(y2 + 48) * f;
        f = Vector512.Create(shrink[3]);
        Vector512<float> d0 = Vector512.Load(y3) * f, d1 = Vector512.Load(y3 + 16) * f, d2 = Vector512.Load(y3 + 32) * f, d3 = Vector512.Load(y3 + 48) * f;
        for (int j = 0; j < n; j++, p += RowGroup)
        {
            float* row = v + offsets[j];
            Vector512<float> v0 = Vector512.Load(row), v1 = Vector512.Load(row + 16), v2 = Vector512.Load(row + 32), v3 = Vector512.Load(row + 48);
            Sse.Prefetch0(row + ahead);
            Sse.Prefetch0(row + ahead + 16);
            Sse.Prefetch0(row + ahead + 32);
            Sse.Prefetch0(row + ahead + 48);
            Vector512<float> x = Vector512.Create(p[0]);
            a0 = Avx512F.FusedMultiplyAdd(v0, x, a0);
            a1 = Avx512F.FusedMultiplyAdd(v1, x, a1);
            a2 = Avx512F.FusedMultiplyAdd(v2, x, a2);
            a3 = Avx512F.FusedMultiplyAdd(v3, x, a3);
            x = Vector512.Create(p[1]);
            b0 = Avx512F.FusedMultiplyAdd(v0, x, b0);
            b1 = Avx512F.FusedMultiplyAdd(v1, x, b1);
            b2 = Avx512F.FusedMultiplyAdd(v2, x, b2);
            b3 = Avx512F.FusedMultiplyAdd(v3, x, b3);
            x = Vector512.Create(p[2]);
            c0 = Avx512F.FusedMultiplyAdd(v0, x, c0);
            c1 = Avx512F.FusedMultiplyAdd(v1, x, c1);
            c2 = Avx512F.FusedMultiplyAdd(v2, x, c2);
            c3 = Avx512F.FusedMultiplyAdd(v3, x, c3);
            x = Vector512.Create(p[3]);
            d0 = Avx512F.FusedMultiplyAdd(v0, x, d0);
            d1 = Avx512F.FusedMultiplyAdd(v1, x, d1);
            d2 = Avx512F.FusedMultiplyAdd(v2, x, d2);
            d3 = Avx512F.FusedMultiplyAdd(v3, x, d3);
        }

        Store(y, a0, a1, a2, a3);
        Store(y1, b0, b1, b2, b3);
        Store(y2, c0, c1, c2, c3);
        Store(y3, d0, d1, d2, d3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void AddValues16(float* v, float* y, int n, Vector512<float> shrink)
    {
        float* p = _x.Scores;
        nint* offsets = _x.Offsets;
        nint D = _width;
        float* y1 = y + D, y2 = y1 + D, y3 = y2 + D;
        Vector512<float> a = Vector512.Load(y) * Vector512.Create(shrink[0]), b = Vector512.Load(y1) * Vector512.Create(shrink[1]);
        Vector512<float> c = Vector512.Load(y2) * Vector512.Create(shrink[2]), d = Vector512.Load(y3) * Vector512.Create(shrink[3]);
        for (int j = 0; j < n; j++, p += RowGroup)
        {
            Vector512<float> x = Vector512.Load(v + offsets[j]);
            a = Avx512F.FusedMultiplyAdd(x, Vector512.Create(p[0]), a);
            b = Avx512F.FusedMultiplyAdd(x, Vector512.Create(p[1]), b);
            c = Avx512F.FusedMultiplyAdd(x, Vector512.Create(p[2]), c);
            d = Avx512F.FusedMultiplyAdd(x, Vector512.Create(p[3]), d);
        }

        a.Store(y);
        b.Store(y1);
        c.Store(y2);
        d.Store(y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, Vector512<float> x0, Vector512<float> x1, Vector512<float> x2, Vector512<float> x3)
    {
        x0.Store(y);
        x1.Store(y + 16);
        x2.Store(y + 32);
        x3.Store(y + 48);
    }

    private readonly void Write()
    {
        int D = _job.Args.Width;
        float* statistics = stackalloc float[2];
        for (int keyHead = 0; keyHead < _job.Args.KeyHeads; keyHead++)
        {
            var output = new ForwardOutput(_job, _plan, keyHead, _chunk);
            for (int row = 0; row < _plan.Rows; row++)
            {
                nint at = ((nint)keyHead * _groups * RowGroup) + row;
                float* sums = _x.Sum + (at / RowGroup * Lanes) + (row % RowGroup);
                float sum = sums[0] + sums[4] + (sums[8] + sums[12]);
                float* result = _x.Results + (at * D);
                if (_plan.Chunks == 1)
                {
                    System.Numerics.Tensors.TensorPrimitives.Multiply(new ReadOnlySpan<float>(result, D), 1 / sum, new Span<float>(result, D));
                }

                statistics[0] = _x.Maximum[(at / RowGroup * Lanes) + (row % RowGroup)];
                statistics[1] = sum;
                output.Write(row, 1, result, D, statistics, statistics + 1);
            }
        }
    }
}
