namespace Lorikeet.Training.Planning;

/// <summary>The allocator's account at its highest point, bytes: what <see cref="MemoryReport.AtPeak"/> will say of the real run.</summary>
public sealed record PlannedBytes
{
    /// <summary>What the run does at that moment.</summary>
    public required string PeakIn { get; init; }

    /// <summary>Frozen weights that are read in place from their files.</summary>
    public required long MappedWeights { get; init; }

    /// <summary>Frozen weights that are copied to the device.</summary>
    public required long LoadedWeights { get; init; }

    /// <summary>Adapters, and f32 copies of tensors that train.</summary>
    public required long Trained { get; init; }

    /// <summary>Gradients of what trains.</summary>
    public required long Gradients { get; init; }

    /// <summary>The most bytes of gradients at any time: the highest point may lie before the backward pass.</summary>
    public required long MostGradients { get; init; }

    /// <summary>State of the optimizer.</summary>
    public required long Optimizer { get; init; }

    /// <summary>Activations, their gradients, and inputs.</summary>
    public required long Activations { get; init; }

    /// <summary>Scratch memory of kernels.</summary>
    public required long Workspace { get; init; }

    /// <summary>Bytes that the allocator holds from the device, free blocks included. Mapped files are not among them.</summary>
    public required long Reserved { get; init; }

    /// <summary>All weights, as the account counts them.</summary>
    public long Weights => MappedWeights + LoadedWeights + Trained;

    /// <summary>The account's total.</summary>
    public long Total => Weights + Gradients + Optimizer + Activations + Workspace;

    /// <summary>What the allocator holds beyond what is live: free blocks between others.</summary>
    public long Slack => Math.Max(0, Reserved - (Total - MappedWeights));
}
