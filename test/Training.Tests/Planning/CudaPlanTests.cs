using Lorikeet.Tensors.Cuda;
using Lorikeet.Testing;
using Lorikeet.Tracking;
using Lorikeet.Training.Planning;
using Lorikeet.Training.Tests.Runs;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>Plans for a GPU against real runs on one, emulated where there is none.</summary>
public sealed class CudaPlanTests
{
    [Fact]
    public void The_account_is_exact_and_the_scratch_of_kernels_is_within_five_percent() => Compare("bfloat16");

    [Fact]
    [Trait("tier", "slow")]
    public void In_float32_too() => Compare("float32");

    private static void Compare(string compute)
    {
        string[] settings =
        [
            "--train.max_steps=1", "--train.eval_strategy=no", "--train.save_strategy=no", "--data.max_samples=2", "--train.gradient_accumulation_steps=1", "--data.longest_edge=96",
            $"--model.compute={compute}",
        ];
        long scratch = 0;
        using var tiny = new TinyRun { Device = "cuda" };
        tiny.Heard = (happened, device) => scratch = happened is RunFinished ? ((CudaDevice)device).ScratchBytes : scratch;
        _ = CudaEmulator.Folder; // skips the test where there is no GPU of either kind
        int multiprocessors;
        using (CudaDevice gpu = CudaEmulator.Open())
        {
            multiprocessors = gpu.Multiprocessors;
        }

        var environment = new PlanEnvironment { Device = "cuda:0", MapsFiles = false, HalfActivations = true, HasFastBf16 = true, Kernels = () => new ScratchKernels(multiprocessors) };
        using RunPlanner planner = RunPlanner.Open(tiny.Config(settings), environment);
        RunPlan plan = planner.Plan(CancellationToken.None);
        Tracking.MemoryUse real = tiny.Train(settings: settings).Events.OfType<RunFinished>().Single().PeakMemory;
        PlannedBytes planned = plan.Account;
        Assert.Equal(
            (real.Weights, real.Gradients, real.Optimizer, real.Activations, real.Workspace),
            (planned.Weights, planned.Gradients, planned.Optimizer, planned.Activations, planned.Workspace));
        Assert.Equal(0, planned.MappedWeights);
        Assert.InRange(plan.Process.Kernels, scratch, scratch * 1.05);
        Assert.True(plan.IsApart);
        Assert.Equal(planned.Total + planned.Slack + plan.Process.Kernels, plan.Total);
    }
}
