using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Cli.Parity;

/// <summary>A case of a family's model with other values in config.json (<c>config_overrides</c>): logits of given ids.</summary>
internal sealed class VariantChecks(ParityRun run, ComputeSession session, CaseChecks check)
{
    private const string Area = "forward", ExtraWeight = "weight.", LastOf = "eval.logits_last.";
    private const double LogitTolerance = 1e-4;

    private GoldenCase Golden => check.Golden;

    /// <summary>Whether a case is one.</summary>
    public static bool Is(GoldenCase golden) => golden.Json.TryGetProperty("config_overrides", out _);

    public void Run()
    {
        string source = run.At("models", Golden.Family), directory = Directory.CreateTempSubdirectory("lorikeet-parity-").FullName;
        try
        {
            foreach (string file in Directory.EnumerateFiles(source).Where(f => Path.GetExtension(f) != ".safetensors"))
            {
                File.WriteAllBytes(Path.Combine(directory, Path.GetFileName(file)), File.ReadAllBytes(file));
            }

            var config = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
            foreach (JsonProperty change in Golden.Json.GetProperty("config_overrides").EnumerateObject())
            {
                config[change.Name] = JsonSerializer.SerializeToNode(change.Value);
            }

            File.WriteAllText(Path.Combine(directory, "config.json"), config.ToJsonString());
            using LoadedModel loaded = ModelCatalog.Initialize(ModelDirectory.Open(directory), session.Parameters, 0.02f, 1);
            Fill(loaded.Model, source);
            Compare(loaded);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>Values of the family's model, and what the case adds to them; a tensor that the variant has no place for stays out.</summary>
    private void Fill(VisionLanguageModel model, string source)
    {
        using WeightSet files = WeightSet.Open(source);
        foreach (Param param in model.Parts.Params)
        {
            bool isExtra = check.Expects(ExtraWeight + param.Name);
            param.Value.CopyFrom<float>(isExtra ? Golden.Expected.ReadF32(ExtraWeight + param.Name) : files.ReadF32(param.Name));
        }
    }

    private void Compare(LoadedModel loaded)
    {
        int[] ids = [.. Golden.Expected.ReadI64("input_ids").Select(id => (int)id)];
        check.Integers("processing", "input_ids", [.. Ids(loaded, ids).Select(id => (long)id)], [1, ids.Length]);
        check.Integers("processing", "attention_mask", [.. Enumerable.Repeat(1L, ids.Length)], [1, ids.Length]);
        if (check.Expects("logits_positions") & check.Expects("logits_sub"))
        {
            check.Relative(Area, "logits_sub", Logits(loaded, ids, Golden.Expected.ReadI64("logits_positions"), training: false), LogitTolerance);
        }

        if (Golden.Json.TryGetProperty("positions", out JsonElement list))
        {
            long[] positions = [.. list.EnumerateArray().Select(p => p.GetInt64())];
            check.Relative(Area, "eval.logits", Logits(loaded, ids, positions, training: false), LogitTolerance);
            check.Relative(Area, "train.logits", Logits(loaded, ids, positions, training: true), LogitTolerance);
        }

        foreach (string name in Golden.Expected.Tensors.Keys.Where(n => n.StartsWith(LastOf, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            int n = int.Parse(name.AsSpan(LastOf.Length), CultureInfo.InvariantCulture);
            check.Relative(Area, name, Logits(loaded, ids[..n], [n - 1], training: false), LogitTolerance);
        }
    }

    /// <summary>The ids of the case's messages where it has any, else those given.</summary>
    private int[] Ids(LoadedModel loaded, int[] given) => Golden.Json.TryGetProperty("messages", out _)
        ? loaded.Processor.Encode(Golden.Conversations()[0], Golden.Options(LossOn.Nothing, prompt: true)).Ids
        : given;

    private float[] Logits(LoadedModel loaded, int[] ids, long[] positions, bool training)
    {
        using StepScope scope = session.Scope(record: false, training);
        int[] labels = new int[ids.Length];
        Array.Fill(labels, TokenBatch.Ignored);
        Tensor hidden = loaded.Model.Hidden(scope, new ModelInput(new TokenBatch(ids, labels, [ids.Length], []), null));
        Tensor rows = GatherRows.Forward(scope, hidden, scope.From([.. positions.Select(p => (int)p)]));
        return loaded.Model.LmHead.Forward(scope, rows).ToHost<float>();
    }
}
