using System.Text.Json.Nodes;
using Lorikeet.Testing;
using Lorikeet.Training.Config;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Tests.Config;

/// <summary>The resolved copy, the schema and the recipes.</summary>
public sealed class WrittenConfigTests
{
    public static TheoryData<string> Recipes()
    {
        string folder = Path.Combine(Golden.Root, "..", "..", "recipes");
        return [.. Directory.EnumerateFiles(folder, "*.yaml", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f))];
    }

    [Fact]
    public void There_are_recipes() => Assert.NotEmpty(Recipes());

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Every_recipe_is_valid_and_needs_no_note(string recipe) =>
        Assert.Empty(RunConfigReader.Load(Path.Combine(Golden.Root, "..", "..", "recipes", recipe), []).Notes);

    [Fact]
    public void The_resolved_copy_reads_back_as_the_same_configuration()
    {
        var config = RunFile.Config("""
            method: lora
            lora: {r: 3, lora_alpha: 0.1, target_modules: '.*\.(q|v)_proj "x" \\ é 😀', exclude_modules: [a-b, "no", "", "1", "a: b"], rank_pattern: {"x y": 5, b: 7},
                   alpha_pattern: {z: 1.0e-7}, modules_to_save: [lm_head], finetune_vision_layers: false, init_lora_weights: false}
            train: {learning_rate: 1.2345678901234567e-4, bf16: true, seed: 9007199254740993, lr_scheduler_type: cosine, lr_scheduler_kwargs: {num_cycles: 1.25}}
            report_to: none
            generation: {temperature: 0.7}
            """);
        string written = RunConfigWriter.Write(config);
        var again = RunFile.Load(written).Config;
        Assert.Equal(written, RunConfigWriter.Write(again));
        Assert.Equal(config.Train, again.Train);
        Assert.Equal(config.Generation, again.Generation);
        Assert.Equal(config.Lora.TargetModules!.Pattern, again.Lora.TargetModules!.Pattern);
        Assert.Equal(config.Lora.ExcludeModules!.Names, again.Lora.ExcludeModules!.Names);
        Assert.Equal(config.Lora.RankPattern, again.Lora.RankPattern);
        Assert.Equal(config.Lora.AlphaPattern, again.Lora.AlphaPattern);
        Assert.Equal(config.Model, again.Model);
    }

    [Theory]
    [InlineData("line\nbreak\ttab \"quotes\" \\ back\r")]
    [InlineData("\u0001\u007f\u0085\u2028\ufeff")]
    [InlineData("# no comment: {[*&!|>%@`")]
    [InlineData("~")]
    [InlineData("null")]
    [InlineData("yes")]
    [InlineData("1e5")]
    [InlineData(" leading and trailing ")]
    [InlineData("")]
    public void Any_text_survives_the_resolved_copy(string text)
    {
        var config = RunFile.Config("") with { Data = new DataSection { Train = "/t", Prompt = text } };
        Assert.Equal(text, RunFile.Load(RunConfigWriter.Write(config)).Config.Data.Prompt);
    }

    [Fact]
    public void Every_key_is_in_the_resolved_copy()
    {
        string written = RunConfigWriter.Write(RunFile.Load("""
            model: {path: m}
            data:
              train: t.jsonl
              augment: {random_resized_crop: {}, horizontal_flip: {}, vertical_flip: {}, randaugment: {}, color_jitter: {}, synonyms: {file: words.txt}}
            """).Config);
        Assert.All(ConfigTree.Leaves.Keys, leaf => Assert.Contains($"{leaf[(leaf.LastIndexOf('.') + 1)..]}: ", written, StringComparison.Ordinal));
    }

    [Fact]
    public void The_schema_describes_every_key()
    {
        var schema = JsonNode.Parse(RunConfigSchema.Write())!;
        Assert.Equal("https://json-schema.org/draft/2020-12/schema", (string)schema["$schema"]!);
        foreach (string leaf in ConfigTree.Leaves.Keys)
        {
            var at = schema;
            foreach (string part in leaf.Split('.'))
            {
                Assert.False((bool)at["additionalProperties"]!);
                at = at["properties"]![part]!;
            }

            Assert.True(at["description"] is JsonValue text && ((string)text!).Length > 10, $"{leaf} has no description");
            Assert.True(at.AsObject().ContainsKey("default"), $"{leaf} has no default");
        }

        var r = schema["properties"]!["lora"]!["properties"]!["r"]!;
        Assert.Equal(("integer", 8, 1), ((string)r["type"]!, (int)r["default"]!, (int)r["minimum"]!));
        var bias = schema["properties"]!["lora"]!["properties"]!["bias"]!;
        Assert.Equal("[\"none\",\"all\",\"lora_only\"]", bias["enum"]!.ToJsonString());
        var init = schema["properties"]!["lora"]!["properties"]!["init_lora_weights"]!;
        Assert.Equal("[true,\"gaussian\",false,\"pissa\",\"olora\",\"loftq\"]", init["enum"]!.ToJsonString());
        var bf16 = schema["properties"]!["train"]!["properties"]!["bf16"]!;
        Assert.Equal("[\"boolean\",\"null\"]", bf16["type"]!.ToJsonString());
    }

    [Fact]
    public void The_reference_in_the_documents_is_up_to_date()
    {
        string document = File.ReadAllText(Path.Combine(Golden.Root, "..", "..", "docs", "run-file.md"));
        Assert.True(document.EndsWith("\n" + RunConfigReference.Write(), StringComparison.Ordinal),
            "docs/run-file.md should end with what './lorikeet config --keys' prints");
    }

    [Fact]
    public void Nearest_words_are_found_within_a_few_slips()
    {
        Assert.Equal(1, Nearest.Distance("ab", "ba"));
        Assert.Equal(3, Nearest.Distance("kitten", "sitting"));
        Assert.Null(Nearest.Find("zzzzzzzz", ["lora", "train"]));
        Assert.Null(Nearest.Find(new string('a', 100_000), [new string('a', 99_999)]));
    }
}
