using System.Globalization;
using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Cli.Parity;

/// <summary>Compares a loaded adapter with its golden: modules, logits with it, without it and merged, merged weights.</summary>
internal sealed class PeftChecks(ParityRun run, CheckId id, JsonElement golden, SafeTensorsFile expected, ComputeSession session)
{
    private const double LogitTolerance = 1e-4, WeightTolerance = 1e-5, ChangeTolerance = 1e-3;
    private const string Positions = "logits_positions", Prefix = "base_model.model.", MergedPrefix = "merged.";
    private readonly HashSet<string> _unknown = [.. expected.Tensors.Keys];

    private DumpFile? TensorDump => run.DumpOf("peft", id.Family, id.Case, "expected.safetensors");

    /// <summary>Runs all checks; the adapter is merged into the model afterwards.</summary>
    public void Run(LoadedModel loaded, AdapterSet adapter, ModelInput batch)
    {
        var item = new GoldenItem(run, id, golden);
        item.Sources("family", "adapter", "input_case", "merged_weights_saved");
        item.SameNames("targeted_modules", adapter.Adapters.Select(a => Prefix + a.Layer.Path));
        _unknown.Remove(Positions);
        int[] positions = [.. expected.ReadI64(Positions).Select(p => (int)p)];
        foreach (int position in positions.Where(p => p < 0 || p >= batch.Tokens.Lengths.Min()))
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{Positions}: {position} is not inside the input of {batch.Tokens.Lengths.Min()} tokens"));
        }

        TensorDump?.Add(Positions, [.. positions.Select(p => (long)p)], positions.Length);
        float[] active = Logits("logits_active", loaded, batch, positions);
        adapter.Disable(true);
        float[] off = Logits("logits_adapter_off", loaded, batch, positions);
        adapter.Disable(false);
        using LoadedModel plain = ModelCatalog.Load(loaded.Directory, session.Parameters);
        float[] before = Compute(plain, batch);
        Merge(loaded, adapter);
        float[] merged = Logits("logits_merged", loaded, batch, positions);
        item.SameNames("changed_parameters", Changed(loaded, plain).Select(p => p.Name));
        Merged(loaded);
        item.AtMost("active_vs_merged_rel_err", Distance.Relative(active, merged), LogitTolerance);
        OffAgainstBase(item, Distance.Relative(off, before));
        item.Relative("max_change_of_logits", Distance.MaxAbs(active, off), ChangeTolerance);
        item.SkipOthers();
        run.DumpOf("peft", id.Family, id.Case, "expected.json")?.Json(item.Computed);
        foreach (string key in _unknown.Order(StringComparer.Ordinal))
        {
            run.Exact(id with { Quantity = key }, false, "this model has no such parameter");
        }
    }

    /// <summary>Without the adapter the base answers, but for biases that were trained in place: how far those reach has no agreed measure.</summary>
    private void OffAgainstBase(GoldenItem item, double computed)
    {
        const string Key = "off_vs_base_rel_err";
        if (golden.TryGetProperty(Key, out JsonElement value) && value.GetDouble() != 0)
        {
            item.Note(Key, computed, "biases are trained in place, so the base is not what answers; logits_adapter_off is compared instead");
        }
        else
        {
            item.AtMost(Key, computed, LogitTolerance);
        }
    }

    /// <summary>Compares the logits at the golden's positions; returns those of all positions.</summary>
    private float[] Logits(string name, LoadedModel loaded, ModelInput batch, int[] positions)
    {
        float[] all = Compute(loaded, batch);
        int V = loaded.Model.VocabularySize;
        float[] computed = [.. batch.Tokens.Starts().SelectMany(start => positions.SelectMany(p => all.AsSpan((start + p) * V, V).ToArray()))];
        TensorDump?.Add(name, computed, batch.Tokens.Sequences, positions.Length, V);
        if (_unknown.Remove(name))
        {
            run.Check(id with { Quantity = name }, Distance.Relative(computed, expected.ReadF32(name)), LogitTolerance);
        }

        return all;
    }

    /// <summary>Logits [N, V] of all tokens.</summary>
    private float[] Compute(LoadedModel loaded, ModelInput batch)
    {
        using StepScope scope = session.Scope(record: false);
        return loaded.Model.LmHead.Forward(scope, loaded.Model.Hidden(scope, batch)).ToHost<float>();
    }

    /// <summary>Folds every adapter into its matrix.</summary>
    private void Merge(LoadedModel loaded, AdapterSet adapter)
    {
        foreach ((Linear layer, IAdapter part) in adapter.Adapters)
        {
            using StepScope scope = session.Scope(record: false);
            Tensor merged = session.Parameters.New(new Shape(layer.Weight.Out, layer.Weight.In), DType.F32, MemoryUse.Weights);
            scope.Kernels.Copy(part.MergedWeight(scope, layer), merged);
            Param param = loaded.Model.Parts.Params.First(p => layer.Weight is DenseWeight dense && ReferenceEquals(dense.Param, p));
            param.Replace(merged);
        }

        adapter.Detach();
    }

    /// <summary>Parameters whose values differ from the base's.</summary>
    private static IEnumerable<Param> Changed(LoadedModel loaded, LoadedModel plain) => loaded.Model.Parts.Params.Zip(plain.Model.Parts.Params)
        .Where(pair => !ReferenceEquals(pair.First.Value, pair.Second.Value) && !Values(pair.First).AsSpan().SequenceEqual(Values(pair.Second)))
        .Select(pair => pair.First);

    private void Merged(LoadedModel loaded)
    {
        foreach (Param param in loaded.Model.Parts.Params)
        {
            string key = MergedPrefix + param.Name;
            if (_unknown.Remove(key))
            {
                float[] computed = Values(param);
                TensorDump?.Add(key, computed, [.. Enumerable.Range(0, param.StoredShape.Rank).Select(i => (long)param.StoredShape[i])]);
                run.Check(id with { Quantity = key }, Distance.Relative(computed, expected.ReadF32(key)), WeightTolerance);
            }
        }
    }

    /// <summary>Values as f32, whatever the stored type.</summary>
    private static float[] Values(Param param) => param.Value.DType switch
    {
        DType.F32 => param.Value.ToHost<float>(),
        DType.BF16 => Array.ConvertAll(param.Value.ToHost<ushort>(), v => BitConverter.UInt32BitsToSingle((uint)v << 16)),
        DType.F16 => Array.ConvertAll(param.Value.ToHost<Half>(), v => (float)v),
        _ => throw new InvalidDataException($"{param.Name}: {param.Value.DType} is no float type"),
    };
}
