using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Text.Chat;

namespace Lorikeet.Cli.Parity;

/// <summary>The micro-batches of a training golden, made from messages and pictures.</summary>
internal sealed class SftSources
{
    private SftSources(IReadOnlyList<IReadOnlyList<EncodedSample>> samples, IReadOnlyList<ModelInput> batches)
    {
        Samples = samples;
        Batches = batches;
    }

    /// <summary>Samples by micro-batch; the last assistant turn carries the loss.</summary>
    public IReadOnlyList<IReadOnlyList<EncodedSample>> Samples { get; }

    /// <summary>Micro-batches.</summary>
    public IReadOnlyList<ModelInput> Batches { get; }

    /// <summary>Reads and processes all samples.</summary>
    public static SftSources Read(string file, string imageRoot, Processor processor)
    {
        var options = new EncodeOptions { Loss = LossOn.LastTurn };
        var samples = new List<IReadOnlyList<EncodedSample>>();
        foreach (JsonElement batch in JsonFile.Read(file).GetProperty("microbatches").EnumerateArray())
        {
            samples.Add([.. batch.EnumerateArray().Select((messages, i) =>
                processor.Encode(Conversation(messages, imageRoot, $"{file}: micro-batch {samples.Count}, sample {i}"), options))]);
        }

        return new SftSources(samples, [.. samples.Select(s => processor.Collate(s))]);
    }

    private static Conversation Conversation(JsonElement messages, string imageRoot, string where)
    {
        IReadOnlyList<ChatMessage> read = ChatMessageJson.Read(messages, where);
        IEnumerable<string> names = messages.EnumerateArray()
            .Where(m => m.GetProperty("content").ValueKind == JsonValueKind.Array)
            .SelectMany(m => m.GetProperty("content").EnumerateArray())
            .Where(part => part.TryGetProperty("image", out _))
            .Select(part => part.GetProperty("image").GetString()!);
        return new Conversation(read, [.. names.Select(name => ImageDecoder.Decode(Path.Combine(imageRoot, name)))]);
    }
}
