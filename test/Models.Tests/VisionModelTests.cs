using System.Text.Json.Nodes;
using Lorikeet.Imaging;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;

namespace Lorikeet.Models.Tests;

/// <summary>Vision towers in directories of their own: the reference's features, under the names of all generations.</summary>
public sealed class VisionModelTests
{
    private const string Prefix = "vision_model.";

    public enum Layout
    {
        /// <summary>As transformers 4 writes a tower.</summary>
        Four,

        /// <summary>As transformers 5 names its modules.</summary>
        Five,

        /// <summary>Beside a text part, as whole models have it.</summary>
        Whole,
    }

    [Theory]
    [InlineData("llava", Layout.Four)]
    [InlineData("llava", Layout.Five)]
    [InlineData("llava", Layout.Whole)]
    [InlineData("llava_siglip_qwen2", Layout.Four)]
    [InlineData("llava_siglip_qwen2", Layout.Five)]
    [InlineData("llava_siglip_qwen2", Layout.Whole)]
    public void A_tower_by_itself_gives_the_features_of_the_reference(string family, Layout layout)
    {
        using var tower = new TowerDirectory(family, layout);
        using var cpu = new CpuDevice(new CpuOptions { Threads = 2 });
        using var arena = new Arena(cpu);
        using VisionModel model = ModelCatalog.LoadVision(ModelDirectory.Open(tower.Path), new Parameters(cpu, arena));
        using SafeTensorsFile golden = SafeTensorsFile.Open(Golden.Path("cases", family, "one_image.safetensors"));
        float[] expected = golden.ReadF32("vision.last_hidden_state");
        Image image = ImageDecoder.Decode(Golden.Path("cases", "images", "landscape.png"));
        using var scope = new StepScope(cpu, arena, record: false);
        Tensor found = model.Features(scope, [image, image]);
        Assert.Equal(new Shape(2, model.Config.Rows, model.Config.Encoder.Hidden), found.Shape);
        float[] values = found.ToHost<float>();
        Assert.Equal(expected.Length, values.Length / 2);
        float scale = expected.Max(Math.Abs);
        foreach (float[] picture in values.Chunk(expected.Length))
        {
            Assert.True(expected.Zip(picture, (a, b) => Math.Abs(a - b)).Max() <= 1e-5 * scale);
        }
    }

    [Fact]
    public void Layers_are_counted_from_both_ends()
    {
        using var tower = new TowerDirectory("llava_siglip_qwen2", Layout.Four);
        using var cpu = new CpuDevice(new CpuOptions { Threads = 2 });
        using var arena = new Arena(cpu);
        using VisionModel model = ModelCatalog.LoadVision(ModelDirectory.Open(tower.Path), new Parameters(cpu, arena));
        Image[] image = [ImageDecoder.Decode(Golden.Path("cases", "images", "square.png"))];
        using var scope = new StepScope(cpu, arena, record: false);
        float[] At(int? layer) => model.Features(scope, image, layer).ToHost<float>();
        int L = model.Config.Encoder.Layers;
        Assert.Equal(At(L), At(-1));
        Assert.Equal(At(0), At(-L - 1));
        Assert.Equal(L + 2, Enumerable.Range(0, L + 1).Select(l => At(l)).Append(At(null)).Select(values => string.Join(' ', values)).Distinct().Count());
        Assert.Throws<ArgumentOutOfRangeException>(() => At(L + 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => At(-L - 2));
    }

    [Theory]
    [InlineData(Layout.Four, "text_model.final_layer_norm.weight")]
    [InlineData(Layout.Whole, "vision_model.encoder.layers.9.layer_norm1.weight")]
    public void Tensors_without_a_place_are_refused_by_name(Layout layout, string name)
    {
        using var tower = new TowerDirectory("llava", layout, more: name);
        using var cpu = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(cpu);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => ModelCatalog.LoadVision(ModelDirectory.Open(tower.Path), new Parameters(cpu, arena)));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_tower_is_good_for_is_said_where_it_is_taken_for_a_model()
    {
        using var tower = new TowerDirectory("llava", Layout.Four);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => ModelCatalog.LoadProcessor(ModelDirectory.Open(tower.Path)));
        Assert.Contains("'clip_vision_model' is a vision tower without a language model", error.Message, StringComparison.Ordinal);
        Assert.Contains("lorikeet compose --vision " + tower.Path, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_model_is_no_tower()
    {
        using var cpu = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(cpu);
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => ModelCatalog.LoadVision(ModelDirectory.Open(Golden.Path("models", "llava")), new Parameters(cpu, arena)));
        Assert.Contains("siglip_vision_model", error.Message, StringComparison.Ordinal);
    }

    /// <summary>The tower of a golden model in a directory of its own.</summary>
    private sealed class TowerDirectory : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-tower-").FullName;

        public TowerDirectory(string family, Layout layout, string? more = null)
        {
            string part = ModelPart.Vision(family, System.IO.Path.Combine(_folder, "part"));
            Path = System.IO.Path.Combine(_folder, "tower");
            Directory.CreateDirectory(Path);
            File.Copy(System.IO.Path.Combine(part, "preprocessor_config.json"), System.IO.Path.Combine(Path, "preprocessor_config.json"));
            JsonNode config = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(part, "config.json")))!;
            if (layout == Layout.Whole)
            {
                config = new JsonObject { ["model_type"] = ((string)config["model_type"]!).Replace("_vision_model", "", StringComparison.Ordinal), ["vision_config"] = config };
            }

            File.WriteAllText(System.IO.Path.Combine(Path, "config.json"), config.ToJsonString());
            using SafeTensorsFile file = SafeTensorsFile.Open(System.IO.Path.Combine(part, "model.safetensors"));
            Assert.All(file.Tensors.Keys, name => Assert.StartsWith(Prefix, name, StringComparison.Ordinal));
            string[] others = [.. layout == Layout.Whole ? ["text_model.embeddings.token_embedding.weight", "logit_scale"] : Array.Empty<string>(), .. more is null ? Array.Empty<string>() : [more]];
            TensorEntry[] entries =
            [
                .. file.Tensors.Keys.Select(name => TensorEntry.Copy(file, name) with { Name = layout == Layout.Five ? name[Prefix.Length..] : name }),
                .. others.Select(name => TensorEntry.FromF32(name, [1], new float[1])),
            ];
            ShardedWeights.Write(Path, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        public string Path { get; }

        public void Dispose() => Directory.Delete(_folder, recursive: true);
    }
}
