namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Packs rows of Q, dOut (heads of one group as rows) and of K, V (one key head, visible keys) into panels. Rows that are not
/// evenly spaced in memory are gathered first.
/// </summary>
internal unsafe struct OperandPacker(KernelSet kernels, PanelFormat format, FlashArgs args, float* staging)
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

        for (int i = 0; i < count;)
        {
            // The heads of a group lie side by side.
            int row = first + i, query = row / G, head = row - (query * G), run = Math.Min(G - head, count - i);
            Copy(start + ((plan.QueryStart + query) * stride) + ((nint)head * D), staging + ((nint)i * D), run * D);
            i += run;
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
            Copy(start + (plan.Index[first + i] * stride), staging + ((nint)i * D), D);
        }

        return new MatrixView(staging, D);
    }

    /// <summary>Panels of <paramref name="width"/> rows each, contraction along D; <see cref="RowPacking512.Slack"/> floats behind them may be overwritten.</summary>
    public readonly void AlongWidth(in MatrixView rows, int count, int width, float* panels)
    {
        if (RowPacking512.Supports(kernels, width, args.Width))
        {
            RowPacking512.AlongColumns(rows, count, args.Width, format, panels);
            return;
        }

        nint panel = width * kernels.Elements(args.Width);
        for (int i = 0; i < count; i += width, panels += panel)
        {
            kernels.Pack(DType.F32, true, rows, i, Math.Min(width, count - i), 0, args.Width, panels, width);
        }
    }

    /// <summary>Panels of <paramref name="width"/> columns of D each, contraction along the rows; panels lie <paramref name="stride"/> apart, with <see cref="RowPacking512.Slack"/> floats between them.</summary>
    public readonly void AcrossRows(in MatrixView rows, int count, int width, float* panels, nint stride)
    {
        if (RowPacking512.Supports(kernels, width, args.Width))
        {
            RowPacking512.AcrossRows(rows, count, args.Width, format, panels, stride);
            return;
        }

        for (int i = 0; i < args.Width; i += width, panels += stride)
        {
            kernels.Pack(DType.F32, false, rows, i, Math.Min(width, args.Width - i), 0, count, panels, width);
        }
    }

    /// <summary>One panel of rows of a [rows, columns] matrix in scratch memory, contraction along the columns.</summary>
    public readonly void AlongColumns(float* x, int first, int count, int columns, int width, float* panel)
    {
        var rows = new MatrixView(x + ((nint)first * columns), columns);
        if (RowPacking512.Supports(kernels, width, columns))
        {
            RowPacking512.AlongColumns(rows, count, columns, format, panel);
        }
        else
        {
            kernels.Pack(DType.F32, true, rows, 0, count, 0, columns, panel, width);
        }
    }

    private static void Copy(float* from, float* to, int floats) =>
        new ReadOnlySpan<float>(from, floats).CopyTo(new Span<float>(to, floats));
}
