namespace Lorikeet.Tensors.Cpu;

/// <summary>What the items of a forward pass share.</summary>
internal unsafe struct ForwardJob
{
    /// <summary>The call.</summary>
    public FlashArgs Args;

    /// <summary>Kernels of the wanted arithmetic.</summary>
    public KernelSet Kernels;

    /// <summary>f32 kernels, whose packing also transposes.</summary>
    public KernelSet Transposer;

    /// <summary>The segments.</summary>
    public SegmentPlan* Plans;

    /// <summary>Number of segments.</summary>
    public int PlanCount;

    /// <summary>Scale of the scores times log2(e): all exponentials are powers of two.</summary>
    public float Scale2;

    /// <summary>Format of the panels of exponentials.</summary>
    public PanelFormat Format;

    /// <summary>Unnormalised results [partial row, D] of segments whose keys are split.</summary>
    public float* Partial;

    /// <summary>Maximum (base 2) and sum per partial row.</summary>
    public float* PartialStatistics;

    /// <summary>Memory of the items.</summary>
    public ScratchPool Scratch;

    /// <summary>Bytes of it per item.</summary>
    public long ScratchBytes;
}

/// <summary>Scratch memory of a forward item.</summary>
internal unsafe struct ForwardScratch
{
    /// <summary>Q, panels of rows, along D.</summary>
    public float* Queries;

    /// <summary>K, panels of keys, along D.</summary>
    public float* Keys;

    /// <summary>V, panels of D, along the keys.</summary>
    public float* Values;

    /// <summary>Scores of a panel of rows, then its exponentials.</summary>
    public float* Scores;

    /// <summary>Results transposed, [panel of rows][D][rows].</summary>
    public float* Results;

    /// <summary>Per row: largest score so far.</summary>
    public float* Maximum;

    /// <summary>Per row: sum of exponentials so far.</summary>
    public float* Sum;

    /// <summary>Per row: number of visible keys.</summary>
    public float* Limits;

    /// <summary>Per row: the first visible key; filled where there is a window.</summary>
    public float* Starts;

    /// <summary>Gathered rows, and finished ones.</summary>
    public float* Staging;

    /// <summary>Floats from one panel of <see cref="Values"/> to the next.</summary>
    public static nint ValueStride(KernelSet kernels) => (kernels.Rows * kernels.Elements(FlashShape.ForwardKeys)) + RowPacking512.Slack;

    /// <summary>Lays the pieces out from an address; returns the bytes.</summary>
    public static long Layout(in ForwardJob job, nint address, out ForwardScratch x)
    {
        KernelSet kernels = job.Kernels;
        int rows = FlashShape.RoundUp(FlashShape.ForwardRows, kernels.Columns), keys = FlashShape.RoundUp(FlashShape.ForwardKeys, kernels.Rows);
        long tall = FlashShape.RoundUp(job.Args.Width, kernels.Rows), depth = kernels.Elements(job.Args.Width);
        var cursor = new ScratchCursor(address);
        x.Queries = cursor.Floats(rows * depth);
        x.Keys = cursor.Floats((keys * depth) + RowPacking512.Slack);
        x.Values = cursor.Floats(tall / kernels.Rows * ValueStride(kernels));
        x.Scores = cursor.Floats((long)keys * kernels.Columns);
        x.Results = cursor.Floats(rows * tall);
        x.Maximum = cursor.Floats(rows);
        x.Sum = cursor.Floats(rows);
        x.Limits = cursor.Floats(rows);
        x.Starts = cursor.Floats(rows);
        x.Staging = cursor.Floats(Math.Max(FlashShape.ForwardKeys, kernels.Columns) * tall);
        return cursor.Bytes;
    }
}
