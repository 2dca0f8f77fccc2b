using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Adapters.Tests;

/// <summary>A tiny reference model with a picture and a question.</summary>
internal sealed class TinyModel : IDisposable
{
    private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });

    public TinyModel(string family = "idefics3")
    {
        Arena = new Arena(_device);
        Parameters = new Parameters(_device, Arena);
        Loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", family)), Parameters);
        ChatMessage[] messages =
        [
            new("user", [new ImagePart(), new TextPart("What is it?")]),
            new("assistant", [new TextPart("A small thing.")]),
        ];
        Input = Loaded.Processor.Collate([Loaded.Processor.Encode(
            new Conversation(messages, [ImageDecoder.Decode(Golden.Path("cases", "images", "tiny.png"))]), new EncodeOptions())]);
    }

    public Arena Arena { get; }

    public Parameters Parameters { get; }

    public LoadedModel Loaded { get; }

    public VisionLanguageModel Model => Loaded.Model;

    public ModelInput Input { get; }

    public AdapterSet Attach(LoraConfig config) => AdapterSet.Attach(Model.Parts, Model.LmHead, config, Parameters, seed: 1);

    public AdapterSet Load(string directory) => AdapterFile.Load(directory, Model.Parts, Model.LmHead, Parameters);

    public IEnumerable<string> Targets(LoraConfig config) => AdapterSet.Targets(Model.Parts, Model.LmHead, config).Select(l => l.Path);

    public float[] Logits()
    {
        using var scope = new StepScope(_device, Arena, record: false);
        return Model.LmHead.Forward(scope, Model.Hidden(scope, Input)).ToHost<float>();
    }

    public void Dispose()
    {
        Loaded.Dispose();
        Arena.Dispose();
        _device.Dispose();
    }
}
