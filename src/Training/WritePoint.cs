namespace Lorikeet.Training;

/// <summary>Moments in the writing of a run's files. Who tests what a crash leaves behind ends the process at one of them.</summary>
public enum WritePoint
{
    /// <summary>A checkpoint is due and nothing of it is written.</summary>
    BeforeStaging,

    /// <summary>In the middle of a checkpoint's largest file.</summary>
    MidFile,

    /// <summary>All files of a checkpoint are written, but not the manifest.</summary>
    BeforeManifest,

    /// <summary>Everything is on disk under a hidden name.</summary>
    BeforeRename,

    /// <summary>The checkpoint has its name; what it replaced may still lie under a hidden one, and nobody was told.</summary>
    AfterRename,

    /// <summary>Before old checkpoints are removed.</summary>
    BeforePrune,

    /// <summary>Old checkpoints are removed.</summary>
    AfterPrune,

    /// <summary>Training is over, the result is not written.</summary>
    BeforeFinal,

    /// <summary>The trained tensors are written, not all of the files beside them.</summary>
    MidFinal,

    /// <summary>All files are written, the end is not told.</summary>
    AfterFinal,
}
