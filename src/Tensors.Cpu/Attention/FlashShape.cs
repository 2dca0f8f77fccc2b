namespace Lorikeet.Tensors.Cpu;

/// <summary>How attention is cut into work: by shape alone, so that results do not depend on the number of threads.</summary>
internal static class FlashShape
{
    /// <summary>Most rows of a forward item: enough to make packing keys and values cheap, few enough to stay in the L2 cache.</summary>
    public const int ForwardRows = 384;

    /// <summary>Most rows where larger blocks would leave fewer items than <see cref="GoodItems"/> per segment.</summary>
    public const int ForwardFewRows = 192;

    /// <summary>Items of a segment from which on larger blocks are worth more than more items.</summary>
    public const int GoodItems = 24;

    /// <summary>A multiple of all panel widths.</summary>
    private const int PanelRows = 32;

    /// <summary>Keys of a forward step; a panel's scores (24 KiB) and its queries fit the L1 cache. A multiple of all tile heights.</summary>
    public const int ForwardKeys = 192;

    /// <summary>Where there would be fewer items than this (of a segment forward, of a call backward), keys are cut smaller.</summary>
    public const int FewItems = 12;

    /// <summary>Keys per piece of a segment whose keys are cut in the forward pass.</summary>
    public const int ChunkKeys = 512;

    /// <summary>Segments with at most so many rows per key head are not worth packing keys for.</summary>
    public const int DirectRows = 48;

    /// <summary>Rows of a step of the backward pass. A multiple of all tile heights, and even.</summary>
    public const int BackwardRows = 96;

    /// <summary>Keys of a step of the backward pass. A multiple of all panel widths.</summary>
    public const int BackwardKeys = 256;

    /// <summary>Keys of an item of the backward pass where there are few.</summary>
    public const int BackwardFewKeys = 128;

    /// <summary>Memory for dQ per block of keys; beyond it, items take several blocks of keys.</summary>
    public const long PartialBytes = 64L << 20;

    /// <summary>Keys per piece of such a segment: few, so that a short context is shared out too, but partial results stay small.</summary>
    public static int DirectKeys(int rows) => rows <= 4 ? 128 : rows <= 12 ? 256 : 512;

    /// <summary>Rows of the forward items of a segment: equal blocks, in whole panels.</summary>
    public static int BlockRows(int rows, int keyHeads)
    {
        int blocks = Blocks(rows, ForwardRows);
        blocks = blocks * keyHeads < GoodItems ? Blocks(rows, ForwardFewRows) : blocks;
        return RoundUp(Blocks(rows, Math.Max(blocks, 1)), PanelRows);
    }

    /// <summary>Number of blocks of <paramref name="size"/> that hold <paramref name="x"/>.</summary>
    public static int Blocks(int x, int size) => (int)(((long)x + size - 1) / size);

    /// <summary>The smallest multiple of <paramref name="of"/> that is at least <paramref name="x"/>.</summary>
    public static int RoundUp(int x, int of) => (x + of - 1) / of * of;
}
