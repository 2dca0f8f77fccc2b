using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    private void FlashBackward(in AttentionArgs args, in AttentionGrad grad)
    {
        var shape = AttentionShape.Of(args);
        if (args.Out.DType != grad.DOut.DType || grad.DK.DType != grad.DV.DType)
        {
            throw new NotSupportedException($"gradients of attention on a GPU: out {args.Out.DType} and its gradient {grad.DOut.DType}, dK {grad.DK.DType} and dV {grad.DV.DType} must have one type each");
        }

        int group = shape.H / shape.K, queryRows = FlashRows(args, group);
        const int Keys = 32, KeysOfWarps = 64;
        FlashWork.Key key = FlashKeyTiles.KeyOf(args, _device.Multiprocessors);
        FlashWork.List queries = WorkOf(args).Queries(args.Segments, shape.T, group, queryRows), keys = WorkOf(args).Keys(args.Segments, key);
        (long stats, long sums) = FlashKeyTiles.ScratchBytes(args, key, keys.Parts);
        nint scratch = _partials.Take(stats + sums);
        Span<nint> operands = stackalloc nint[4];
        RoundedOperands([args.Q, args.K, args.V, grad.DOut], operands);
        var parameters = new FlashBackwardParams
        {
            Q = operands[0],
            K = operands[1],
            V = operands[2],
            DOut = operands[3],
            Out = Ptr(args.Out),
            DOutGiven = Ptr(grad.DOut),
            Lse = Ptr(args.Lse!),
            Stats = scratch,
            Partial = scratch + (nint)stats,
            DQ = Ptr(grad.DQ),
            DK = Ptr(grad.DK),
            DV = Ptr(grad.DV),
            Work = queries.Address,
            Mask = PtrOrNull(args.KeyMask),
            Rows = shape.T,
            Heads = shape.H,
            KvHeads = shape.K,
            Causal = args.Segments.Causal ? 1 : 0,
            Window = args.Segments.Window ?? 0,
            Scale = args.Scale,
        };
        var name = new KernelName("FlashBackward", "flash_stats", FormattableString.Invariant(
            $"D={shape.D} MT={queryRows / 64} BN={Keys} KT={key.Rows / KeysOfWarps} BQ={FlashKeyTiles.Step} X={TypeName(args.Out.DType)} Y={TypeName(grad.DQ.DType)} W={TypeName(grad.DK.DType)}"));
        Launch(name, new LaunchShape(Ceil((long)shape.T * shape.H, FlashThreads / 32), FlashThreads), parameters);
        Launch(name with { Kernel = "flash_backward_queries" }, FlashLaunch(queries.Count * shape.K, ((2 * queryRows) + (3 * Keys)) * RowBytes(shape.D)), parameters);
        parameters.Work = keys.Address;
        parameters.Runs = keys.Address + (keys.Count * Unsafe.SizeOf<FlashItem>());
        Launch(name with { Kernel = "flash_backward_keys" }, FlashLaunch(keys.Count * shape.K, ((2 * key.Rows) + (4 * FlashKeyTiles.Step)) * RowBytes(shape.D)), parameters);
        if (keys.Parts > 0)
        {
            const int Quarters = 4;
            Launch(name with { Kernel = "flash_backward_combine" }, new LaunchShape(checked((uint)(keys.Count * shape.K)), Quarters, 1, FlashThreads, 0), parameters);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FlashBackwardParams
    {
        public nint Q, K, V, DOut, Out, DOutGiven, Lse, Stats, DQ, DK, DV, Work, Runs, Partial, Mask;
        public int Rows, Heads, KvHeads, Causal, Window;
        public float Scale;
    }
}
