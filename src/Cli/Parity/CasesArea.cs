using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Cli.Parity;

/// <summary>Areas <c>processing</c>, <c>forward</c> and <c>grads</c>: the cases of every family, recomputed from messages and pictures.</summary>
internal sealed class CasesArea(ParityRun run, ComputeSession session)
{
    private const double LogitTolerance = 1e-4, LossTolerance = 1e-4, GradTolerance = 1e-3;

    public void Run(CancellationToken cancellation)
    {
        foreach (string family in ParityFiles.Directories(run.At("cases")).Where(f => f != "images" && run.WantsFamily(f)))
        {
            RunFamily(family, run.At("models", family), cancellation);
            run.FlushDumps();
        }
    }

    private void RunFamily(string family, string modelPath, CancellationToken cancellation)
    {
        var id = new CheckId("forward", family, "", "load");
        try
        {
            if (ParityFiles.WhyNoModel(modelPath) is { } reason)
            {
                run.Skip(id, reason);
                return;
            }

            using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(modelPath), session.Parameters);
            loaded.Processor.PadsAsReference = true;
            foreach (string name in ParityFiles.Cases(run.At("cases", family)))
            {
                RunCase(family, name, loaded, cancellation);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            run.Broken(id, e);
        }
    }

    private void RunCase(string family, string name, LoadedModel loaded, CancellationToken cancellation)
    {
        try
        {
            using var golden = new GoldenCase(run.Options.Root, family, name);
            var check = new CaseChecks(run, golden);
            if (VariantChecks.Is(golden))
            {
                if (run.Wants("forward"))
                {
                    new VariantChecks(run, session, check).Run();
                    check.SkipOthers("forward");
                }

                return;
            }

            if (ResamplerChecks.Is(golden))
            {
                if (run.Wants("forward"))
                {
                    new ResamplerChecks(session, check).Run();
                    check.SkipOthers("forward");
                }

                return;
            }

            if (!golden.HasMessages)
            {
                run.Skip(new CheckId("forward", family, name, "case"), "a part of the model with weights of its own");
                return;
            }

            var encoded = new EncodedCase(golden, loaded.Processor);
            if (run.Wants("processing"))
            {
                new ProcessingChecks(check, encoded, loaded).Run();
            }

            if (run.Wants("forward"))
            {
                Forward(check, encoded, loaded);
                Generate(check, encoded, loaded, cancellation);
            }

            if (run.Wants("grads"))
            {
                Gradients(check, encoded, loaded);
            }

            if (run.Wants("processing") && run.Wants("forward") && run.Wants("grads"))
            {
                check.SkipOthers("forward");
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            run.Broken(new CheckId("forward", family, name, "case"), e);
        }
    }

    private void Forward(CaseChecks check, EncodedCase encoded, LoadedModel loaded)
    {
        var observed = new Dictionary<string, float[]>(StringComparer.Ordinal);
        using StepScope scope = session.Scope(record: false);
        loaded.Model.Observer = (name, tensor) => observed[name] = tensor.ToHost<float>();
        Tensor hidden = loaded.Model.Hidden(scope, encoded.Batch);
        loaded.Model.Observer = null;
        foreach ((string name, float[] values) in observed)
        {
            check.Relative("forward", name, values, LogitTolerance);
        }

        check.Logits("forward", hidden, encoded, scope, loaded, LogitTolerance);
        check.Loss("forward", "loss", Loss(scope, loaded.Model, hidden, encoded.Labels(LossOn.LastTurn)), LossTolerance);
        check.Loss("forward", "loss_all_turns", Loss(scope, loaded.Model, hidden, encoded.Labels(LossOn.AssistantTurns)), LossTolerance);
        if (encoded.Published.Count > 0)
        {
            check.Loss("forward", "loss_official", Loss(scope, loaded.Model, hidden, encoded.Labels(LossOn.Published)), LossTolerance);
        }
    }

    private static double Loss(StepScope scope, VisionLanguageModel model, Tensor hidden, TokenBatch tokens)
    {
        (int[] rows, int[] labels) = tokens.Supervised();
        Tensor losses = LinearCrossEntropy.Forward(scope, hidden, model.LmHead.Weight, scope.From(rows), scope.From(labels));
        return losses.ToHost<float>().Average(l => (double)l);
    }

    private void Generate(CaseChecks check, EncodedCase encoded, LoadedModel loaded, CancellationToken cancellation)
    {
        if (!check.Golden.Expected.Tensors.TryGetValue("gen.tokens", out TensorInfo? info))
        {
            return;
        }

        int steps = (int)info.Shape[1];
        HashSet<int> ends = [.. loaded.Processor.EosTokenIds];
        var single = new GreedyRuns(session, loaded.Model, ends, steps);
        long[] tokens = new long[info.Shape[0] * steps];
        float[] margins = new float[tokens.Length];
        for (int b = 0; b < info.Shape[0]; b++)
        {
            GreedyRuns.Run alone = single.Of(loaded.Processor.Collate([encoded.Prompts[b]]), cancellation)[0];
            alone.Tokens.CopyTo(tokens, b * steps);
            alone.Margins.CopyTo(margins, b * steps);
        }

        check.Tokens("gen.tokens", tokens, "gen.margins", steps);
        if (check.Expects("gen.margins"))
        {
            check.Margins("gen.margins", margins, tokens);
        }

        check.Texts(loaded.Processor.Tokenizer, tokens, steps);
        if (check.Expects("left.gen_tokens"))
        {
            IReadOnlyList<GreedyRuns.Run> together = single.Of(loaded.Processor.Collate(encoded.Prompts), cancellation);
            check.Relative("forward", "left.logits_last", [.. together.SelectMany(r => r.FirstLogits)], LogitTolerance);
            check.Tokens("left.gen_tokens", [.. together.SelectMany(r => r.Tokens)], "gen.margins", steps);
        }
    }

    private void Gradients(CaseChecks check, EncodedCase encoded, LoadedModel loaded)
    {
        string init = run.At("cases", check.Golden.Family, "lora_init.safetensors");
        if (!check.Expects("lora.loss") || !File.Exists(init))
        {
            return;
        }

        LoraConfig config = LoraOf(check.Golden.Family);
        AdapterSet adapter = AdapterSet.Attach(loaded.Model.Parts, loaded.Model.LmHead, config, session.Parameters, 0);
        try
        {
            using (SafeTensorsFile file = SafeTensorsFile.Open(init))
            {
                AdapterFile.Fill(adapter, file);
            }

            using StepScope scope = session.Scope(record: true);
            TokenBatch tokens = encoded.Labels(LossOn.LastTurn);
            (int[] rows, int[] labels) = tokens.Supervised();
            Tensor hidden = loaded.Model.Hidden(scope, encoded.Batch);
            if (check.Expects("lora.logits_tail"))
            {
                check.LogitsTail(hidden, encoded, scope, loaded, LogitTolerance);
            }

            Tensor losses = LinearCrossEntropy.Forward(scope, hidden, loaded.Model.LmHead.Weight, scope.From(rows), scope.From(labels));
            Tensor sum = Sum.Forward(scope, losses);
            check.Loss("grads", "lora.loss", sum.ToHost<float>()[0] / rows.Length, LossTolerance, "lora_loss");
            scope.Backward((sum, 1f / rows.Length));
            check.Grads(adapter, GradTolerance);
        }
        finally
        {
            foreach ((_, Tensor value) in adapter.Trained)
            {
                Parameters.Free(value);
            }

            adapter.Detach();
        }
    }

    /// <summary>The adapter of a family's cases: as its case.json says, else that of the golden data's description.</summary>
    private LoraConfig LoraOf(string family)
    {
        var config = new LoraConfig { R = 4, LoraAlpha = 8, TargetModules = ModuleMatch.OfPattern(ModuleMatch.AllLinear) };
        string path = run.At("cases", family, "case.json");
        return File.Exists(path) && JsonFile.Read(path).TryGetProperty("lora", out JsonElement lora)
            ? config with
            {
                R = lora.GetProperty("r").GetInt32(),
                LoraAlpha = lora.GetProperty("lora_alpha").GetDouble(),
                TargetModules = lora.GetProperty("target_modules") is { ValueKind: JsonValueKind.Array } names
                    ? ModuleMatch.OfNames(names.EnumerateArray().Select(n => n.GetString()!))
                    : ModuleMatch.OfPattern(lora.GetProperty("target_modules").GetString()!),
            }
            : config;
    }
}
