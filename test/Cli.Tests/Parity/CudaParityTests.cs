using Lorikeet.Cli.Commands;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Parity;

/// <summary>The reference outputs recomputed on a GPU, emulated where there is none, with the tolerances of f32.</summary>
public sealed class CudaParityTests
{
    [Theory]
    [InlineData("qwen2_vl", 50)]
    [InlineData("mllama", 50)]
    public void Families_agree_with_the_reference(string family, int checks) => Run(family, checks);

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("smolvlm", 250)]
    [InlineData("llava_next", 50)]
    [InlineData("llava_phi3", 50)]
    [InlineData("qwen3_vl", 50)]
    public void More_families_agree_with_the_reference(string family, int checks) => Run(family, checks);

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("smolvlm", 250)]
    [InlineData("llava_phi3", 50)]
    [InlineData("qwen3_vl", 50)]
    [InlineData("mllama", 50)]
    public void Families_agree_in_bfloat16(string family, int checks) => Run(family, checks, "bf16");

    private static void Run(string family, int checks, string compute = "f32")
    {
        TestHost test = CudaHost.Create();
        int code = test.Run([ParityCommand.Create], "parity", Golden.Root, "--family", family, "--only", "forward,grads", "--device", "cuda", "--compute", compute);
        string[] lines = test.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(code == 0, test.Messages + string.Join('\n', lines.Where(l => l.Contains(" FAIL", StringComparison.Ordinal)).Take(10)));
        Assert.True(int.Parse(lines[^1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture) >= checks, lines[^1]);
        Assert.Contains("computing on cuda:0", test.Messages, StringComparison.Ordinal);
    }
}
