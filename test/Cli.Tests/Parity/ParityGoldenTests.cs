using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Parity;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Parity;

/// <summary>The verb on the goldens of the repository: everything agrees, and what is dumped is what was checked.</summary>
public sealed class ParityGoldenTests
{
    [Theory]
    [InlineData("tokenizers", 14000)]
    [InlineData("images", 127)]
    [InlineData("templates", 149)]
    [InlineData("sampling", 20)]
    [InlineData("schedules", 45)]
    [InlineData("peft", 90)]
    public void Area_agrees_with_the_reference(string area, int checks) => ParityDirectory.Run(Golden.Root, "--only", area).MustPass(checks);

    [Theory]
    [InlineData("llava", 60)]
    [InlineData("llava_next", 60)]
    [InlineData("llava_phi3", 60)]
    [InlineData("llava_siglip_qwen2", 60)]
    [InlineData("molmo", 110)]
    [InlineData("pixtral", 60)]
    [InlineData("mllama", 60)]
    [InlineData("qwen2_vl", 60)]
    [InlineData("qwen2_5_vl", 60)]
    [InlineData("qwen3_vl", 60)]
    public void Family_agrees_with_the_reference(string family, int checks) =>
        ParityDirectory.Run(Golden.Root, "--family", family, "--only", "processing,forward,grads").MustPass(checks);

    [Theory]
    [InlineData("llava_phi3", 60)]
    [InlineData("qwen3_vl", 60)]
    public void Family_agrees_in_bfloat16(string family, int checks) =>
        ParityDirectory.Run(Golden.Root, "--family", family, "--only", "processing,forward,grads", "--compute", "bf16").MustPass(checks);

    [Theory]
    [InlineData("processing,forward,grads", 1400)]
    [InlineData("training", 700)]
    [Trait("tier", "slow")]
    public void Model_agrees_with_the_reference(string areas, int checks) => ParityDirectory.Run(Golden.Root, "--only", areas).MustPass(checks);

    [Fact]
    public void A_family_leaves_out_the_others_and_what_has_none()
    {
        using var directory = new ParityDirectory("peft/idefics3/lora_list", "schedules", "sampling");
        ParityOutcome none = ParityDirectory.Run(directory.Root, "--family", "smolvlm");
        Assert.Equal((0, 0, 0), (none.Passed, none.Failed, none.Skipped));
        Assert.Equal("0 passed, 0 failed, 0 skipped", none.Lines[^1]);
    }

    [Fact]
    public void Parts_that_are_missing_are_skipped_with_the_reason()
    {
        using var directory = new ParityDirectory("peft/idefics3/lora_list", "training/idefics3/sft_lora.json", "training/idefics3/sft_lora.safetensors");
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        Assert.Equal((0, 0, 0, 2), (outcome.ExitCode, outcome.Passed, outcome.Failed, outcome.Skipped));
        Assert.Equal(2, outcome.Lines.Count(l => l.EndsWith("is not here", StringComparison.Ordinal)));
    }

