using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>What one step computes and what it leaves behind.</summary>
public sealed class StepTests
{
    private static readonly string[] OneStep =
    [
        "--train.max_steps=1", "--train.save_steps=1", "--train.eval_strategy=no", "--train.max_grad_norm=0", "--data.shuffle=false", "--data.max_samples=4", "--lora.init_lora_weights=false",
    ];

    [Fact]
    public void One_batch_of_four_two_of_two_and_four_of_one_give_the_same_gradient()
    {
        float[] whole = FirstMoment(4, 1);
        Assert.True(whole.Max(Math.Abs) > 0);
        foreach ((int batch, int accumulation) in new[] { (2, 2), (1, 4) })
        {
            Assert.InRange(Distance(FirstMoment(batch, accumulation), whole), 0, 2e-6);
        }
    }

    [Fact]
    public void The_mean_of_means_weighs_unequal_answers_differently() =>
        Assert.True(Distance(FirstMoment(1, 4, "--train.loss_normalization=microbatch_mean"), FirstMoment(1, 4)) > 1e-3);

    [Fact]
    public void Recomputed_activations_give_the_same_bytes()
    {
        byte[][] adapters = [.. new[] { "false", "true" }.Select(on =>
        {
            using var tiny = new TinyRun();
            tiny.Train(settings: $"--train.gradient_checkpointing={on}");
            return File.ReadAllBytes(tiny.AdapterPath);
        })];
        Assert.True(adapters[0].AsSpan().SequenceEqual(adapters[1]));
    }

    [Fact]
    public void Every_step_leaves_the_same_number_of_bytes_behind()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: ["--train.num_train_epochs=3", "--train.eval_steps=1", "--train.save_steps=1"]);
        var live = outcome.Steps.Select(s => s.Memory with { Resident = 0, PeakResident = 0 }).ToList();
        Assert.Equal(6, live.Count);
        Assert.All(live, memory => Assert.Equal(live[0], memory));
        Assert.Equal(0, live[0].Activations);
        Assert.Equal(0, live[0].Gradients);
        Assert.True(live[0].Optimizer > 0);
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_the_run_and_names_the_step_and_its_rows()
    {
        using var folder = new TinyRun();
        using var tiny = new TinyRun(TinyRun.ModelWithNaN(folder.Folder));
        var error = Assert.Throws<TrainingDivergedException>(() => tiny.Train());
        Assert.Contains("the loss became NaN in step 1 of 4", error.Message, StringComparison.Ordinal);
        Assert.Contains("train.jsonl:", error.Message, StringComparison.Ordinal);
        Assert.Empty(Checkpoint.List(tiny.Output));
        Assert.False(File.Exists(tiny.AdapterPath));
    }

    [Fact]
    public void Divergence_keeps_the_checkpoint_from_before()
    {
        using var tiny = new TinyRun();
        string[] settings = ["--train.learning_rate=1e30", "--train.save_steps=1", "--train.eval_strategy=no"];
        var error = Assert.Throws<TrainingDivergedException>(() => tiny.Train(settings: settings));
        Assert.Contains("learning_rate", error.Message, StringComparison.Ordinal);
        (int step, string path) = Checkpoint.List(tiny.Output)[0];
        Assert.Null(Checkpoint.Damage(path));
        Assert.Contains(FormattableString.Invariant($"in step {step + 1} of 4"), error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(tiny.AdapterPath));
    }

    [Fact]
    public void A_row_beyond_max_length_is_refused_with_its_place()
    {
        using var tiny = new TinyRun();
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(settings: ["--data.max_length=8", "--data.shuffle=false"]));
        Assert.Contains("train.jsonl:1: the sample has ", error.Message, StringComparison.Ordinal);
        Assert.Contains("data.max_length is 8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_without_an_answer_is_refused_with_its_place()
    {
        using var tiny = new TinyRun();
        File.AppendAllText(Path.Combine(tiny.Folder, "train.jsonl"), """{"messages": [{"role": "user", "content": "hello?"}]}""" + "\n");
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train());
        Assert.Contains("train.jsonl:8: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--method=full", "")]
    [InlineData("--method=freeze", "model.connector.")]
    public void Training_the_models_own_weights_saves_a_model_that_loads(string method, string prefix)
    {
        using var tiny = new TinyRun();
        string[] settings = prefix.Length == 0 ? [method] : [method, "--freeze.train=[connector]"];
        tiny.Train(stopAfter: 1, settings: settings);
        tiny.Train(UsedDirectory.Resume, settings: settings);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(tiny.Output), new Parameters(device, arena));
        using SafeTensorsFile before = SafeTensorsFile.Open(Golden.Path("models", "smolvlm", "model.safetensors"));
        using SafeTensorsFile after = SafeTensorsFile.Open(Path.Combine(tiny.Output, "model.safetensors"));
        Assert.Equal(before.Tensors.Keys.Order(), after.Tensors.Keys.Order());
        foreach (string name in before.Tensors.Keys)
        {
            bool same = before.Bytes(name).SequenceEqual(after.Bytes(name));
            Assert.True(same || name.StartsWith(prefix, StringComparison.Ordinal), $"{name} has changed");
            Assert.False(same && prefix.Length > 0 && name.StartsWith(prefix, StringComparison.Ordinal), $"{name} has not changed");
        }
    }

    /// <summary>First moments of AdamW after one step: the gradient times 1 - beta1.</summary>
    private static float[] FirstMoment(int batch, int accumulation, params string[] more)
    {
        using var tiny = new TinyRun();
        tiny.Train(settings: [.. OneStep, $"--train.per_device_train_batch_size={batch}", $"--train.gradient_accumulation_steps={accumulation}", .. more]);
        using SafeTensorsFile moments = SafeTensorsFile.Open(Path.Combine(Checkpoint.PathOf(tiny.Output, 1), "optimizer.safetensors"));
        return [.. moments.Tensors.Keys.Where(k => k.EndsWith(".m", StringComparison.Ordinal)).Order(StringComparer.Ordinal).SelectMany(k => moments.ReadF32(k))];
    }

    private static double Distance(float[] actual, float[] expected) =>
        Math.Sqrt(actual.Zip(expected, (a, e) => ((double)a - e) * ((double)a - e)).Sum() / expected.Sum(e => (double)e * e));
}
