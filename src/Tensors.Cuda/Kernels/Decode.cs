using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    private const int MostDecodeQueries = 8;

    /// <summary>Whether every run has few queries.</summary>
    internal static bool HasFewQueries(in AttentionArgs args)
    {
        foreach (AttentionSegment s in args.Segments.Segments)
        {
            if (s.Queries > MostDecodeQueries)
            {
                return false;
            }
        }

        return args.K.DType == args.V.DType;
    }

    /// <summary>Rows of a block: 16, or 32 where a run has more.</summary>
    internal static int DecodeRows(in AttentionArgs args)
    {
        int most = 0;
        foreach (AttentionSegment s in args.Segments.Segments)
        {
            most = Math.Max(most, s.Queries);
        }

        return most * (args.Q.Shape[1] / args.K.Shape[1]) <= 16 ? 16 : 32;
    }

    /// <summary>Bytes of scratch memory: a result and its logarithm for every row of every block, where any share their rows.</summary>
    internal static long DecodeBytes(in AttentionArgs args, int items, int parts) =>
        parts == 0 ? 0 : (long)items * args.K.Shape[1] * DecodeRows(args) * (args.K.Shape[2] + 1) * sizeof(float);

    private void Decode(in AttentionArgs args)
    {
        var shape = AttentionShape.Of(args);
        const int Step = 64;
        int group = shape.H / shape.K, rows = DecodeRows(args);
        FlashWork.List work = WorkOf(args).Splits(args.Segments, shape.T, group, rows);
        long blocks = (long)work.Count * shape.K;
        nint partial = _partials.Take(DecodeBytes(args, work.Count, work.Parts));
        var parameters = new DecodeParams
        {
            Q = Ptr(args.Q),
            K = Ptr(args.K),
            V = Ptr(args.V),
            Result = Ptr(args.Out),
            Lse = PtrOrNull(args.Lse),
            Partial = partial,
            PartialLse = partial + (nint)(blocks * rows * shape.D * sizeof(float)),
            Work = work.Address,
            Mask = PtrOrNull(args.KeyMask),
            Heads = shape.H,
            KvHeads = shape.K,
            Causal = args.Segments.Causal ? 1 : 0,
            Window = args.Segments.Window ?? 0,
            Scale = args.Scale,
        };
        var name = new KernelName("Decode", "decode", FormattableString.Invariant(
            $"D={shape.D} MT={rows / 16} X={TypeName(args.Q.DType)} Y={TypeName(args.Out.DType)} W={TypeName(args.K.DType)}"));
        Launch(name, FlashLaunch(blocks, (rows + (4 * Step)) * RowBytes(shape.D)), parameters);
        if (work.Parts > 0)
        {
            const int RowsPerCombine = 4;
            Launch(name with { Kernel = "decode_combine" }, new LaunchShape(checked((uint)blocks), (uint)(rows / RowsPerCombine), 1, FlashThreads, 0), parameters);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct DecodeParams
    {
        public nint Q, K, V, Result, Lse, Partial, PartialLse, Work, Mask;
        public int Heads, KvHeads, Causal, Window;
        public float Scale;
    }
}
