using Lorikeet.Tensors.Cuda;
using Lorikeet.Tracking;
using Lorikeet.Training.Tests.Runs;

namespace Lorikeet.Training.Tests.Families;

/// <summary>Every family trains on a GPU, emulated where there is none, as it does on the processor.</summary>
public sealed class CudaFamilyTests
{
    [Theory]
    [Trait("tier", "slow")]
    [MemberData(nameof(FamilyContractTests.Families), MemberType = typeof(FamilyContractTests))]
    public void Losses_and_gradient_norms_are_those_of_the_processor(string family)
    {
        string[] settings =
        [
            "--train.max_steps=2", "--train.eval_strategy=no", "--train.save_strategy=no", "--data.max_samples=2", "--train.per_device_train_batch_size=1", "--train.gradient_accumulation_steps=1",
            "--train.gradient_checkpointing=true",
        ];
        using var directory = new FamilyDirectory(family);
        using var processor = new TinyRun(directory.Path);
        using var gpu = new TinyRun(directory.Path) { Device = "cuda" };
        var waits = new List<long>();
        gpu.Heard = (happened, device) => waits.AddRange(happened is StepTaken ? [((CudaDevice)device).Synchronisations] : Array.Empty<long>());
        var expected = processor.Train(settings: settings).Steps.ToList();
        var actual = gpu.Train(settings: settings).Steps.ToList();
        Assert.Equal(2, actual.Count);
        Assert.All(expected.Zip(actual), pair =>
        {
            Assert.Equal(pair.First.Loss, pair.Second.Loss, 1e-3);
            Assert.Equal(pair.First.GradNorm, pair.Second.GradNorm, 2e-3 * pair.First.GradNorm);
        });

        // The host reads a step's loss and norm together, and nothing else.
        Assert.Equal(1, waits[1] - waits[0]);
    }
}
