namespace Lorikeet.Tensors.Cpu;

/// <summary>Scratch memory of a <see cref="DecodeUnit"/>. A group is four rows; statistics have 16 lanes, lane 4 key + row.</summary>
internal unsafe struct DecodeScratch
{
    /// <summary>Keys of a step.</summary>
    public const int StepKeys = 32;

    private const int Lanes = 16;

    /// <summary>Scaled queries, [key head][group][D / 16][row][16].</summary>
    public float* Queries;

    /// <summary>Results so far, [key head][group][row][D].</summary>
    public float* Results;

    /// <summary>Scores of a step, [key][row].</summary>
    public float* Scores;

    /// <summary>Largest score so far, [key head][group][16].</summary>
    public float* Maximum;

    /// <summary>Sum of exponentials so far, [key head][group][16], to be added over the lanes of a row.</summary>
    public float* Sum;

    /// <summary>Number of visible keys, [group][16].</summary>
    public float* Limits;

    /// <summary>Where the rows of a step's keys begin.</summary>
    public nint* Offsets;

    /// <summary>Groups that hold <paramref name="rows"/> rows.</summary>
    public static int Groups(int rows) => FlashShape.Blocks(rows, DecodeUnit.RowGroup);

    /// <summary>Lays the pieces out from an address, for <paramref name="rows"/> rows per key head; returns the bytes.</summary>
    public static long Layout(in FlashArgs args, int rows, nint address, out DecodeScratch x)
    {
        long groups = (long)Groups(rows) * args.KeyHeads;
        var cursor = new ScratchCursor(address);
        x.Queries = cursor.Floats(groups * DecodeUnit.RowGroup * args.Width);
        x.Results = cursor.Floats(groups * DecodeUnit.RowGroup * args.Width);
        x.Scores = cursor.Floats(StepKeys * DecodeUnit.RowGroup);
        x.Maximum = cursor.Floats(groups * Lanes);
        x.Sum = cursor.Floats(groups * Lanes);
        x.Limits = cursor.Floats(Groups(rows) * Lanes);
        x.Offsets = (nint*)cursor.Floats(2 * StepKeys);
        return cursor.Bytes;
    }
}
