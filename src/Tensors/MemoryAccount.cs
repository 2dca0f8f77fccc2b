namespace Lorikeet.Tensors;

/// <summary>What a piece of device memory is for.</summary>
public enum MemoryUse
{
    /// <summary>Model weights, frozen or trained (files mapped into memory included).</summary>
    Weights,

    /// <summary>Gradients of trained parameters.</summary>
    Gradients,

    /// <summary>Optimizer state.</summary>
    Optimizer,

    /// <summary>Activations and their gradients, inputs, caches of keys and values.</summary>
    Activations,

    /// <summary>Scratch memory of kernels.</summary>
    Workspace,
}

/// <summary>Live and peak bytes by use: what a memory plan is checked against. Not thread-safe; one owner per device.</summary>
public sealed class MemoryAccount
{
    private static readonly int Uses = Enum.GetValues<MemoryUse>().Length;
    private readonly long[] _live = new long[Uses];
    private readonly long[] _peak = new long[Uses];
    private readonly long[] _atPeak = new long[Uses];

    /// <summary>All bytes in use now.</summary>
    public long Live { get; private set; }

    /// <summary>The most bytes that were in use at one time since the last <see cref="ResetPeak"/>.</summary>
    public long Peak { get; private set; }

    /// <summary>Bytes of one use in use now.</summary>
    public long LiveOf(MemoryUse use) => _live[(int)use];

    /// <summary>The most bytes of one use at one time.</summary>
    public long PeakOf(MemoryUse use) => _peak[(int)use];

    /// <summary>Bytes of one use at the moment when the total peaked: these add up to <see cref="Peak"/>.</summary>
    public long AtPeakOf(MemoryUse use) => _atPeak[(int)use];

    /// <summary>Adds (or, negative, removes) bytes.</summary>
    public void Add(MemoryUse use, long bytes)
    {
        int i = (int)use;
        _live[i] += bytes;
        Live += bytes;
        _peak[i] = Math.Max(_peak[i], _live[i]);
        if (Live > Peak)
        {
            Peak = Live;
            Array.Copy(_live, _atPeak, Uses);
        }
    }

    /// <summary>Starts measuring peaks anew from what is live now.</summary>
    public void ResetPeak()
    {
        Peak = Live;
        Array.Copy(_live, _peak, Uses);
        Array.Copy(_live, _atPeak, Uses);
    }
}
