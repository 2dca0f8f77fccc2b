using System.Text.Json;
using Lorikeet.Cli.Commands;

namespace Lorikeet.Cli.Tests.Bench;

/// <summary>bench on a GPU, emulated where there is none.</summary>
public sealed class CudaBenchTests : IClassFixture<BenchDirectory>
{
    private readonly BenchDirectory _directory;

    public CudaBenchTests(BenchDirectory directory)
    {
        _directory = directory;
    }

    [Fact]
    public void Steps_memory_and_parts_of_steps_are_measured() => Train(phases: true);

    [Fact]
    [Trait("tier", "slow")]
    public void Parts_of_steps_are_left_out_where_they_are_not_asked_for() => Train(phases: false);

    private void Train(bool phases)
    {
        JsonElement figures = Measure(["train", _directory.Model, _directory.Data, "--steps", "2", "--batch", "1", "--device", "cuda", .. phases ? ["--phases"] : Array.Empty<string>()]);
        Assert.Equal("cuda:0", figures.GetProperty("device").GetString());
        Assert.True(figures.GetProperty("peak_device_mib").GetDouble() > 32, "the workspace of products alone is 32 MiB");
        Assert.True(figures.GetProperty("peak_gflops").GetDouble() > 0);
        Assert.Equal(phases ? JsonValueKind.Object : JsonValueKind.Null, figures.GetProperty("phases").ValueKind);
    }

    [Fact]
    [Trait("tier", "slow")]
    public void Writing_is_measured()
    {
        JsonElement figures = Measure(["generate", _directory.Model, "--prompt-tokens", "8", "--new-tokens", "3", "--device", "cuda"]);
        Assert.Equal("cuda:0", figures.GetProperty("device").GetString());
        Assert.True(figures.GetProperty("bandwidth_gb_per_s").GetDouble() > 0);
        Assert.True(figures.GetProperty("decode_step_s").GetDouble() > 0);
    }

    private static JsonElement Measure(string[] arguments)
    {
        TestHost test = CudaHost.Create();
        Assert.True(test.Run([BenchCommand.Create], ["bench", .. arguments]) == 0, test.Messages);
        return JsonDocument.Parse(test.Result).RootElement;
    }
}
