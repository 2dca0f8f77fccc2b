using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Models.Families;
using Lorikeet.Tensors;
using Lorikeet.Training.Planning;
using Lorikeet.Training;

namespace Lorikeet.Cli.Tests.Bench;

/// <summary>The count against numbers worked out by hand for one tile (16 patches, 4 image tokens) and ten tokens in all.</summary>
public class StepFlopsTests(BenchDirectory bench) : IClassFixture<BenchDirectory>
{
    private const int T = 10, P = 16, M = 4, V = 49280, C = 64;

    // Vision, forward: patch embedding 768 -> 64; per block four projections, an MLP of 256, and attention of all with all.
    private const long VisionBlock = (P * 4L * C * C) + (P * 2L * C * 256), VisionAttention = 2L * P * P * C;
    private const long Vision = (P * 768L * C) + (2 * (VisionBlock + VisionAttention)), Connector = M * 256L * C;

    // Text, per block: queries, keys, values; attention of the causal half; output; gate and up; down.
    private const long Qkv = T * (64L + 32 + 32) * C, Attention = 2L * T * T / 2 * C, Output = T * 64L * C, Mlp = T * 3L * 128 * C;
    private const long TextBlock = Qkv + Output + Mlp;

    // All tokens carry loss, the first one has none before it.
    private const long Head = (T - 1L) * V * C;

    [Fact]
    public void Adapters_in_the_text_model_leave_the_vision_tower_its_forward_pass()
    {
        // The first block's queries, keys and values need no input gradient, since nothing before them trains.
        long frozen = Vision + Connector + (2 * 2 * TextBlock) - Qkv + (2 * 3 * Attention) + (2 * Head);
        long factors = 3 * T * 8 * 2 * (128L + 96 + 96 + 128 + (3 * 192));
        long unneeded = T * 8 * 3L * C;

        Assert.Equal(2.0 * (frozen + factors - unneeded), Count(@"model\.text_model\..*_proj"));
    }

    [Fact]
    public void An_adapter_at_the_start_sends_gradients_through_everything_behind_it()
    {
        // Only the first vision block's queries: its keys and values need no input gradient, all behind does.
        long later = (2 * VisionAttention * 3) + ((P * C * C) + (P * 2L * C * 256)) * 2 + (VisionBlock * 2);
        long first = (P * 768L * C) + (P * 3L * C * C);
        long text = (Connector * 2) + (2 * ((TextBlock * 2) + (Attention * 3))) + (Head * 2);
        long factors = P * 8 * C * (2L + 3);

        Assert.Equal(2.0 * (first + later + text + factors), Count(@"model\.vision_model\.encoder\.layers\.0\.self_attn\.q_proj"));
    }

    [Fact]
    public void Full_training_costs_three_forward_passes_but_for_the_first_layer()
    {
        long all = Vision + Connector + (2 * (TextBlock + Attention)) + Head;
        Assert.Equal(2.0 * ((3 * all) - (P * 768L * C)), Count(null));
    }

    private double Count(string? targets)
    {
        using var session = new ComputeSession(Compute.F32);
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(bench.Model), session.Parameters);
        if (targets is null)
        {
            Trainable.Of(loaded.Model, session.Parameters, _ => true);
        }
        else
        {
            var config = new LoraConfig { R = 8, TargetModules = ModuleMatch.OfPattern(targets) };
            AdapterSet.Attach(loaded.Model.Parts, loaded.Model.LmHead, config, session.Parameters, seed: 0);
        }

        int[] ids = [.. Enumerable.Range(0, T).Select(i => i < M ? 3 : 50 + i)];
        var vision = new SmolVlmVision([M], [new SmolVlmTile(4, 4, 4, 4)], new float[P * 768], []);
        return StepFlops.OfTraining(loaded.Model, new ModelInput(new TokenBatch(ids, ids, [T], []), vision));
    }
}
