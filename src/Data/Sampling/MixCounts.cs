namespace Lorikeet.Data.Sampling;

/// <summary>How long an epoch over weighted sources is. Source: <c>stopping_strategy</c> of datasets' <c>interleave_datasets</c>.</summary>
public enum StoppingStrategy
{
    /// <summary>Until every row of every source was drawn at least once; rows of the smaller sources come several times.</summary>
    AllExhausted,

    /// <summary>Until the first source has no row left that was not drawn; the larger sources give a part of their rows each epoch.</summary>
    FirstExhausted,
}

/// <summary>One source of a mix.</summary>
/// <param name="Rows">Its rows, at least one.</param>
/// <param name="Weight">Its share of the samples, relative to the other sources' weights; null for one share per row.</param>
public readonly record struct MixPart(long Rows, double? Weight);

/// <summary>How many samples of each source an epoch has: numbers, not chances.</summary>
public static class MixCounts
{
    /// <summary>
    /// Samples per epoch of each source. Without any weight, each source's rows; otherwise counts in the ratio of the weights (a missing
    /// weight is 1), rounded to the nearest and at least 1, as many as the strategy allows.
    /// </summary>
    public static long[] PerEpoch(IReadOnlyList<MixPart> parts, StoppingStrategy strategy)
    {
        ArgumentNullException.ThrowIfNull(parts);
        if (parts.Count == 1 || parts.All(p => p.Weight is null))
        {
            return [.. parts.Select(p => p.Rows)];
        }

        if (parts.FirstOrDefault(p => p.Weight is { } w && !(w > 0 && double.IsFinite(w))) is { Weight: { } bad })
        {
            throw new InvalidDataException(FormattableString.Invariant($"a source's weight is {bad}; expected a number greater than 0."));
        }

        double[] perWeight = [.. parts.Select(p => p.Rows / (p.Weight ?? 1))];
        double scale = strategy == StoppingStrategy.AllExhausted ? perWeight.Max() : perWeight.Min();
        return [.. parts.Select(p => Count(p, scale, strategy))];
    }

    private static long Count(MixPart part, double scale, StoppingStrategy strategy)
    {
        double count = Math.Max(1, Math.Round((part.Weight ?? 1) * scale));
        if (count > Array.MaxLength)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"the sources' weights ask for {count:0} samples per epoch of a source with {part.Rows} rows; expected at most {Array.MaxLength}. Bring the weights nearer to the sources' sizes."));
        }

        return strategy == StoppingStrategy.AllExhausted ? Math.Max(part.Rows, (long)count) : Math.Min(part.Rows, (long)count);
    }
}