    [Fact]
    public void An_unknown_model_type_is_skipped_with_the_reason()
    {
        using var directory = new ParityDirectory("models/smolvlm", "peft/idefics3/lora_list");
        Directory.Move(directory.At("models/smolvlm"), directory.At("models/idefics3"));
        directory.Replace("models/idefics3/config.json", "\"smolvlm\"", "\"birdvlm\"");
        ParityOutcome outcome = ParityDirectory.Run(directory.Root);
        Assert.Equal((0, 1), (outcome.Failed, outcome.Skipped));
        Assert.Contains("skip model type 'birdvlm' is not available yet", outcome.Lines[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Preferences_and_quantization_answer_one_skip_a_file()
    {
        using var directory = new ParityDirectory();
        foreach (string file in new[] { "training/idefics3/dpo_ipo.json", "training/idefics3/dpo_ipo.safetensors", "quant/int8.json", "quant/qlora_idefics3_fp4.json" })
        {
            Directory.CreateDirectory(Path.GetDirectoryName(directory.At(file))!);
            File.WriteAllText(directory.At(file), "");
        }

        Directory.CreateDirectory(directory.At("models/idefics3"));
        ParityOutcome all = ParityDirectory.Run(directory.Root);
        Assert.Equal((0, 0, 3), (all.Passed, all.Failed, all.Skipped));
        Assert.All(all.Lines[..3], line => Assert.EndsWith("skip not available yet", line, StringComparison.Ordinal));
        Assert.Equal(2, ParityDirectory.Run(directory.Root, "--family", "idefics3").Skipped);
    }

    [Theory]
    [InlineData("tokenizers/llama3")]
    [InlineData("images")]
    [InlineData("chat_templates")]
    [InlineData("sampling")]
    [InlineData("schedules")]
    [InlineData("peft/idefics3/modules_to_save", "models/idefics3", "cases/idefics3/one_image.json", "cases/idefics3/one_image.safetensors", "cases/images")]
    public void A_dump_has_every_value_under_the_names_of_the_golden(string part, params string[] sources) => Dumps(part, sources);

    [Theory]
    [InlineData("cases/idefics3/one_image", "models/idefics3", "cases/images", "cases/idefics3/lora_init.safetensors", "cases/idefics3/one_image.lora_grads.safetensors")]
    [InlineData("training/idefics3/sft_lora", "models/idefics3", "cases/images", "training/idefics3/sft_data.json", "training/idefics3/sft_data.safetensors")]
    [InlineData("training/idefics3/sft_full", "models/idefics3", "cases/images", "training/idefics3/sft_data.json", "training/idefics3/sft_data.safetensors")]
    [Trait("tier", "slow")]
    public void A_dump_of_a_model_has_every_value_under_the_names_of_the_golden(string stem, params string[] sources) =>
        Dumps(stem + ".safetensors", [stem + ".json", .. sources]);

    private static void Dumps(string part, string[] sources)
    {
        using var directory = new ParityDirectory([part, .. sources]);
        using var dump = new ParityDirectory();
        string[] only = part.StartsWith("peft", StringComparison.Ordinal) ? ["--only", "peft"] : [];
        ParityDirectory.Run(directory.Root, ["--dump", dump.Root, .. only]).MustPass(15);
        string[] files = [.. Directory.EnumerateFiles(dump.Root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(dump.Root, f))];
        Assert.Contains(files, f => f.StartsWith(part, StringComparison.Ordinal));
        foreach (string file in files.Where(f => f.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            EqualTensors(directory.At(file), dump.At(file));
        }

        foreach (string file in files.Where(f => f.EndsWith(".json", StringComparison.Ordinal) && !f.StartsWith("cases", StringComparison.Ordinal)))
        {
            EqualJson(file, JsonNode.Parse(File.ReadAllText(directory.At(file))), JsonNode.Parse(File.ReadAllText(dump.At(file))));
        }
    }

    private static void EqualTensors(string expectedPath, string dumpPath)
    {
        using SafeTensorsFile expected = SafeTensorsFile.Open(expectedPath), dump = SafeTensorsFile.Open(dumpPath);
        foreach ((string name, TensorInfo info) in expected.Tensors)
        {
            Assert.Equal((name, info.Describe()), (name, dump.Info(name).Describe()));
            if (info.DType == SafeDType.F32)
            {
                double error = Distance.Relative(dump.ReadF32(name), expected.ReadF32(name));
                Assert.True(error < 1e-3 || name.EndsWith("k_proj.bias", StringComparison.Ordinal), $"{name}: {error}");
            }
            else
            {
                Assert.Equal(expected.ReadI64(name), dump.ReadI64(name));
            }
        }
    }

    private static void EqualJson(string place, JsonNode? expected, JsonNode? dump)
    {
        switch (expected)
        {
            case JsonObject wanted:
                Assert.All(wanted, pair => EqualJson($"{place}.{pair.Key}", pair.Value, dump![pair.Key]));
                break;
            case JsonArray wanted:
                Assert.Equal(wanted.Count, dump!.AsArray().Count);
                for (int i = 0; i < wanted.Count; i++)
                {
                    EqualJson($"{place}[{i}]", wanted[i], dump[i]);
                }

                break;
            case JsonValue number when number.GetValueKind() == JsonValueKind.Number && dump?.GetValueKind() == JsonValueKind.Number:
                double a = (double)number, b = (double)dump;
                Assert.True(Math.Abs(a - b) <= 1e-3 * Math.Abs(a) + 1e-5, $"{place}: {b}, expected {a}");
                break;
            default:
                Assert.True(JsonNode.DeepEquals(expected, dump), $"{place}: {dump}, expected {expected}");
                break;
        }
    }
}
