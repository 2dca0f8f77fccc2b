using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

internal sealed unsafe partial class FlashAttention
{
    /// <summary>dQ, dK and dV of the forward pass whose Out and Lse <paramref name="args"/> holds.</summary>
    public void Backward(in FlashArgs args, in FlashGrad grad, AttentionSegments segments)
    {
        switch (Path)
        {
            case GemmPath.Avx2:
                Backward<Ops256, Vector256<float>>(args, grad, segments);
                break;
            case GemmPath.Portable:
                Backward<Ops128, Vector128<float>>(args, grad, segments);
                break;
            default:
                Backward<Ops512, Vector512<float>>(args, grad, segments);
                break;
        }
    }

    private void Backward<TOps, V>(in FlashArgs args, in FlashGrad grad, AttentionSegments segments)
        where TOps : struct, IVectorOps<V>
        where V : struct
    {
        int count = segments.Segments.Count;
        SegmentPlan[] plans = ArrayPool<SegmentPlan>.Shared.Rent(Math.Max(count, 1));
        ScratchPool.Buffer indices = RentIndices(args, segments);
        fixed (SegmentPlan* first = plans)
        {
            var job = new BackwardJob
            {
                Args = args,
                Grad = grad,
                Kernels = args.Bf16 ? _rounded : _single,
                Transposer = _single,
                Plans = first,
                PlanCount = count,
                Scale2 = args.Scale * Log2E,
                Format = Format(args.Bf16),
                Scratch = _scratch,
            };
            long partialRows = PlanBackward(args, segments, first, (int*)indices.Address, job.PartialWidth);
            long deltas = FlashShape.RoundUp(args.Queries, 16) * (long)args.Heads;
            ScratchPool.Buffer large = _large.Rent(((partialRows * job.PartialWidth) + deltas) * sizeof(float));
            job.Delta = (float*)large.Address;
            job.Partial = job.Delta + deltas;
            job.ScratchBytes = BackwardScratch.Layout(job, 0, out _);
            ClearOutside(grad.DQ, segments, args.Queries, (long)args.Heads * args.Width, 0);
            _pool.For((args.Queries + DeltaBody.Rows - 1) / DeltaBody.Rows, new DeltaBody(job));
            RunKeys<TOps, V>(ref job, segments);
            int blocks = RenumberByRows(first, count, args.KeyHeads);
            _pool.For(blocks, new QueryGradientBody(job));
            _large.Return(large);
        }

        _scratch.Return(indices);
        ArrayPool<SegmentPlan>.Shared.Return(plans);
    }

    /// <summary>dK, dV and partial dQ. Segments that share keys run one after the other and add up in their order.</summary>
    private void RunKeys<TOps, V>(ref BackwardJob job, AttentionSegments segments)
        where TOps : struct, IVectorOps<V>
        where V : struct
    {
        FlashArgs args = job.Args;
        job.AddKeys = ShareKeys(segments);
        if (job.AddKeys || args.KeyMask != null || segments.Window is not null)
        {
            ClearKeys(job, 0, args.Keys);
        }
        else
        {
            ClearKeysOutside(job, segments);
        }

        if (!job.AddKeys)
        {
            _pool.For(Units(job.Plans[Math.Max(job.PlanCount - 1, 0)], job), new KeyGradientBody<TOps, V>(job));
            return;
        }

        for (int i = 0; i < job.PlanCount; i++)
        {
            job.FirstUnit = job.Plans[i].FirstUnit;
            _pool.For(Units(job.Plans[i], job) - job.FirstUnit, new KeyGradientBody<TOps, V>(job));
        }
    }

    /// <summary>Number of work items up to and including those of a plan.</summary>
    private static int Units(in SegmentPlan plan, in BackwardJob job) =>
        job.PlanCount == 0 ? 0 : plan.FirstUnit + (plan.Chunks * job.Args.KeyHeads);

    private static long PlanBackward(in FlashArgs args, AttentionSegments segments, SegmentPlan* plans, int* ints, int partialWidth)
    {
        int count = segments.Segments.Count, longest = 0, chunks = 0;
        for (int i = 0; i < count; i++)
        {
            AttentionSegment segment = segments.Segments[i];
            plans[i] = SegmentPlan.Create(segment, segments, args, ints);
            plans[i].RowBlocks = FlashShape.Blocks(plans[i].Rows, FlashShape.BackwardRows);
            chunks += FlashShape.Blocks(plans[i].Keys, FlashShape.BackwardKeys);
            ints += SegmentPlan.IndexInts(segment);
            longest = Math.Max(longest, plans[i].Keys);
        }

        int start = chunks * args.KeyHeads < FlashShape.FewItems ? FlashShape.BackwardFewKeys : FlashShape.BackwardKeys;
        for (int chunk = start; ; chunk *= 2)
        {
            int units = 0;
            long rows = 0;
            for (int i = 0; i < count; i++)
            {
                plans[i].ChunkKeys = chunk;
                plans[i].Chunks = FlashShape.Blocks(plans[i].Keys, chunk);
                plans[i].FirstUnit = units;
                plans[i].FirstPartial = rows;
                units += plans[i].Chunks * args.KeyHeads;
                rows += (long)plans[i].Chunks * args.KeyHeads * plans[i].RowBlocks * FlashShape.BackwardRows;
            }

            if (chunk >= longest || rows * partialWidth * sizeof(float) <= FlashShape.PartialBytes)
            {
                return rows;
            }
        }
    }

