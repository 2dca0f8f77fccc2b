using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    private const int WidestHead = 256;
    private const int RowsPerBlock = 4;
    private readonly ConditionalWeakTable<AttentionSegments, SegmentTable> _segmentTables = [];

    /// <inheritdoc/>
    public void Attention(in AttentionArgs args)
    {
        if (FlashFits(args))
        {
            // What is not at multiples of 16 bytes is copied for the other kernel.
            if (HasFewQueries(args) && ((Ptr(args.Q) | Ptr(args.K) | Ptr(args.V)) & 15) == 0)
            {
                Decode(args);
            }
            else
            {
                FlashForward(args);
            }

            return;
        }

        var shape = AttentionShape.Of(args);
        AttentionParams p = Parameters(args, shape);
        p.Result = Ptr(args.Out);
        p.LseOut = PtrOrNull(args.Lse);
        Launch(AttentionName("attention", args), new LaunchShape(Ceil((long)shape.T * shape.H, RowsPerBlock), 32 * RowsPerBlock), p);
    }

    /// <inheritdoc/>
    public void AttentionBackward(in AttentionArgs args, in AttentionGrad grad)
    {
        if (FlashFits(args))
        {
            FlashBackward(args, grad);
            return;
        }

        var shape = AttentionShape.Of(args);
        long rows = (long)shape.T * shape.H;
        AttentionParams p = Parameters(args, shape);
        p.Out = Ptr(args.Out);
        p.Lse = Ptr(args.Lse!);
        p.DOut = Ptr(grad.DOut);
        p.Result = Ptr(grad.DQ);
        Launch(AttentionName("attention_backward_queries", args), new LaunchShape(Ceil(rows, RowsPerBlock), 32 * RowsPerBlock), p);
        p.LseOut = _partials.Take(rows * sizeof(float));
        Launch(AttentionName("attention_delta", args), new LaunchShape(Ceil(rows, RowsPerBlock), 32 * RowsPerBlock), p);
        p.Rows = shape.S;
        p.DK = Ptr(grad.DK);
        p.DV = Ptr(grad.DV);
        Launch(AttentionName("attention_backward_keys", args), new LaunchShape(Ceil((long)shape.S * shape.K, RowsPerBlock), 32 * RowsPerBlock), p);
    }

    private static KernelName AttentionName(string kernel, in AttentionArgs args) =>
        new("Attention", kernel, Types(args.Q, args.Out) + (args.Compute == Compute.BF16 ? " BF16=1" : " BF16=0"));

    private AttentionParams Parameters(in AttentionArgs args, in AttentionShape shape)
    {
        if (shape.D > WidestHead)
        {
            throw new NotSupportedException(FormattableString.Invariant($"attention on a GPU: heads of {shape.D} columns; {WidestHead} is the most"));
        }

        SegmentTable table = TableOf(args.Segments, shape.T);
        return new AttentionParams
        {
            Q = Ptr(args.Q),
            K = Ptr(args.K),
            V = Ptr(args.V),
            Segments = table.Segments,
            SegmentOf = table.SegmentOf,
            Mask = PtrOrNull(args.KeyMask),
            Rows = shape.T,
            Heads = shape.H,
            KvHeads = shape.K,
            Width = shape.D,
            SegmentCount = args.Segments.Segments.Count,
            Causal = args.Segments.Causal ? 1 : 0,
            Window = args.Segments.Window ?? 0,
            Scale = args.Scale,
        };
    }

    /// <summary>The runs of an attention in device memory; all layers of a batch share one.</summary>
    private SegmentTable TableOf(AttentionSegments segments, int T)
    {
        if (_segmentTables.TryGetValue(segments, out SegmentTable? table) && table.Rows >= T)
        {
            return table;
        }

        int count = segments.Segments.Count;
        int[] values = new int[(4 * count) + T];
        Array.Fill(values, -1, 4 * count, T);
        for (int i = 0; i < count; i++)
        {
            AttentionSegment s = segments.Segments[i];
            (values[4 * i], values[(4 * i) + 1], values[(4 * i) + 2], values[(4 * i) + 3]) = (s.QueryStart, s.Queries, s.KeyStart, s.Keys);
            Array.Fill(values, i, (4 * count) + s.QueryStart, s.Queries);
        }

        table = new SegmentTable(_pool, values, 4 * count, T);
        _segmentTables.AddOrUpdate(segments, table);
        return table;
    }

    /// <summary>Sizes of an attention.</summary>
    private readonly record struct AttentionShape(int T, int H, int S, int K, int D)
    {
        public static AttentionShape Of(in AttentionArgs args) =>
            new(args.Q.Shape[0], args.Q.Shape[1], args.K.Shape[0], args.K.Shape[1], args.Q.Shape[2]);
    }

    /// <summary>Runs and, for each query row, the number of its run; given back to the pool once nobody holds the segments.</summary>
    private sealed class SegmentTable
    {
        private readonly TablePool _pool;

        public SegmentTable(TablePool pool, int[] values, int segmentInts, int rows)
        {
            _pool = pool;
            Rows = rows;
            Segments = pool.Take(MemoryMarshal.AsBytes(values.AsSpan()));
            SegmentOf = Segments + (segmentInts * sizeof(int));
        }

        ~SegmentTable() => _pool.Give(Segments);

        public nint Segments { get; }

        public nint SegmentOf { get; }

        public int Rows { get; }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct AttentionParams
    {
        public nint Q, K, V, Out, Lse, DOut, Result, LseOut, DK, DV, Segments, SegmentOf, Mask;
        public int Rows, Heads, KvHeads, Width, SegmentCount, Causal, Window;
        public float Scale;
    }
}
