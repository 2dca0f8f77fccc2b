using Lorikeet.Nn.Weights;
using Lorikeet.Tensors.Cuda;
using Lorikeet.Tracking;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Whole runs on a GPU, emulated where there is none.</summary>
public sealed class CudaRunTests
{
    private static readonly string[] Short = ["--train.eval_strategy=no", "--data.max_samples=4", "--data.longest_edge=64", "--train.per_device_train_batch_size=1"];

    [Fact]
    public void A_run_gives_the_losses_norms_and_adapter_of_the_processor()
    {
        string[] settings = [.. Short, "--train.max_steps=5", "--train.gradient_accumulation_steps=1"];
        using var cpu = new TinyRun();
        using var cuda = new TinyRun { Device = "cuda" };
        StepTaken[] expected = [.. cpu.Train(settings: settings).Steps], actual = [.. cuda.Train(settings: settings).Steps];
        Assert.Equal(5, actual.Length);
        foreach ((StepTaken e, StepTaken a) in expected.Zip(actual))
        {
            Assert.Equal(e.Loss, a.Loss, 1e-4);
            Assert.Equal(e.GradNorm, a.GradNorm, 1e-3 * e.GradNorm);
        }

        using SafeTensorsFile first = SafeTensorsFile.Open(cpu.AdapterPath), second = SafeTensorsFile.Open(cuda.AdapterPath);
        foreach (string name in first.Tensors.Keys)
        {
            // AdamW's steps depend on the sign of tiny gradients, so single values may differ by a few steps of 1e-3 in size.
            float[] e = first.ReadF32(name), a = second.ReadF32(name);
            double distance = Math.Sqrt(e.Zip(a, (x, y) => (double)(x - y) * (x - y)).Sum()), size = Math.Sqrt(e.Sum(x => (double)x * x));
            Assert.InRange(distance, 0, 2e-2 * size);
        }
    }

    [Fact]
    public void A_run_that_was_interrupted_goes_on_bit_by_bit()
    {
        string[] settings = [.. Short, "--train.max_steps=2", "--train.gradient_accumulation_steps=1"];
        using var whole = new TinyRun { Device = "cuda" };
        whole.Train(settings: settings);
        using var parts = new TinyRun { Device = "cuda" };
        Assert.True(parts.Train(stopAfter: 1, settings: settings).Result.Interrupted);
        parts.Train(UsedDirectory.Resume, settings: settings);
        Assert.True(File.ReadAllBytes(whole.AdapterPath).AsSpan().SequenceEqual(File.ReadAllBytes(parts.AdapterPath)));
    }

    [Theory]
    [InlineData(2)]
    public void The_host_waits_for_the_gpu_once_a_step_however_many_micro_batches_it_has(int accumulation)
    {
        var waits = new List<long>();
        using var tiny = new TinyRun { Device = "cuda" };
        tiny.Heard = (happened, device) =>
        {
            if (happened is StepTaken)
            {
                waits.Add(((CudaDevice)device).Synchronisations);
            }
        };
        tiny.Train(settings:
        [
            "--train.max_steps=3", "--train.save_strategy=no", "--train.eval_strategy=no", "--data.max_samples=2", "--data.longest_edge=64", "--train.per_device_train_batch_size=1",
            FormattableString.Invariant($"--train.gradient_accumulation_steps={accumulation}"),
        ]);
        Assert.Equal(3, waits.Count);
        Assert.Equal([1, 1], waits.Zip(waits.Skip(1), (before, after) => after - before));
    }
}
