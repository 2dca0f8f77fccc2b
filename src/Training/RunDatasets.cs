using Lorikeet.Data;
using Lorikeet.Data.Sampling;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>The data sets that a run file names.</summary>
public static class RunDatasets
{
    /// <summary>Opens the samples a run is evaluated on: <c>data.eval</c>, or those that <c>data.validation_split</c> holds out.</summary>
    /// <returns>The samples, or null where the run has none.</returns>
    /// <exception cref="InvalidDataException">A source is unusable.</exception>
    public static Dataset? OpenEvaluation(RunConfig config, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        DataSection data = config.Data;
        if (data.Eval is { } sources)
        {
            return Dataset.Open([.. sources.Items.Select(s => Options(data, s, null, null))], StoppingStrategy.AllExhausted, cancellation);
        }

        if (data.ValidationSplit is not { } size || data.Train is not { } train)
        {
            return null;
        }

        Dataset all = Dataset.Open([.. train.Items.Select(s => Options(data, s, data.TrainSplit, data.MaxSamples))], data.StoppingStrategy, cancellation);
        (Dataset rest, Dataset heldOut) = all.HoldOut(size, (ulong)config.Train.Seed);
        rest.Dispose();
        return heldOut;
    }

    /// <summary>A source with what it leaves out taken from the data section.</summary>
    internal static DatasetOptions Options(DataSection data, DataSource source, string? split, long? maxSamples) => new()
    {
        Path = source.Path!,
        Weight = source.Weight,
        Split = source.Split ?? split,
        MaxSamples = source.MaxSamples ?? maxSamples,
        Format = source.Format ?? data.Format,
        ImageRoot = source.ImageRoot ?? data.ImageRoot,
        Prompt = source.Prompt ?? data.Prompt,
    };
}
