using System.Buffers;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Attention without a score matrix, forward and backward, on raw memory: tiles of scores live in the caches, the softmax is
/// kept up to date while the keys stream by. Work is split by segment, key head, block of rows and chunk of keys, all by
/// shape alone: results are the same bits whatever the number of threads.
/// Source: Dao 2023, "FlashAttention-2"; Milakov and Gimelshein 2018, "Online normalizer calculation for softmax".
/// </summary>
/// <remarks>Calls of one instance must not overlap.</remarks>
internal sealed unsafe partial class FlashAttention : IDisposable
{
    private const float Log2E = 1.4426950408889634f;

    private readonly WorkPool _pool;
    private readonly ScratchPool _scratch;
    private readonly ScratchPool _large = new(1);
    private readonly KernelSet _single;
    private readonly KernelSet _rounded;

    /// <summary>An engine on the threads of <paramref name="pool"/>.</summary>
    /// <param name="pool">Threads; not owned.</param>
    /// <param name="path">Instruction set; must be supported on this machine.</param>
    public FlashAttention(WorkPool pool, GemmPath path = GemmPath.Auto)
    {
        ArgumentNullException.ThrowIfNull(pool);
        _pool = pool;
        _scratch = new ScratchPool(pool.Threads + 1);
        Path = path == GemmPath.Auto ? KernelSet.Best() : path;
        _single = KernelSet.Create(Path, bf16: false);
        _rounded = KernelSet.Create(Path, bf16: true);
    }

    /// <summary>The instruction set in use.</summary>
    public GemmPath Path { get; }

    /// <summary>Bytes of native memory held between calls.</summary>
    public long WorkspaceBytes => _scratch.Bytes + _large.Bytes;

    /// <summary>Frees the memory held between calls.</summary>
    public void Trim()
    {
        _scratch.Trim();
        _large.Trim();
    }

    /// <inheritdoc/>
    public void Dispose() => Trim();

    /// <summary>Out and, where given, Lse of <paramref name="args"/>.</summary>
    public void Forward(in FlashArgs args, AttentionSegments segments)
    {
        switch (Path)
        {
            case GemmPath.Avx2:
                Forward<Ops256, Vector256<float>>(args, segments);
                break;
            case GemmPath.Portable:
                Forward<Ops128, Vector128<float>>(args, segments);
                break;
            default:
                Forward<Ops512, Vector512<float>>(args, segments);
                break;
        }
    }

    private void Forward<TOps, V>(in FlashArgs args, AttentionSegments segments)
        where TOps : struct, IVectorOps<V>
        where V : struct
    {
        int count = segments.Segments.Count;
        SegmentPlan[] plans = ArrayPool<SegmentPlan>.Shared.Rent(Math.Max(count, 1));
        ScratchPool.Buffer indices = RentIndices(args, segments);
        fixed (SegmentPlan* first = plans)
        {
            int units = PlanForward(args, segments, first, (int*)indices.Address, out long partialRows);
            ClearOutside(args.Out, segments, args.Queries, (long)args.Heads * args.Width, 0);
            if (args.Lse != null)
            {
                ClearOutside(args.Lse, segments, args.Queries, args.Heads, float.NegativeInfinity);
            }

            ScratchPool.Buffer partial = partialRows == 0 ? default : _large.Rent(partialRows * (args.Width + 2) * sizeof(float));
            var job = new ForwardJob
            {
                Args = args,
                Kernels = args.Bf16 ? _rounded : _single,
                Transposer = _single,
                Plans = first,
                PlanCount = count,
                Scale2 = args.Scale * Log2E,
                Format = Format(args.Bf16),
                Partial = (float*)partial.Address,
                PartialStatistics = (float*)partial.Address + (partialRows * args.Width),
                Scratch = _scratch,
            };
            job.ScratchBytes = ForwardBytes(job);
            _pool.For(units, new ForwardBody<TOps, V>(job));
            if (partialRows > 0)
            {
                _pool.For(count * args.KeyHeads, new CombineBody(job));
                _large.Return(partial);
            }
        }

        _scratch.Return(indices);
        ArrayPool<SegmentPlan>.Shared.Return(plans);
    }

