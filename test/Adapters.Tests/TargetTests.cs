namespace Lorikeet.Adapters.Tests;

/// <summary>Which layers PEFT's settings mean.</summary>
public sealed class TargetTests
{
    private static readonly LoraConfig AllLinear = new() { TargetModules = ModuleMatch.OfPattern("all-linear") };

    [Fact]
    public void A_name_means_every_path_that_ends_in_it_the_vision_tower_included()
    {
        using var tiny = new TinyModel();
        string[] paths = [.. tiny.Targets(AllLinear with { TargetModules = ModuleMatch.OfNames(["q_proj"]) })];
        Assert.Contains("model.text_model.layers.0.self_attn.q_proj", paths);
        Assert.Contains("model.vision_model.encoder.layers.1.self_attn.q_proj", paths);
        Assert.All(paths, path => Assert.EndsWith(".q_proj", path, StringComparison.Ordinal));
        Assert.Throws<InvalidDataException>(() => tiny.Targets(AllLinear with { TargetModules = ModuleMatch.OfNames(["_proj"]) }).ToList());
    }

    [Fact]
    public void A_pattern_must_match_the_whole_path()
    {
        using var tiny = new TinyModel();
        LoraConfig Of(string pattern) => AllLinear with { TargetModules = ModuleMatch.OfPattern(pattern) };
        Assert.Equal(2, tiny.Targets(Of(@".*text_model.*\.q_proj")).Count());
        Assert.Throws<InvalidDataException>(() => tiny.Targets(Of("q_proj")).ToList());
        Assert.Throws<InvalidDataException>(() => tiny.Targets(Of(@"model\.text_model")).ToList());
    }

    [Fact]
    public void All_linear_is_every_linear_layer_but_the_head()
    {
        using var tiny = new TinyModel();
        string[] expected = [.. tiny.Model.Parts.Linears.Where(l => l != tiny.Model.LmHead).Select(l => l.Path)];
        Assert.Equal(expected, tiny.Targets(AllLinear));
        Assert.Contains(expected, path => path.Contains("connector", StringComparison.Ordinal));
        Assert.Contains(expected, path => path.Contains("vision", StringComparison.Ordinal));
        Assert.Equal([tiny.Model.LmHead.Path], tiny.Targets(AllLinear with { TargetModules = ModuleMatch.OfNames(["lm_head"]) }));
    }

    [Fact]
    public void Excluded_modules_and_modules_to_save_are_left_out()
    {
        using var tiny = new TinyModel();
        Assert.DoesNotContain(tiny.Targets(AllLinear with { ExcludeModules = ModuleMatch.OfPattern(".*vision_model.*") }), p => p.Contains("vision", StringComparison.Ordinal));
        Assert.DoesNotContain(tiny.Targets(AllLinear with { ExcludeModules = ModuleMatch.OfNames(["down_proj"]) }), p => p.EndsWith("down_proj", StringComparison.Ordinal));
        Assert.DoesNotContain(tiny.Targets(AllLinear with { ModulesToSave = ["connector"] }), p => p.Contains("connector", StringComparison.Ordinal));
    }

    [Fact]
    public void Layers_to_transform_keeps_the_named_blocks()
    {
        using var tiny = new TinyModel();
        LoraConfig config = AllLinear with { TargetModules = ModuleMatch.OfNames(["q_proj", "up_proj"]), LayersToTransform = [1] };
        foreach (LoraConfig c in new[] { config, config with { LayersPattern = ["layers"] } })
        {
            string[] paths = [.. tiny.Targets(c)];
            Assert.NotEmpty(paths);
            Assert.All(paths, path => Assert.Contains(".layers.1.", path, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Patterns_of_rank_and_alpha_choose_by_the_end_of_the_path()
    {
        LoraConfig config = AllLinear with
        {
            R = 4,
            LoraAlpha = 8,
            RankPattern = new Dictionary<string, int> { ["k_proj"] = 2, [@"layers\.1\.self_attn\.q_proj"] = 6 },
            AlphaPattern = new Dictionary<string, double> { ["k_proj"] = 10 },
        };
        Assert.Equal(2, config.RankOf("model.text_model.layers.0.self_attn.k_proj"));
        Assert.Equal(4, config.RankOf("model.text_model.layers.0.self_attn.q_proj"));
        Assert.Equal(6, config.RankOf("model.text_model.layers.1.self_attn.q_proj"));
        Assert.Equal(4, config.RankOf("model.text_model.layers.1.self_attn.xk_proj"));
        Assert.Equal(5f, config.ScaleOf("model.text_model.layers.0.self_attn.k_proj"));
        Assert.Equal(2f, config.ScaleOf("model.text_model.layers.0.self_attn.q_proj"));
        Assert.Equal(4f, (config with { UseRslora = true }).ScaleOf("model.text_model.layers.0.self_attn.q_proj"));
    }

    [Fact]
    public void A_pattern_that_takes_forever_is_refused()
    {
        var match = ModuleMatch.OfPattern("(([a-z._0-9]+)*)*!");
        var error = Assert.Throws<InvalidDataException>(() => match.Matches("model.text_model.layers.0.self_attn.q_proj.model.text_model.layers"));
        Assert.Contains("takes too long", error.Message, StringComparison.Ordinal);
    }
}
