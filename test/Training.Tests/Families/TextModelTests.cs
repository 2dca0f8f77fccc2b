using System.Text.Json.Nodes;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Training.Tests.Families;

/// <summary>Text models by themselves, taken out of vision-language models whose logits are known.</summary>
public sealed class TextModelTests
{
    [Theory]
    [InlineData("llava", "llama")]
    [InlineData("llava_phi3", "phi3")]
    [InlineData("llava_siglip_qwen2", "qwen2")]
    public void A_text_model_gives_the_logits_that_it_gives_inside_a_larger_one(string family, string type)
    {
        using var text = new TextDirectory(family);
        ChatMessage[] messages = [new("user", [new TextPart("What is a bird?")]), new("assistant", [new TextPart("An animal with feathers.")])];
        float[] whole = Logits(Golden.Path("models", family), messages, out _), alone = Logits(text.Path, messages, out string modelType);
        Assert.Equal(type, modelType);
        Assert.Equal(whole, alone);
    }

    [Fact]
    public void Pictures_are_refused()
    {
        using var text = new TextDirectory("llava");
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(text.Path));
        ChatMessage[] messages = [new("user", [new ImagePart(), new TextPart("?")]), new("assistant", [new TextPart("x")])];
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => processor.Measure(messages, [new Imaging.PixelSize(9, 9)], new EncodeOptions()));
        Assert.Contains("is a text model", error.Message, StringComparison.Ordinal);
    }

    private static float[] Logits(string path, ChatMessage[] messages, out string modelType)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var arena = new Arena(device);
        using LoadedModel loaded = ModelCatalog.Load(ModelDirectory.Open(path), new Parameters(device, arena));
        modelType = loaded.Directory.ModelType;
        using var scope = new StepScope(device, arena, record: false);
        ModelInput input = loaded.Processor.Collate([loaded.Processor.Encode(new Conversation(messages, []), new EncodeOptions())]);
        return loaded.Model.LmHead.Forward(scope, loaded.Model.Hidden(scope, input)).ToHost<float>();
    }

    /// <summary>The text part of a model, with the names that it has by itself.</summary>
    private sealed class TextDirectory : IDisposable
    {
        private const string Inner = "language_model.";

        public TextDirectory(string family)
        {
            string source = Golden.Path("models", family);
            foreach (string name in new[] { "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "generation_config.json" })
            {
                File.Copy(System.IO.Path.Combine(source, name), System.IO.Path.Combine(Path, name));
            }

            JsonNode config = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(source, "config.json")))!["text_config"]!;
            config["tie_word_embeddings"] ??= false;
            File.WriteAllText(System.IO.Path.Combine(Path, "config.json"), config.ToJsonString());
            using SafeTensorsFile file = SafeTensorsFile.Open(System.IO.Path.Combine(source, "model.safetensors"));
            TensorEntry[] entries =
            [
                .. file.Tensors.Values.Where(t => t.Name.StartsWith(Inner, StringComparison.Ordinal))
                    .Select(t => TensorEntry.FromF32(t.Name[Inner.Length..], t.Shape, file.ReadF32(t.Name), SafeDType.F32)),
            ];
            ShardedWeights.Write(Path, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("lorikeet-text-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