    private int PlanForward(in FlashArgs args, AttentionSegments segments, SegmentPlan* plans, int* ints, out long partialRows)
    {
        int units = 0;
        partialRows = 0;
        for (int i = 0; i < segments.Segments.Count; i++)
        {
            AttentionSegment segment = segments.Segments[i];
            SegmentPlan plan = SegmentPlan.Create(segment, segments, args, ints);
            ints += SegmentPlan.IndexInts(segment);
            plan.BlockRows = FlashShape.BlockRows(plan.Rows, args.KeyHeads);
            plan.RowBlocks = plan.Rows == 0 ? 0 : FlashShape.Blocks(plan.Rows, plan.BlockRows);
            plan.Direct = plan.Rows <= FlashShape.DirectRows && plan.Window == 0 && DecodeUnit.Supports(Path, args);
            int chunk = plan.Direct ? FlashShape.DirectKeys(plan.Rows) : FlashShape.ChunkKeys;
            // By the segment's own shape, so that a sequence gives the same bits alone and in a batch.
            bool split = plan.Keys > chunk && (plan.Direct || plan.RowBlocks * args.KeyHeads < FlashShape.FewItems);
            plan.ChunkKeys = split ? chunk : Math.Max(plan.Keys, 1);
            plan.Chunks = split ? FlashShape.Blocks(plan.Keys, chunk) : 1;
            plan.FirstUnit = units;
            plan.FirstPartial = partialRows;
            units += plan.Direct && plan.Rows > 0 ? plan.Chunks : plan.RowBlocks * plan.Chunks * args.KeyHeads;
            partialRows += split ? (long)plan.Rows * plan.Chunks * args.KeyHeads : 0;
            plans[i] = plan;
        }

        return units;
    }

    private static long ForwardBytes(in ForwardJob job)
    {
        long bytes = 0;
        for (int i = 0; i < job.PlanCount; i++)
        {
            SegmentPlan plan = job.Plans[i];
            long needed = plan.Direct ? DecodeScratch.Layout(job.Args, plan.Rows, 0, out _) : ForwardScratch.Layout(job, 0, out _);
            bytes = Math.Max(bytes, needed);
        }

        return bytes;
    }

    private ScratchPool.Buffer RentIndices(in FlashArgs args, AttentionSegments segments)
    {
        long ints = 0;
        for (int i = 0; args.KeyMask != null && i < segments.Segments.Count; i++)
        {
            ints += SegmentPlan.IndexInts(segments.Segments[i]);
        }

        return _scratch.Rent(ints * sizeof(int));
    }

    private PanelFormat Format(bool bf16) => !bf16 ? PanelFormat.F32 : _rounded.KPerElement == 2 ? PanelFormat.Pairs : PanelFormat.Rounded;

    /// <summary>Fills the query rows that no segment holds.</summary>
    private static void ClearOutside(float* x, AttentionSegments segments, int rows, long rowFloats, float value)
    {
        int at = 0;
        for (int i = 0; i <= segments.Segments.Count; i++)
        {
            bool last = i == segments.Segments.Count;
            int next = last ? rows : segments.Segments[i].QueryStart;
            for (; at < next; at++)
            {
                new Span<float>(x + (at * rowFloats), (int)rowFloats).Fill(value);
            }

            at = last ? rows : Math.Max(at, next + segments.Segments[i].Queries);
        }
    }

    private readonly struct ForwardBody<TOps, V>(ForwardJob job) : IWorkBody
        where TOps : struct, IVectorOps<V>
        where V : struct
    {
        public void Run(int index)
        {
            ScratchPool.Buffer scratch = job.Scratch.Rent(job.ScratchBytes);
            SegmentPlan plan = job.Plans[SegmentPlan.Find(job.Plans, job.PlanCount, index)];
            if (plan.Direct)
            {
                new DecodeUnit(job, plan, index, scratch.Address).Run();
            }
            else
            {
                new ForwardUnit<TOps, V>(job, plan, index, scratch.Address).Run();
            }

            job.Scratch.Return(scratch);
        }
    }

    private readonly struct CombineBody(ForwardJob job) : IWorkBody
    {
        public void Run(int index)
        {
            SegmentPlan plan = job.Plans[index / job.Args.KeyHeads];
            if (plan.Chunks > 1)
            {
                ScratchPool.Buffer scratch = job.Scratch.Rent(job.Args.Width * sizeof(float));
                ForwardOutput.Combine(job, plan, index % job.Args.KeyHeads, (float*)scratch.Address);
                job.Scratch.Return(scratch);
            }
        }
    }
}
