using Lorikeet.Adapters;
using Lorikeet.Models.Families;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Ops;
using Lorikeet.Testing;

namespace Lorikeet.Models.Tests.Families;

/// <summary>The model itself against the reference, from the reference's own ids and pixels.</summary>
public sealed class SmolVlmGoldenTests
{
    public static TheoryData<string, string, string> Cases()
    {
        var data = new TheoryData<string, string, string>();
        foreach (string family in new[] { "idefics3", "smolvlm" })
        {
            // Both are the same code; the repository keeps all cases of one of them.
            string[] batches = family == "smolvlm" ? ["batch_two", "no_split"] : [];
            foreach (string name in batches.Concat(["text_only", "one_image"]))
            {
                data.Add("cpu", family, name);
            }

            data.Add("fake", family, "one_image");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_equal_the_reference(string device, string family, string name)
    {
        using var cpu = new CpuDevice(new CpuOptions { PoisonHostAccess = device == "fake" });
        using var arena = new Arena(cpu);
        var parameters = new Parameters(cpu, arena);
        ModelDirectory directory = ModelDirectory.Open(Golden.Path("models", family));
        using WeightSet files = directory.OpenWeights();
        var source = new FileWeights(files, parameters);
        using var model = new SmolVlm(new WeightScope(source), SmolVlmConfig.From(directory.Config), null);
        source.RequireAllUsed(_ => false);
        using SafeTensorsFile expected = SafeTensorsFile.Open(Golden.Path("cases", family, name + ".safetensors"));
        using var scope = new StepScope(cpu, arena, record: false);
        float[]? features = null;
        model.Observer = (what, tensor) => features = what == "image_features" ? tensor.ToHost<float>() : features;
        ModelInput input = Input(expected, directory);
        Tensor hidden = model.Hidden(scope, input);
        if (features is not null)
        {
            Assert.InRange(Relative(features, expected.ReadF32("image_features")), 0, 1e-4);
        }

        float[] logits = model.LmHead.Forward(scope, hidden).ToHost<float>();
        Assert.InRange(Error(logits, expected, input.Tokens, model.VocabularySize), 0, 1e-4);
    }

    [Theory]
    [InlineData("cpu", "idefics3", "one_image", false)]
    [InlineData("cpu", "smolvlm", "batch_two", true)]
    [InlineData("cpu", "smolvlm", "batch_two", false)]
    [InlineData("cpu", "smolvlm", "text_only", true)]
    [InlineData("fake", "smolvlm", "one_image", true)]
    public void Lora_gradients_equal_the_reference(string device, string family, string name, bool checkpointing)
    {
        using var cpu = new CpuDevice(new CpuOptions { PoisonHostAccess = device == "fake" });
        using var arena = new Arena(cpu);
        var parameters = new Parameters(cpu, arena);
        ModelDirectory directory = ModelDirectory.Open(Golden.Path("models", family));
        using WeightSet files = directory.OpenWeights();
        using var model = new SmolVlm(new WeightScope(new FileWeights(files, parameters)), SmolVlmConfig.From(directory.Config), null) { GradientCheckpointing = checkpointing };
        var config = new LoraConfig { R = 4, LoraAlpha = 8, TargetModules = ModuleMatch.OfPattern(ModuleMatch.AllLinear) };
        AdapterSet adapter = AdapterSet.Attach(model.Parts, model.LmHead, config, parameters, 0);
        using (SafeTensorsFile init = SafeTensorsFile.Open(Golden.Path("cases", family, "lora_init.safetensors")))
        {
            AdapterFile.Fill(adapter, init);
        }

        using SafeTensorsFile expected = SafeTensorsFile.Open(Golden.Path("cases", family, name + ".safetensors"));
        ModelInput input = Input(expected, directory);
        (int[] rows, int[] labels) = Supervised(expected, input.Tokens);
        long live = arena.Account.Live;
        using (var scope = new StepScope(cpu, arena, record: true))
        {
            Tensor losses = LinearCrossEntropy.Forward(scope, model.Hidden(scope, input), model.LmHead.Weight, scope.From(rows), scope.From(labels));
            Tensor sum = Sum.Forward(scope, losses);
            Assert.Equal(expected.ReadF32("lora.loss")[0], sum.ToHost<float>()[0] / rows.Length, 1e-4);
            scope.Backward((sum, 1f / rows.Length));
        }

        using SafeTensorsFile grads = SafeTensorsFile.Open(Golden.Path("cases", family, name + ".lora_grads.safetensors"));
        double scale = grads.Tensors.Keys.Max(key => grads.ReadF32(key).Max(v => Math.Abs(v)));
        foreach ((string key, Tensor value) in adapter.Trained)
        {
            float[] computed = value.Grad?.ToHost<float>() ?? new float[value.Count];
            double worst = computed.Zip(grads.ReadF32("grad." + key), (a, b) => Math.Abs(a - b)).Max();
            Assert.True(worst / scale < 1e-3, $"{key}: {worst / scale}");
            Parameters.ClearGradient(value);
        }

        Assert.Equal(live, arena.Account.Live);
    }

    private static (int[] Rows, int[] Labels) Supervised(SafeTensorsFile golden, TokenBatch tokens)
    {
        long[] mask = golden.ReadI64("attention_mask"), labels = golden.ReadI64("labels");
        int[] kept = [.. labels.Where((_, i) => mask[i] == 1).Select(l => (int)l)];
        return new TokenBatch(tokens.Ids, kept, tokens.Lengths, []).Supervised();
    }

    private static double Error(float[] logits, SafeTensorsFile expected, TokenBatch tokens, int V)
    {
        bool all = expected.Tensors.ContainsKey("logits");
        long[] positions = all ? [.. Enumerable.Range(0, tokens.Lengths.Max()).Select(i => (long)i)] : expected.ReadI64("logits_positions");
        float[] reference = expected.ReadF32(all ? "logits" : "logits_sub");
        double worst = 0, scale = reference.Max(Math.Abs);
        int[] starts = tokens.Starts();
        for (int b = 0; b < tokens.Sequences; b++)
        {
            for (int p = 0; p < positions.Length; p++)
            {
                for (int v = 0; v < V && positions[p] < tokens.Lengths[b]; v++)
                {
                    worst = Math.Max(worst, Math.Abs(logits[((starts[b] + positions[p]) * V) + v] - reference[(((b * positions.Length) + p) * V) + v]));
                }
            }
        }

        return worst / scale;
    }

    private static ModelInput Input(SafeTensorsFile golden, ModelDirectory directory)
    {
        long[] shape = golden.Info("input_ids").Shape, ids = golden.ReadI64("input_ids"), mask = golden.ReadI64("attention_mask");
        int[] kept = [.. ids.Where((_, i) => mask[i] == 1).Select(i => (int)i)];
        int[] lengths = [.. mask.Chunk((int)shape[1]).Select(row => (int)row.Sum())];
        int[] labels = new int[kept.Length];
        Array.Fill(labels, TokenBatch.Ignored);
        var tokens = new TokenBatch(kept, labels, lengths, []);
        return golden.Tensors.ContainsKey("pixel_values") ? new ModelInput(tokens, Pictures(golden, directory, kept, lengths)) : new ModelInput(tokens, null);
    }

    private static SmolVlmVision Pictures(SafeTensorsFile golden, ModelDirectory directory, int[] ids, int[] lengths)
    {
        SmolVlmConfig config = SmolVlmConfig.From(directory.Config);
        long[] shape = golden.Info("pixel_values").Shape;
        float[] pixels = golden.ReadF32("pixel_values");
        int size = (int)shape[4], p = config.Vision.PatchSize, side = size / p, perTile = 3 * size * size;
        var patches = new List<float>();
        var tiles = new List<SmolVlmTile>();
        for (int t = 0; t < pixels.Length / perTile; t++)
        {
            float[] tile = pixels[(t * perTile)..((t + 1) * perTile)];
            if (tile.All(v => v == 0))
            {
                continue; // The reference pads with tiles of zeros and drops them again.
            }

            tiles.Add(new SmolVlmTile(side, side, side, side));
            for (int patch = 0; patch < side * side; patch++)
            {
                for (int c = 0; c < 3; c++)
                {
                    for (int y = 0; y < p; y++)
                    {
                        int row = ((patch / side) * p) + y, column = (patch % side) * p;
                        patches.AddRange(tile.AsSpan((c * size * size) + (row * size) + column, p));
                    }
                }
            }
        }

        int start = 0;
        int[] rows = [.. lengths.Select(length => ids[start..(start += length)].Count(id => id == config.ImageTokenId))];
        return new SmolVlmVision(rows, tiles, [.. patches], []);
    }

    private static double Relative(float[] computed, float[] expected)
    {
        Assert.Equal(expected.Length, computed.Length);
        return computed.Zip(expected, (a, b) => Math.Abs(a - b)).Max() / expected.Max(Math.Abs);
    }
}
