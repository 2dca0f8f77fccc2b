namespace Lorikeet.Tensors.Cpu;

/// <summary>What the items of a backward pass share.</summary>
internal unsafe struct BackwardJob
{
    /// <summary>The call.</summary>
    public FlashArgs Args;

    /// <summary>Its gradients.</summary>
    public FlashGrad Grad;

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

    /// <summary>Sum of dOut Out per (query, head) [T, H].</summary>
    public float* Delta;

    /// <summary>dQ per chunk of keys: rows of <see cref="PartialWidth"/> floats.</summary>
    public float* Partial;

    /// <summary>First work item of this loop.</summary>
    public int FirstUnit;

    /// <summary>Whether dK and dV are added to: segments share keys.</summary>
    public bool AddKeys;

    /// <summary>Memory of the items.</summary>
    public ScratchPool Scratch;

    /// <summary>Bytes of it per item.</summary>
    public long ScratchBytes;

    /// <summary>Floats of a partial row: D rounded up to whole tiles.</summary>
    public readonly int PartialWidth => FlashShape.RoundUp(Args.Width, Kernels.Columns);

    /// <summary>The partial dQ of a block of rows for a chunk of keys.</summary>
    public readonly float* PartialRows(in SegmentPlan plan, int keyHead, int chunk, int block)
    {
        long at = plan.FirstPartial + ((((((long)keyHead * plan.Chunks) + chunk) * plan.RowBlocks) + block) * FlashShape.BackwardRows);
        return Partial + (at * PartialWidth);
    }
}

/// <summary>Scratch memory of a backward item. Panels are contracted along the dimension named.</summary>
internal unsafe struct BackwardScratch
{
    /// <summary>K, panels of keys, along D (scores).</summary>
    public float* Keys;

    /// <summary>V, panels of keys, along D (dP).</summary>
    public float* Values;

    /// <summary>K, panels of D, along the keys (dQ).</summary>
    public float* KeysAcross;

    /// <summary>dK transposed, [panel of keys][D][keys].</summary>
    public float* DKeys;

    /// <summary>dV transposed, as <see cref="DKeys"/>.</summary>
    public float* DValues;

    /// <summary>Q, panels of rows, along D (scores).</summary>
    public float* Queries;

    /// <summary>dOut, panels of rows, along D (dP).</summary>
    public float* DOut;

    /// <summary>Q, panels of D, along the rows (dK).</summary>
    public float* QueriesAcross;

    /// <summary>dOut, panels of D, along the rows (dV).</summary>
    public float* DOutAcross;

    /// <summary>Scores of a panel of keys.</summary>
    public float* S;

    /// <summary>dP, then dS, of a panel of keys.</summary>
    public float* DP;

    /// <summary>Exponentials of a panel of keys as a panel.</summary>
    public float* P;

    /// <summary>dS of a panel of keys as a panel.</summary>
    public float* DS;

    /// <summary>dS, panels of rows, along the keys (dQ).</summary>
    public float* DSAcross;

    /// <summary>Per row: log2 of the sum of exponentials.</summary>
    public float* Lse;

    /// <summary>Per row: sum of dOut Out.</summary>
    public float* Delta;

    /// <summary>Per row: number of visible keys.</summary>
    public float* Limits;

    /// <summary>Per row: the first visible key; filled where there is a window.</summary>
    public float* Starts;

    /// <summary>Gathered rows.</summary>
    public float* Staging;

    /// <summary>Floats from one panel of <see cref="QueriesAcross"/> to the next.</summary>
    public static nint RowStride(KernelSet kernels) => (kernels.Rows * kernels.Elements(FlashShape.BackwardRows)) + RowPacking512.Slack;

    /// <summary>Floats from one panel of <see cref="DSAcross"/> to the next.</summary>
    public static nint KeyStride(KernelSet kernels) => (kernels.Rows * kernels.Elements(FlashShape.BackwardKeys)) + RowPacking512.Slack;

    /// <summary>Lays the pieces out from an address; returns the bytes.</summary>
    public static long Layout(in BackwardJob job, nint address, out BackwardScratch x)
    {
        const int Rows = FlashShape.BackwardRows, KeyCount = FlashShape.BackwardKeys;
        int D = job.Args.Width, columns = job.Kernels.Columns;
        long depth = job.Kernels.Elements(D), rowDepth = job.Kernels.Elements(Rows), keyDepth = job.Kernels.Elements(KeyCount);
        long tall = FlashShape.RoundUp(D, job.Kernels.Rows), wide = FlashShape.RoundUp(D, columns);
        var cursor = new ScratchCursor(address);
        x.Keys = cursor.Floats(KeyCount * depth);
        x.Values = cursor.Floats(KeyCount * depth);
        x.KeysAcross = cursor.Floats(wide * keyDepth);
        x.DKeys = cursor.Floats(KeyCount * tall);
        x.DValues = cursor.Floats(KeyCount * tall);
        x.Queries = cursor.Floats((Rows * depth) + RowPacking512.Slack);
        x.DOut = cursor.Floats((Rows * depth) + RowPacking512.Slack);
        x.QueriesAcross = cursor.Floats(tall / job.Kernels.Rows * RowStride(job.Kernels));
        x.DOutAcross = cursor.Floats(tall / job.Kernels.Rows * RowStride(job.Kernels));
        x.S = cursor.Floats(Rows * columns);
        x.DP = cursor.Floats(Rows * columns);
        x.P = cursor.Floats(rowDepth * columns);
        x.DS = cursor.Floats(rowDepth * columns);
        x.DSAcross = cursor.Floats(Rows / job.Kernels.Rows * KeyStride(job.Kernels));
        x.Lse = cursor.Floats(Rows);
        x.Delta = cursor.Floats(Rows);
        x.Limits = cursor.Floats(Rows);
        x.Starts = cursor.Floats(Rows);
        x.Staging = cursor.Floats(KeyCount * tall);
        return cursor.Bytes;
    }
}
