using Lorikeet.Adapters;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Export.Tests;

/// <summary>A merged model answers as base and adapter together, and appears whole or not at all.</summary>
public sealed class AdapterMergeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-merge-").FullName;
    private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
    private readonly Arena _arena;
    private readonly Parameters _parameters;

    public AdapterMergeTests()
    {
        _arena = new Arena(_device);
        _parameters = new Parameters(_device, _arena);
    }

    public static TheoryData<string> Directories() =>
        [.. Directory.GetDirectories(Golden.Path("peft", "idefics3")).Select(d => Path.GetFileName(d)!).Where(d => d != "dora").Order(StringComparer.Ordinal)];

    private string Target => Path.Combine(_folder, "merged");

    [Theory]
    [MemberData(nameof(Directories))]
    public void Merged_into_f32_the_logits_stay(string adapter)
    {
        MergeReport report = Merge(adapter, null);
        Assert.InRange(report.Relative, 0, 1e-5);
        Assert.Equal(1, report.SameTokens);
        Assert.True(report.MaxChange > 1e-3, "the adapter does nothing");
        using LoadedModel merged = ModelCatalog.Load(ModelDirectory.Open(Target), _parameters);
        Assert.All(merged.Model.Parts.Params, p => Assert.Equal(DType.F32, p.StoredDType));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Merged_into_bfloat16_the_difference_is_reported()
    {
        MergeReport report = Merge("lora_all_linear", SafeDType.BF16);
        Assert.InRange(report.Relative, 1e-5, 0.1);
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(Target, "model.safetensors"));
        Assert.All(file.Tensors.Values, t => Assert.Equal(SafeDType.BF16, t.DType));
    }

    [Fact]
    public void A_used_directory_is_refused_and_kept()
    {
        Directory.CreateDirectory(Target);
        File.WriteAllText(Path.Combine(Target, "mine.txt"), "mine");
        var error = Assert.Throws<InvalidDataException>(() => Merge("lora_list", null));
        Assert.Contains("is not empty", error.Message, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(Target, "mine.txt")], Directory.GetFileSystemEntries(Target));
        Assert.Equal([Target], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void An_empty_directory_is_used()
    {
        Directory.CreateDirectory(Target);
        Merge("lora_list", null);
        Assert.True(File.Exists(Path.Combine(Target, "model.safetensors")));
    }

    [Fact]
    public void A_merge_that_differs_too_much_leaves_nothing_behind()
    {
        var error = Assert.Throws<InvalidDataException>(() => Merge("lora_all_linear", SafeDType.BF16, tolerance: 1e-7));
        Assert.Contains("nothing was written", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void The_other_files_of_the_model_come_along()
    {
        Merge("modules_to_save", null);
        foreach (string file in new[] { "config.json", "tokenizer.json", "chat_template.jinja", "preprocessor_config.json" })
        {
            Assert.Equal(File.ReadAllBytes(Golden.Path("models", "idefics3", file)), File.ReadAllBytes(Path.Combine(Target, file)));
        }
    }

    [Theory]
    [InlineData(WeightNames.Base, "language_model.model.layers.0.self_attn.q_proj.weight")]
    [InlineData(WeightNames.Transformers4, "language_model.model.layers.0.self_attn.q_proj.weight")]
    [InlineData(WeightNames.Transformers5, "model.language_model.layers.0.self_attn.q_proj.weight")]
    public void Tensors_are_called_as_in_the_base_or_as_asked(WeightNames names, string expected)
    {
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", "llava")), _parameters);
        var config = new LoraConfig { R = 2, LoraAlpha = 4, TargetModules = ModuleMatch.OfPattern(ModuleMatch.AllLinear), InitLoraWeights = LoraInit.Random };
        AdapterSet set = AdapterSet.Attach(loaded.Model.Parts, loaded.Model.LmHead, config, _parameters, seed: 4);
        ChatMessage[] messages = [new("user", [new ImagePart(), new TextPart("What is it?")]), new("assistant", [new TextPart("A small thing.")])];
        EncodedSample probe = loaded.Processor.Encode(new Conversation(messages, [ImageDecoder.Decode(Golden.Path("cases", "images", "tiny.png"))]), new EncodeOptions());
        MergeReport report = AdapterMerge.Run(loaded, set, Target, _parameters, new MergeOptions(null, probe, null) { Names = names });
        Assert.True(report.MaxChange > 1e-4, "the adapter does nothing");
        using WeightSet written = WeightSet.Open(Target);
        Assert.Contains(expected, written.Tensors.Keys);
        Assert.Equal(names != WeightNames.Transformers5, written.Contains("vision_tower.vision_model.pre_layrnorm.weight"));
    }

    public void Dispose()
    {
        _arena.Dispose();
        _device.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private MergeReport Merge(string adapter, SafeDType? dtype, double? tolerance = null)
    {
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", "idefics3")), _parameters);
        AdapterSet set = AdapterFile.Load(Golden.Path("peft", "idefics3", adapter), loaded.Model.Parts, loaded.Model.LmHead, _parameters);
        ChatMessage[] messages =
        [
            new("user", [new ImagePart(), new TextPart("What is it?")]),
            new("assistant", [new TextPart("A small thing.")]),
        ];
        EncodedSample probe = loaded.Processor.Encode(
            new Conversation(messages, [ImageDecoder.Decode(Golden.Path("cases", "images", "tiny.png"))]), new EncodeOptions());
        return AdapterMerge.Run(loaded, set, Target, _parameters, new MergeOptions(dtype, probe, tolerance));
    }
}
