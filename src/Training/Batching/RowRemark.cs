using Lorikeet.Data.Augment;
using Lorikeet.Imaging;
using Lorikeet.Models;

namespace Lorikeet.Training.Batching;

/// <summary>What was done to a row that could not be used as it is.</summary>
public enum RowAction
{
    /// <summary>Left out: it, or one of its pictures, is unusable.</summary>
    Skipped,

    /// <summary>Left out: it is longer than data.max_length.</summary>
    Dropped,

    /// <summary>Used with smaller pictures: it was longer than data.max_length.</summary>
    Downscaled,
}

/// <summary>A row that was left out or changed.</summary>
/// <param name="Row">0-based number in the data set.</param>
/// <param name="Origin">Where it stands, <c>file:line</c>.</param>
/// <param name="Action">What was done to it.</param>
/// <param name="Reason">Why.</param>
public sealed record RowRemark(long Row, string Origin, RowAction Action, string Reason);

/// <summary>A sample as training takes it, or why there is none.</summary>
/// <param name="Sample">The sample; null if the row is left out.</param>
/// <param name="Remark">What was done to the row; null if nothing.</param>
/// <param name="Augmented">What was changed at random; null without augmentation.</param>
public sealed record LoadedSample(EncodedSample? Sample, RowRemark? Remark, AugmentCounts? Augmented = null)
{
    /// <summary>Sizes of its pictures, and of the frames of its videos, before the model's processing, in pixels and in the order of the text.</summary>
    public IReadOnlyList<PixelSize> Sizes { get; init; } = [];
}

/// <summary>A batch of the rows that could be used.</summary>
/// <param name="Input">The batch; null if every row was left out.</param>
/// <param name="Images">Pictures in it.</param>
/// <param name="Remarks">Rows left out or changed, in the batch's order.</param>
/// <param name="Augmented">What was changed at random.</param>
public sealed record LoadedBatch(ModelInput? Input, int Images, IReadOnlyList<RowRemark> Remarks, AugmentCounts Augmented);
