using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <remarks>
/// Attention on tensor cores. The kernels read bfloat16; other types are rounded into scratch memory once, which costs less than
/// rounding them in every block that reads them. Rows are queries times the heads that share a key head, so keys and values are read
/// once for all of these.
/// </remarks>
public sealed unsafe partial class CudaKernels
{
    private const int WidestFlashHead = 128;
    private const int FlashThreads = 128;
    private readonly ConditionalWeakTable<AttentionSegments, FlashWork> _flashWork = [];

    /// <summary>Whether the kernels on tensor cores can do it: bfloat16 products, heads of whole 16-byte parts, a positive scale.</summary>
    internal static bool FlashFits(in AttentionArgs args)
    {
        int D = args.Q.Shape[2];
        return args.Compute == Compute.BF16 && D % 8 == 0 && D <= WidestFlashHead && args.Scale > 0;
    }

    private void FlashForward(in AttentionArgs args)
    {
        var shape = AttentionShape.Of(args);
        const int Keys = 64;
        int group = shape.H / shape.K, rows = FlashRows(args, group);
        FlashWork.List work = WorkOf(args).Queries(args.Segments, shape.T, group, rows);
        Span<nint> operands = stackalloc nint[3];
        RoundedOperands([args.Q, args.K, args.V], operands);
        var parameters = new FlashParams
        {
            Q = operands[0],
            K = operands[1],
            V = operands[2],
            Result = Ptr(args.Out),
            Lse = PtrOrNull(args.Lse),
            Work = work.Address,
            Mask = PtrOrNull(args.KeyMask),
            Heads = shape.H,
            KvHeads = shape.K,
            Causal = args.Segments.Causal ? 1 : 0,
            Window = args.Segments.Window ?? 0,
            Scale = args.Scale,
        };
        var name = new KernelName("FlashAttention", "flash_attention", FormattableString.Invariant($"D={shape.D} MT={rows / 64} BN={Keys} Y={TypeName(args.Out.DType)}"));
        Launch(name, FlashLaunch(work.Count * shape.K, (rows + (2 * Keys)) * RowBytes(shape.D)), parameters);
    }

    /// <summary>Rows of a block: 128, or 64 where no run has more, as in the windows of vision towers.</summary>
    private int FlashRows(in AttentionArgs args, int group) => WorkOf(args).MostQueries * group <= 64 ? 64 : 128;

    /// <summary>Bytes of a row of a tile in shared memory: whole sixteens of columns, and eight more.</summary>
    private static int RowBytes(int D) => (((D + 15) / 16 * 16) + 8) * sizeof(ushort);

    private static LaunchShape FlashLaunch(long blocks, int sharedBytes) => new(checked((uint)blocks), 1, 1, FlashThreads, (uint)sharedBytes);

    private FlashWork WorkOf(in AttentionArgs args) => _flashWork.GetValue(args.Segments, segments => new FlashWork(_pool, segments));

    /// <summary>Operands in bfloat16 at multiples of 16 bytes: themselves, or copies in scratch memory.</summary>
    private void RoundedOperands(ReadOnlySpan<Tensor> operands, Span<nint> addresses)
    {
        const int Alignment = 256;
        long bytes = 0;
        foreach (Tensor x in operands)
        {
            bytes += IsDirect(x) ? 0 : Ceil(x.Count * sizeof(ushort), Alignment) * Alignment;
        }

        nint copy = bytes == 0 ? 0 : _left.Take(bytes);
        for (int i = 0; i < operands.Length; i++)
        {
            Tensor x = operands[i];
            addresses[i] = Ptr(x);
            if (!IsDirect(x))
            {
                Convert(Ptr(x), x.DType, copy, DType.BF16, x.Count);
                addresses[i] = copy;
                copy += (nint)(Ceil(x.Count * sizeof(ushort), Alignment) * Alignment);
            }
        }

        bool IsDirect(Tensor x) => x.DType == DType.BF16 && (Ptr(x) & 15) == 0;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct FlashParams
    {
        public nint Q, K, V, Result, Lse, Work, Mask;
        public int Heads, KvHeads, Causal, Window;
        public float Scale;
    }
}
