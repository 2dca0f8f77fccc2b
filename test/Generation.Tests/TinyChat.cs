using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Text.Chat;

namespace Lorikeet.Generation.Tests;

/// <summary>A tiny reference model and prompts with pictures.</summary>
internal sealed class TinyChat : IDisposable
{
    private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
    private readonly Arena _arena;

    public TinyChat(string family)
    {
        _arena = new Arena(_device);
        Parameters = new Parameters(_device, _arena);
        Loaded = ModelCatalog.Load(ModelDirectory.Open(Golden.Path("models", family)), Parameters);
    }

    public Parameters Parameters { get; }

    public LoadedModel Loaded { get; }

    public long Live => _arena.Account.Live;

    public EncodedSample Prompt(string text, params string[] pictures)
    {
        ContentPart[] content = [.. pictures.Select(_ => new ImagePart()), new TextPart(text)];
        return Loaded.Processor.Encode(
            new Conversation([new ChatMessage("user", content)], [.. pictures.Select(p => ImageDecoder.Decode(Golden.Path("cases", "images", p)))]),
            new EncodeOptions { Loss = LossOn.Nothing, AddGenerationPrompt = true });
    }

    /// <summary>Next-token logits from the whole sequence at once, without a cache.</summary>
    public float[] Uncached(EncodedSample prompt, IEnumerable<int> answer)
    {
        int[] ids = [.. prompt.Ids, .. answer];
        int[] labels = new int[ids.Length];
        Array.Fill(labels, TokenBatch.Ignored);
        ModelInput input = Loaded.Processor.Collate([prompt with { Ids = ids, Labels = labels }]);
        using var scope = new StepScope(_device, _arena, record: false);
        float[] logits = Loaded.Model.LmHead.Forward(scope, Loaded.Model.Hidden(scope, input)).ToHost<float>();
        return logits[^Loaded.Model.VocabularySize..];
    }

    public void Dispose()
    {
        Loaded.Dispose();
        _arena.Dispose();
        _device.Dispose();
    }
}
