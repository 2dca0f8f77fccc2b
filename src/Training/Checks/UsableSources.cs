using Lorikeet.Models;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Checks;

/// <summary>Opens each source of a run alone, so that one that cannot be opened does not hide the others.</summary>
internal static class UsableSources
{
    /// <summary>The run with the sources that can be opened; each of the others is a finding. Training or evaluation data may be left without any.</summary>
    public static RunConfig Of(RunConfig config, Processor processor, FindingList findings, CancellationToken cancellation)
    {
        DataSection data = config.Data;
        DataSources? Usable(DataSources? sources, DataSection alone) => sources is null ? null : Pick(
            [.. sources.Items.Where(source => Opens(config with { Data = alone with { Train = DataSources.Of([source]), Eval = null, ValidationSplit = null } }, source, processor, findings, cancellation))]);

        return config with { Data = data with { Train = Usable(data.Train, data), Eval = Usable(data.Eval, data with { TrainSplit = null, MaxSamples = null }) } };
    }

    private static DataSources? Pick(IReadOnlyList<DataSource> sources) => sources.Count == 0 ? null : DataSources.Of(sources);

    private static bool Opens(RunConfig alone, DataSource source, Processor processor, FindingList findings, CancellationToken cancellation)
    {
        try
        {
            using var data = new RunData(alone, processor);
            data.OpenTrainingSamples(cancellation);
            return true;
        }
        catch (InvalidDataException e)
        {
            findings.Add([Finding.Of(FindingKind.UnusableFile, source.Path ?? "data.train", e.Message)]);
            return false;
        }
    }
}
