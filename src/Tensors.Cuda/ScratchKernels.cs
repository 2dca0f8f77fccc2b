using Lorikeet.Tensors.Cuda.Driver;
using Lorikeet.Tensors.Planning;

namespace Lorikeet.Tensors.Cuda;

/// <summary>
/// Computes nothing, and adds up the scratch memory that <see cref="CudaKernels"/> would hold after the same calls: what a plan cannot
/// see in the allocator's account. Never less, but for what the few tables of attention take.
/// </summary>
public sealed class ScratchKernels : DryKernels
{
    private const long Step = 1L << 20;
    private const int RowsPerChunk = 256, ElementsPerPart = 16384, MostSkinnyRows = 8;
    private readonly int _multiprocessors;
    private (AttentionSegments Segments, FlashWork.Key Key, int Parts)? _known;
    private long _left, _right, _bias, _partials, _workspace, _tables;

    /// <summary>Makes kernels for the plan of a run on a GPU with so many multiprocessors.</summary>
    public ScratchKernels(int multiprocessors)
    {
        _multiprocessors = multiprocessors;
    }

    /// <inheritdoc/>
    public override long ScratchBytes => Rounded(_left) + Rounded(_right) + Rounded(_bias) + Rounded(_partials) + Rounded(_workspace) + Rounded(_tables);

    /// <inheritdoc/>
    public override void MatMul(in MatMulArgs args)
    {
        int M = args.C.Shape.Rows;
        if (M <= MostSkinnyRows && !args.TransposeA && args.TransposeB)
        {
            Grow(ref _bias, args.Bias is null or { DType: DType.F32 } ? 0 : args.Bias.Count * sizeof(float));
            return;
        }

        DType type = args.Compute == Compute.BF16 ? DType.BF16 : DType.F32;
        Grow(ref _left, Converted(args.A, type));
        Grow(ref _right, Converted(args.B, type));
        Grow(ref _bias, args.Bias is null ? 0 : Converted(args.Bias, args.C.DType));
        Grow(ref _workspace, CublasLt.WorkspaceBytes);
    }

    /// <inheritdoc/>
    public override void SumRows(Tensor x, Tensor? z, Tensor y, bool accumulate) => Columns(x);

    /// <inheritdoc/>
    public override void Sum(Tensor x, Tensor? z, Tensor y, bool accumulate) => Grow(ref _partials, Parts(x) * sizeof(double));

    /// <inheritdoc/>
    public override void GlobalNorm(IReadOnlyList<Tensor> tensors, Tensor norm)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        Grow(ref _partials, tensors.Sum(Parts) * sizeof(double));
        Grow(ref _tables, 3L * tensors.Count * sizeof(long));
    }

    /// <inheritdoc/>
    public override void RmsNormBackward(in NormGrad args) => NormBackward(args);

    /// <inheritdoc/>
    public override void LayerNormBackward(in NormGrad args) => NormBackward(args);

    /// <inheritdoc/>
    public override void Attention(in AttentionArgs args)
    {
        if (!CudaKernels.FlashFits(args))
        {
            return;
        }

        if (CudaKernels.HasFewQueries(args))
        {
            int rows = CudaKernels.DecodeRows(args);
            FlashItem[] items = FlashWork.SplitTiles(args.Segments, args.Q.Shape[0], args.Q.Shape[1] / args.K.Shape[1], rows);
            Grow(ref _partials, CudaKernels.DecodeBytes(args, items.Length, items.Count(item => item.Splits > 1)));
            return;
        }

        Operands([args.Q, args.K, args.V]);
    }

    /// <inheritdoc/>
    public override void AttentionBackward(in AttentionArgs args, in AttentionGrad grad)
    {
        if (!CudaKernels.FlashFits(args))
        {
            Grow(ref _partials, (long)args.Q.Shape[0] * args.Q.Shape[1] * sizeof(float));
            return;
        }

        Operands([args.Q, args.K, args.V, grad.DOut]);
        FlashWork.Key key = FlashKeyTiles.KeyOf(args, _multiprocessors);
        if (_known is not { } known || !ReferenceEquals(known.Segments, args.Segments) || known.Key != key)
        {
            // All layers of a batch share their segments.
            known = (args.Segments, key, FlashKeyTiles.Of(args.Segments, key).Count(item => item.Splits > 1));
            _known = known;
        }

        (long stats, long sums) = FlashKeyTiles.ScratchBytes(args, key, known.Parts);
        Grow(ref _partials, stats + sums);
    }

    private static long Rounded(long bytes) => (bytes + Step - 1) / Step * Step;

    private static void Grow(ref long held, long bytes) => held = Math.Max(held, bytes);

    private static long Converted(Tensor x, DType type) => x.DType == type ? 0 : x.Count * type.Size();

    private static long Parts(Tensor x) => (x.Count + ElementsPerPart - 1) / ElementsPerPart;

    // Products on tensor cores read bfloat16; what is of another type is copied, all operands side by side.
    private void Operands(ReadOnlySpan<Tensor> operands)
    {
        const long Alignment = 256;
        long bytes = 0;
        foreach (Tensor x in operands)
        {
            bytes += (Converted(x, DType.BF16) + Alignment - 1) / Alignment * Alignment;
        }

        Grow(ref _left, bytes);
    }

    private void NormBackward(in NormGrad args)
    {
        if (args.DWeight is not null || args.DBias is not null)
        {
            Columns(args.X);
        }
    }

    private void Columns(Tensor x) => Grow(ref _partials, (x.Shape.Rows + RowsPerChunk - 1L) / RowsPerChunk * x.Shape.Last * sizeof(float));
}
