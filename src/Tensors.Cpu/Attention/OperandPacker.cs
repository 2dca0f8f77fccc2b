namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Packs rows of Q, dOut (heads of one group as rows) and of K, V (one key head, visible keys) into panels. Rows that are not
/// evenly spaced in memory are gathered first.
/// </summary>
internal unsafe struct OperandPacker(KernelSet kernels, FlashArgs args, float* staging)
{
    /// <summary>A [count, D] matrix of consecutive rows (query, head) of a [T, H, D] array.</summary>
    public readonly MatrixView QueryRows(float* x, in SegmentPlan plan, int keyHead, int first, int count)
    {
        int G = args.Group, D = args.Width;
        nint stride = (nint)args.Heads * D;
        float* start = x + ((nint)keyHead * G * D);
        if (G == 1)
        {
            return new MatrixView(start + ((plan.QueryStart + first) * stride), stride);
        }

        for (int i = 0; i < count; i++)
        {
            int row = first + i;
            float* from = start + ((plan.QueryStart + (row / G)) * stride) + ((nint)(row % G) * D);
            Copy(from, staging + ((nint)i * D));
        }

        return new MatrixView(staging, D);
    }

    /// <summary>A [count, D] matrix of consecutive visible keys of a [S, K, D] array.</summary>
    public readonly MatrixView KeyRows(float* x, in SegmentPlan plan, int keyHead, int first, int count)
    {
        int D = args.Width;
        nint stride = (nint)args.KeyHeads * D;
        float* start = x + ((nint)keyHead * D);
        if (plan.Index == null || plan.Index[first + count - 1] - plan.Index[first] == count - 1)
        {
            return new MatrixView(start + (plan.KeyRow(first) * stride), stride);
        }

        for (int i = 0; i < count; i++)
        {
            Copy(start + (plan.Index[first + i] * stride), staging + ((nint)i * D));
        }

        return new MatrixView(staging, D);
    }

    /// <summary>Panels of <paramref name="width"/> rows each, contraction along D.</summary>
    public readonly void AlongWidth(in MatrixView rows, int count, int width, float* panels)
    {
        nint panel = width * kernels.Elements(args.Width);
        for (int i = 0; i < count; i += width, panels += panel)
        {
            kernels.Pack(DType.F32, true, rows, i, Math.Min(width, count - i), 0, args.Width, panels, width);
        }
    }

    /// <summary>Panels of <paramref name="width"/> columns of D each, contraction along the rows; panels lie <paramref name="stride"/> apart.</summary>
    public readonly void AcrossRows(in MatrixView rows, int count, int width, float* panels, nint stride)
    {
        for (int i = 0; i < args.Width; i += width, panels += stride)
        {
            kernels.Pack(DType.F32, false, rows, i, Math.Min(width, args.Width - i), 0, count, panels, width);
        }
    }

    private readonly void Copy(float* from, float* to) =>
        new ReadOnlySpan<float>(from, args.Width).CopyTo(new Span<float>(to, args.Width));
}
