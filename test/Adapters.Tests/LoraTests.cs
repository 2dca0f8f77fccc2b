using Lorikeet.Nn;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Adapters.Tests;

/// <summary>The contract of an adapter on a whole model.</summary>
public sealed class LoraTests
{
    private static readonly LoraConfig Config = new() { R = 4, LoraAlpha = 8, TargetModules = ModuleMatch.OfPattern("all-linear") };

    [Theory]
    [InlineData(LoraInit.Default)]
    [InlineData(LoraInit.Gaussian)]
    public void A_fresh_adapter_changes_nothing(LoraInit init)
    {
        using var tiny = new TinyModel();
        float[] before = tiny.Logits();
        tiny.Attach(Config with { InitLoraWeights = init });
        Assert.Equal(before, tiny.Logits());
    }

    [Fact]
    public void Disabled_and_detached_is_the_base_and_enabled_is_not()
    {
        using var tiny = new TinyModel();
        float[] plain = tiny.Logits();
        AdapterSet set = tiny.Attach(Config with { InitLoraWeights = LoraInit.Random });
        float[] adapted = tiny.Logits();
        Assert.NotEqual(plain, adapted);
        set.Disable(true);
        Assert.Equal(plain, tiny.Logits());
        set.Disable(false);
        Assert.Equal(adapted, tiny.Logits());
        set.Detach();
        Assert.Equal(plain, tiny.Logits());
    }

    [Fact]
    public void The_merged_matrix_multiplies_as_base_and_adapter_together()
    {
        using var tiny = new TinyModel();
        AdapterSet set = tiny.Attach(Config with { InitLoraWeights = LoraInit.Random, UseRslora = true, RankPattern = new Dictionary<string, int> { ["q_proj"] = 3 } });
        foreach ((Nn.Linear layer, IAdapter adapter) in set.Adapters)
        {
            using var scope = new StepScope(tiny.Parameters.Device, tiny.Arena, record: false);
            float[] merged = adapter.MergedWeight(scope, layer).ToHost<float>();
            float[] dense = layer.Weight.Dense(scope).ToHost<float>();
            var lora = (Lora)adapter;
            float[] a = lora.A.ToHost<float>(), b = lora.B.ToHost<float>();
            int rank = lora.A.Shape[0], columns = layer.Weight.In;
            for (int o = 0; o < layer.Weight.Out; o++)
            {
                for (int i = 0; i < columns; i++)
                {
                    double delta = 0;
                    for (int r = 0; r < rank; r++)
                    {
                        delta += (double)b[(o * rank) + r] * a[(r * columns) + i];
                    }

                    double expected = dense[(o * columns) + i] + (lora.Scale * delta);
                    Assert.True(Math.Abs(merged[(o * columns) + i] - expected) < 1e-5, $"{layer.Path}[{o},{i}]");
                }
            }
        }
    }

    [Fact]
    public void Only_the_adapters_tensors_get_gradients()
    {
        using var tiny = new TinyModel();
        AdapterSet set = tiny.Attach(Config with { InitLoraWeights = LoraInit.Random });
        (int[] rows, int[] labels) = tiny.Input.Tokens.Supervised();
        using (var scope = new StepScope(tiny.Parameters.Device, tiny.Arena, record: true))
        {
            Tensor losses = LinearCrossEntropy.Forward(scope, tiny.Model.Hidden(scope, tiny.Input), tiny.Model.LmHead.Weight, scope.From(rows), scope.From(labels));
            scope.Backward((Sum.Forward(scope, losses), 1f));
        }

        Assert.All(set.Trained, t => Assert.NotNull(t.Value.Grad));
        Assert.All(tiny.Model.Parts.Params, p => Assert.Null(p.Value.Grad));
    }

    [Fact]
    public void A_layer_takes_one_adapter()
    {
        using var tiny = new TinyModel();
        tiny.Attach(Config);
        var error = Assert.Throws<InvalidDataException>(() => tiny.Attach(Config));
        Assert.Contains("has an adapter already", error.Message, StringComparison.Ordinal);
    }
}