    private static int RenumberByRows(SegmentPlan* plans, int count, int keyHeads)
    {
        int units = 0;
        for (int i = 0; i < count; i++)
        {
            plans[i].FirstUnit = units;
            units += plans[i].RowBlocks * keyHeads;
        }

        return units;
    }

    private static bool ShareKeys(AttentionSegments segments)
    {
        int end = 0;
        bool rising = true;
        for (int i = 0; i < segments.Segments.Count && rising; i++)
        {
            rising = segments.Segments[i].KeyStart >= end;
            end = segments.Segments[i].KeyStart + segments.Segments[i].Keys;
        }

        if (rising)
        {
            return false;
        }

        AttentionSegment[] sorted = [.. segments.Segments];
        Array.Sort(sorted, (a, b) => a.KeyStart.CompareTo(b.KeyStart));
        end = 0;
        foreach (AttentionSegment segment in sorted)
        {
            if (segment.Keys > 0 && segment.KeyStart < end)
            {
                return true;
            }

            end = Math.Max(end, segment.KeyStart + segment.Keys);
        }

        return false;
    }

    private static void ClearKeysOutside(in BackwardJob job, AttentionSegments segments)
    {
        var ranges = new (int Start, int Count)[segments.Segments.Count];
        for (int i = 0; i < ranges.Length; i++)
        {
            ranges[i] = (segments.Segments[i].KeyStart, segments.Segments[i].Keys);
        }

        Array.Sort(ranges, (a, b) => a.Start.CompareTo(b.Start));
        int at = 0;
        foreach ((int start, int keys) in ranges)
        {
            ClearKeys(job, at, start);
            at = Math.Max(at, start + keys);
        }

        ClearKeys(job, at, job.Args.Keys);
    }

    private static void ClearKeys(in BackwardJob job, int from, int to)
    {
        nint row = (nint)job.Args.KeyHeads * job.Args.Width;
        for (int i = from; i < to; i++)
        {
            new Span<float>(job.Grad.DK + (i * row), (int)row).Clear();
            new Span<float>(job.Grad.DV + (i * row), (int)row).Clear();
        }
    }

    private readonly struct DeltaBody(BackwardJob job) : IWorkBody
    {
        public const int Rows = 32;

        public void Run(int index)
        {
            int D = job.Args.Width, H = job.Args.Heads;
            nint end = Math.Min((nint)(index + 1) * Rows, job.Args.Queries) * H;
            for (nint i = (nint)index * Rows * H; i < end; i++)
            {
                var dOut = new ReadOnlySpan<float>(job.Grad.DOut + (i * D), D);
                job.Delta[i] = TensorPrimitives.Dot(dOut, new ReadOnlySpan<float>(job.Args.Out + (i * D), D));
            }
        }
    }

    private readonly struct KeyGradientBody<TOps, V>(BackwardJob job) : IWorkBody
        where TOps : struct, IVectorOps<V>
        where V : struct
    {
        public void Run(int index)
        {
            ScratchPool.Buffer scratch = job.Scratch.Rent(job.ScratchBytes);
            new BackwardUnit<TOps, V>(job, job.FirstUnit + index, scratch.Address).Run();
            job.Scratch.Return(scratch);
        }
    }

    /// <summary>Adds a block of rows of dQ over the chunks of keys, in their order.</summary>
    private readonly struct QueryGradientBody(BackwardJob job) : IWorkBody
    {
        public void Run(int index)
        {
            SegmentPlan plan = job.Plans[SegmentPlan.Find(job.Plans, job.PlanCount, index)];
            int local = index - plan.FirstUnit, keyHead = local % job.Args.KeyHeads, block = local / job.Args.KeyHeads;
            int G = job.Args.Group, D = job.Args.Width, first = block * FlashShape.BackwardRows;
            for (int i = 0; i < Math.Min(FlashShape.BackwardRows, plan.Rows - first); i++)
            {
                int query = (first + i) / G, head = (keyHead * G) + ((first + i) % G), limit = plan.Limit(query), start = plan.First(query);
                var sum = new Span<float>(job.Grad.DQ + (((((nint)plan.QueryStart + query) * job.Args.Heads) + head) * D), D);
                if (start >= limit)
                {
                    sum.Clear();
                    continue;
                }

                int firstChunk = start / plan.ChunkKeys;
                for (int chunk = firstChunk; (long)chunk * plan.ChunkKeys < limit; chunk++)
                {
                    var part = new ReadOnlySpan<float>(job.PartialRows(plan, keyHead, chunk, block) + ((nint)i * job.PartialWidth), D);
                    if (chunk == firstChunk)
                    {
                        part.CopyTo(sum);
                    }
                    else
                    {
                        TensorPrimitives.Add(sum, part, sum);
                    }
                }
            }
        }
    }
}
