using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Export;

/// <summary>What a merge changed and how well it kept the adapted model's answers.</summary>
/// <param name="MergedLayers">Linear layers whose matrix changed.</param>
/// <param name="MaxDifference">Largest difference of a logit between the adapted and the merged model.</param>
/// <param name="LargestLogit">Largest absolute logit of the adapted model.</param>
/// <param name="MaxChange">Largest difference of a logit between the base and the adapted model: zero means the adapter does nothing.</param>
/// <param name="SameTokens">Share of positions whose likeliest token is the same.</param>
public sealed record MergeReport(int MergedLayers, double MaxDifference, double LargestLogit, double MaxChange, double SameTokens)
{
    /// <summary>The difference relative to the largest logit.</summary>
    public double Relative => LargestLogit == 0 ? 0 : MaxDifference / LargestLogit;
}

/// <summary>Folds an adapter into its base and writes a model directory that needs no adapter.</summary>
public static class AdapterMerge
{
    /// <summary>Largest relative difference that a merge into f32 may show.</summary>
    public const double ExactTolerance = 1e-3;

    /// <summary>Writes the merged model; the directory appears whole or not at all, and only after its logits were compared.</summary>
    /// <param name="loaded">The base with the adapter attached.</param>
    /// <param name="adapter">The adapter.</param>
    /// <param name="target">A directory that doesn't exist or is empty.</param>
    /// <param name="parameters">Where tensors live.</param>
    /// <param name="options">Element type and probe.</param>
    /// <exception cref="InvalidDataException">The target is used, or the merged model answers differently.</exception>
    public static MergeReport Run(LoadedModel loaded, AdapterSet adapter, string target, Parameters parameters, MergeOptions options)
    {
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new InvalidDataException($"{target}: is not empty; name a directory that doesn't exist yet");
        }

        ModelInput probe = loaded.Processor.Collate([options.Probe]);
        float[] adapted = Logits(loaded, probe, parameters);
        adapter.Disable(true);
        float[] plain = Logits(loaded, probe, parameters);
        adapter.Disable(false);
        var merged = adapter.Adapters.ToDictionary(a => ((DenseWeight)a.Layer.Weight).Param, a => a);
        using AtomicDirectory directory = AtomicDirectory.Create(target);
        ModelWriter.Write(directory.StagingPath, loaded, options.DType, param => merged.TryGetValue(param, out (Linear Layer, IAdapter Adapter) a) ? Merged(a.Adapter, a.Layer, parameters) : null, options.Names);
        float[] after;
        using (LoadedModel written = ModelCatalog.Load(ModelDirectory.Open(directory.StagingPath), parameters))
        {
            after = Logits(written, probe, parameters);
        }

        MergeReport report = Compare(adapter.Adapters.Count, plain, adapted, after, loaded.Model.VocabularySize);
        double tolerance = options.Tolerance ?? (WritesF32(loaded, options) ? ExactTolerance : 0.1);
        if (!(report.Relative <= tolerance))
        {
            throw new InvalidDataException($"merge: the merged model's logits differ from the adapted model's by {report.Relative:G3} of the largest logit, more than {tolerance:G3}; nothing was written. Write with --dtype float32, or allow more with --tolerance.");
        }

        if (Directory.Exists(target))
        {
            Directory.Delete(target);
        }

        directory.Commit();
        return report;
    }

    private static bool WritesF32(LoadedModel loaded, MergeOptions options) =>
        options.DType == SafeDType.F32 || (options.DType is null && loaded.Model.Parts.Params.All(p => p.StoredDType == DType.F32));

    private static float[] Merged(IAdapter adapter, Linear layer, Parameters parameters)
    {
        using var scope = new StepScope(parameters.Device, parameters.Arena, record: false);
        return adapter.MergedWeight(scope, layer).ToHost<float>();
    }

    private static float[] Logits(LoadedModel loaded, ModelInput probe, Parameters parameters)
    {
        using var scope = new StepScope(parameters.Device, parameters.Arena, record: false);
        return loaded.Model.LmHead.Forward(scope, loaded.Model.Hidden(scope, probe)).ToHost<float>();
    }

    private static MergeReport Compare(int layers, float[] plain, float[] adapted, float[] after, int V)
    {
        double difference = 0, change = 0, largest = 0;
        for (int i = 0; i < adapted.Length; i++)
        {
            double d = Math.Abs((double)adapted[i] - after[i]);
            difference = double.IsNaN(d) ? double.PositiveInfinity : Math.Max(difference, d);
            change = Math.Max(change, Math.Abs((double)adapted[i] - plain[i]));
            largest = Math.Max(largest, Math.Abs(adapted[i]));
        }

        int rows = adapted.Length / V;
        int same = Enumerable.Range(0, rows).Count(r => Best(adapted, r, V) == Best(after, r, V));
        return new MergeReport(layers, difference, largest, change, (double)same / rows);
    }

    private static int Best(float[] logits, int row, int V)
    {
        int best = 0;
        for (int i = 1; i < V; i++)
        {
            best = logits[(row * V) + i] > logits[(row * V) + best] ? i : best;
        }

        return best;
    }
}

/// <summary>How a merge writes and checks.</summary>
/// <param name="DType">Element type of all weights; null keeps the base's.</param>
/// <param name="Probe">A sample whose logits are compared.</param>
/// <param name="Tolerance">Largest allowed relative difference; null: 1e-3 into f32, 0.1 into 16 bits.</param>
public sealed record MergeOptions(SafeDType? DType, EncodedSample Probe, double? Tolerance)
{
    /// <summary>How the tensors are called.</summary>
    public WeightNames Names { get; init; }
}
