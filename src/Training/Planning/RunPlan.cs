namespace Lorikeet.Training.Planning;

/// <summary>What a run will need, before anything is loaded.</summary>
public sealed record RunPlan
{
    /// <summary>The allocator's account at its highest point.</summary>
    public required PlannedBytes Account { get; init; }

    /// <summary>What the process needs besides.</summary>
    public required PlannedProcess Process { get; init; }

    /// <summary>What will be trained.</summary>
    public required PlannedTraining Training { get; init; }

    /// <summary>The data.</summary>
    public required PlannedData Data { get; init; }

    /// <summary>What the user should know, one sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    /// <summary>Whether the device has memory of its own, which <see cref="Total"/> is about; else all memory is the host's.</summary>
    public required bool IsApart { get; init; }

    /// <summary>Bytes of the device that the run is expected to need at most: the account, and what is held beside it there.</summary>
    public long Total => Account.Total + Account.Slack + (IsApart ? Process.Kernels : Process.Total);

    /// <summary>Bytes of the host's memory that a run on a device of its own is expected to need at most; 0 where all memory is the host's.</summary>
    public long HostTotal => IsApart ? Process.Total - Process.Kernels : 0;
}

/// <summary>What the process holds beside the allocator's account, bytes. Estimates.</summary>
public sealed record PlannedProcess
{
    /// <summary>The runtime, the tokenizer and the data's index: what the planning process itself holds.</summary>
    public required long Program { get; init; }

    /// <summary>Batches that are read ahead, with their pixels, and the pictures being decoded.</summary>
    public required long ReadAhead { get; init; }

    /// <summary>Scratch memory of kernels that the account doesn't hold: the most that attention's backward pass and packed panels take.</summary>
    public required long Kernels { get; init; }

    /// <summary>Copies on the host while a checkpoint is written.</summary>
    public required long Saving { get; init; }

    /// <summary>All together.</summary>
    public long Total => Program + ReadAhead + Kernels + Saving;
}

/// <summary>What a run trains and for how long.</summary>
public sealed record PlannedTraining
{
    /// <summary>Module paths of the adapted layers, or names of the tensors that train.</summary>
    public required IReadOnlyList<string> Modules { get; init; }

    /// <summary>Whether <see cref="Modules"/> are adapted layers, as opposed to tensors of the model itself.</summary>
    public required bool HasAdapters { get; init; }

    /// <summary>Values that train.</summary>
    public required long Parameters { get; init; }

    /// <summary>Values of the model.</summary>
    public required long ModelParameters { get; init; }

    /// <summary>Arithmetic of matrix products: bfloat16 or float32.</summary>
    public required string Compute { get; init; }

    /// <summary>Optimizer steps of an epoch.</summary>
    public required int StepsPerEpoch { get; init; }

    /// <summary>Optimizer steps of the run.</summary>
    public required int Steps { get; init; }

    /// <summary>Floating-point operations of an average sample, forward and backward; what is computed again included.</summary>
    public required double FlopsPerSample { get; init; }

    /// <summary>Samples that the run consumes.</summary>
    public required long Samples { get; init; }
}

/// <summary>What a plan found in the data.</summary>
public sealed record PlannedData
{
    /// <summary>Rows of the training data.</summary>
    public required long Rows { get; init; }

    /// <summary>Rows that were looked at.</summary>
    public required int Looked { get; init; }

    /// <summary>Tokens of an epoch; estimated where not every row was looked at.</summary>
    public required long Tokens { get; init; }

    /// <summary>Of them, tokens that stand for pictures.</summary>
    public required long ImageTokens { get; init; }

    /// <summary>Of them, tokens that carry loss.</summary>
    public required long Supervised { get; init; }

    /// <summary>Patches that the vision tower computes on in an epoch.</summary>
    public required long Patches { get; init; }

    /// <summary>The sample that costs most.</summary>
    public required PlannedSample Costliest { get; init; }

    /// <summary>Rows that the run would refuse, and the message about the first.</summary>
    public required (int Count, string? First) Refused { get; init; }
}

/// <summary>A change of the run file that makes a run smaller.</summary>
/// <param name="Setting">What to write, as it is given on the command line.</param>
/// <param name="Effect">What it does to the training, in words.</param>
/// <param name="Total">Bytes of the run so changed, planned like the run itself.</param>
/// <param name="Fits">Whether that is within the budget.</param>
public sealed record PlannedChange(string Setting, string Effect, long Total, bool Fits);
