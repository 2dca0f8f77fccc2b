using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Tests.Bench;

public class TrainBenchTests(BenchDirectory bench) : IClassFixture<BenchDirectory>
{
    private static readonly string[] Fields =
    [
        "step_s", "tokens_per_s", "tokens", "peak_rss_mib", "load_s", "trainable", "losses", "phases", "flops", "flops_utilization",
    ];

    // Seven projections of two text blocks at rank 8: (In + Out) * 8 of 64x64, 64x32 twice, 64x64, 64x128 three times.
    private const int TextFactors = 2 * 8 * (128 + 96 + 96 + 128 + (3 * 192));

    // Queries, keys and values of two vision blocks of width 64.
    private const int VisionFactors = 2 * 8 * 3 * 128;

    [Fact]
    public void All_figures_are_reported_and_the_loss_falls()
    {
        JsonElement figures = Train("--steps", "8", "--batch", "2", "--lr", "3e-3", "--compute", "f32");
        double[] losses = Losses(figures);

        Assert.All(Fields, name => Assert.True(figures.TryGetProperty(name, out _), name));
        Assert.Equal(8, losses.Length);
        Assert.All(losses, loss => Assert.True(double.IsFinite(loss)));
        Assert.True(losses[^1] < losses[0] - 0.2, string.Join(' ', losses));
        Assert.Equal(TextFactors + VisionFactors, figures.GetProperty("trainable").GetInt32());
        Assert.All(figures.GetProperty("phases").EnumerateObject(), phase => Assert.InRange(phase.Value.GetDouble(), 0, figures.GetProperty("step_s").GetDouble() + 0.01));
        Assert.InRange(figures.GetProperty("flops_utilization").GetDouble(), 0, 1);

        // A product of matrices that are worth the name comes near the peak, other work on the machine or not.
        double peak = figures.GetProperty("peak_gflops").GetDouble();
        Assert.InRange(figures.GetProperty("peak_gemm_gflops").GetDouble(), 0.02 * peak, peak);
        Assert.InRange(figures.GetProperty("peak_rss_mib").GetDouble(), 10, 1e5);
    }

    [Fact]
    public void A_frozen_vision_tower_has_no_adapters() =>
        Assert.Equal(TextFactors, Train("--steps", "1", "--batch", "1", "--freeze-vision").GetProperty("trainable").GetInt32());

    [Fact]
    public void Rows_are_taken_in_file_order_and_from_the_start_again()
    {
        // Without learning, a row has the same loss each time it comes round: six rows in batches of two.
        double[] losses = Losses(Train("--steps", "5", "--batch", "2", "--lr", "0", "--compute", "f32"));

        Assert.Equal(losses[0], losses[3], 5);
        Assert.Equal(losses[1], losses[4], 5);
        Assert.NotEqual(losses[0], losses[1], 5);
    }

    [Fact]
    public void Full_training_trains_every_parameter()
    {
        JsonElement figures = Train("--steps", "2", "--batch", "1", "--full", "--checkpointing");
        using JsonDocument made = JsonDocument.Parse(Made("count"));
        Assert.Equal(made.RootElement.GetProperty("parameters").GetInt64(), figures.GetProperty("trainable").GetInt64());
    }

    [Fact]
    public void Training_starts_from_a_given_adapter()
    {
        string directory = SaveRandomAdapter();
        double plain = Losses(Train("--steps", "1", "--batch", "2", "--compute", "f32"))[0];
        double[] adapted = [.. Enumerable.Range(0, 2).Select(_ => Losses(Train("--steps", "1", "--batch", "2", "--compute", "f32", "--adapter", directory))[0])];

        Assert.Equal(adapted[0], adapted[1]);
        Assert.True(Math.Abs(adapted[0] - plain) > 1e-4, $"{adapted[0]} {plain}");
    }

    [Theory]
    [InlineData("--dora", "DoRA is not available yet")]
    [InlineData("--nf4", "4-bit weights are not available yet")]
    public void What_is_not_there_yet_is_refused(string option, string message)
    {
        Assert.Equal(2, BenchDirectory.Run(out string result, out string messages, "train", bench.Model, bench.Data, option));
        Assert.Contains(message, messages, StringComparison.Ordinal);
        Assert.Empty(result);
    }

    [Fact]
    public void A_directory_without_data_is_refused_by_name()
    {
        Assert.Equal(2, BenchDirectory.Run(out _, out string messages, "train", bench.Model, bench.Model));
        Assert.Contains("train.jsonl: there is no such file", messages, StringComparison.Ordinal);
    }

    private JsonElement Train(params string[] options) => BenchDirectory.Measure(["train", bench.Model, bench.Data, .. options]);

    private string Made(string name)
    {
        Assert.Equal(0, BenchDirectory.Run(out string result, "make-model", "tiny", Path.Combine(bench.Root, name)));
        return result;
    }

    private string SaveRandomAdapter()
    {
        string directory = Path.Combine(bench.Root, "adapter");
        using var session = new ComputeSession(Compute.F32);
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(bench.Model), session.Parameters);
        var config = new LoraConfig { R = 4, LoraAlpha = 8, InitLoraWeights = LoraInit.Random, TargetModules = ModuleMatch.OfNames(["v_proj", "down_proj"]) };
        AdapterFile.Save(directory, AdapterSet.Attach(loaded.Model.Parts, loaded.Model.LmHead, config, session.Parameters, seed: 3));
        return directory;
    }

    private static double[] Losses(JsonElement figures) => [.. figures.GetProperty("losses").EnumerateArray().Select(l => l.GetDouble())];
}
