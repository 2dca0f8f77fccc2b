using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    private const int MostDecodeQueries = 8;

    /// <summary>Whether every run has few queries, and all operands can be read as they are.</summary>
    private bool IsDecoding(in AttentionArgs args) =>
        WorkOf(args).MostQueries <= MostDecodeQueries && args.K.DType == args.V.DType && ((Ptr(args.Q) | Ptr(args.K) | Ptr(args.V)) & 15) == 0;

    private void Decode(in AttentionArgs args)
    {
        var shape = AttentionShape.Of(args);
        int group = shape.H / shape.K;
        const int Step = 64;
        int rows = WorkOf(args).MostQueries * group <= 16 ? 16 : 32;
        FlashWork.List work = WorkOf(args).Splits(args.Segments, shape.T, group, rows);
        long blocks = (long)work.Count * shape.K, results = work.Parts > 0 ? blocks * rows : 0;
        nint partial = _partials.Take(results * (shape.D + 1) * sizeof(float));
        var parameters = new DecodeParams
        {
            Q = Ptr(args.Q),
            K = Ptr(args.K),
            V = Ptr(args.V),
            Result = Ptr(args.Out),
            Lse = PtrOrNull(args.Lse),
            Partial = partial,
            PartialLse = partial + (nint)(results * shape.D * sizeof(float)),
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
