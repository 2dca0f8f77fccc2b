using Lorikeet.Models;
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
        using var folder = new Runs.TinyRun();
        string text = ModelPart.Text(family, Path.Combine(folder.Folder, "text"));
        ChatMessage[] messages = [new("user", [new TextPart("What is a bird?")]), new("assistant", [new TextPart("An animal with feathers.")])];
        float[] whole = Logits(Golden.Path("models", family), messages, out _), alone = Logits(text, messages, out string modelType);
        Assert.Equal(type, modelType);
        Assert.Equal(whole, alone);
    }

    [Fact]
    public void Pictures_are_refused()
    {
        using var folder = new Runs.TinyRun();
        string text = ModelPart.Text("llava", Path.Combine(folder.Folder, "text"));
        Processor processor = ModelCatalog.LoadProcessor(ModelDirectory.Open(text));
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
}
