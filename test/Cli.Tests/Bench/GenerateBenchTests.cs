using System.Text.Json;

namespace Lorikeet.Cli.Tests.Bench;

public class GenerateBenchTests(BenchDirectory bench) : IClassFixture<BenchDirectory>
{
    [Fact]
    public void Reading_and_writing_are_measured()
    {
        JsonElement figures = BenchDirectory.Measure("generate", bench.Model, "--prompt-tokens", "32", "--new-tokens", "6", "--batch", "2");

        Assert.True(figures.GetProperty("prefill_tokens_per_s").GetDouble() > 0);
        Assert.True(figures.GetProperty("decode_tokens_per_s").GetDouble() > 0);
        Assert.InRange(figures.GetProperty("prefill_flops_utilization").GetDouble(), 0, 1);

        // 36,864 values per text block and the head of 49,280 x 64 in bf16; keys and values of two blocks, 2 heads of 16, f32, 35 tokens each.
        double weights = 2.0 * ((2 * 36864) + (49280 * 64)), cache = 2 * 35.0 * (2 * 2 * 32 * 4);
        Assert.Equal((weights + cache) / 2, figures.GetProperty("bytes_per_token").GetDouble(), tolerance: 0.01 * weights);
    }

    [Fact]
    public void One_new_token_has_no_decoding()
    {
        JsonElement figures = BenchDirectory.Measure("generate", bench.Model, "--prompt-tokens", "8", "--new-tokens", "1");
        Assert.Equal(JsonValueKind.Null, figures.GetProperty("decode_tokens_per_s").ValueKind);
    }

    [Fact]
    public void Nonsense_numbers_are_refused()
    {
        Assert.Equal(2, BenchDirectory.Run(out _, out string messages, "generate", bench.Model, "--batch", "0"));
        Assert.Contains("--batch: expected at least 1, found 0", messages, StringComparison.Ordinal);
    }
}
