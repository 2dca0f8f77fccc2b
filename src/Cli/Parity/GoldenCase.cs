using System.Text.Json;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Text.Chat;

namespace Lorikeet.Cli.Parity;

/// <summary>One case of a golden directory: its sources, and what the reference made of them.</summary>
internal sealed class GoldenCase : IDisposable
{
    private readonly string _imageRoot;

    public GoldenCase(string root, string family, string name)
    {
        Family = family;
        Name = name;
        Json = JsonFile.Read(Path.Combine(root, "cases", family, name + ".json"));
        Expected = SafeTensorsFile.Open(Path.Combine(root, "cases", family, name + ".safetensors"));
        _imageRoot = Path.Combine(root, "cases", "images");
    }

    public string Family { get; }

    public string Name { get; }

    public JsonElement Json { get; }

    public SafeTensorsFile Expected { get; }

    /// <summary>Whether it starts from conversations.</summary>
    public bool HasMessages => Json.TryGetProperty("messages", out _);

    public int Samples => Json.GetProperty("messages").GetArrayLength();

    /// <summary>Reads the sources of every sample.</summary>
    public IReadOnlyList<Conversation> Conversations() =>
        [.. Enumerable.Range(0, Samples).Select(b => new Conversation(
            ChatMessageJson.Read(Json.GetProperty("messages")[b], $"{Family}/{Name} sample {b}"), Images(b)))];

    /// <summary>The conversations without their last assistant turn.</summary>
    public static Conversation Prompt(Conversation conversation) =>
        conversation with { Messages = [.. conversation.Messages.Take(conversation.Messages.Count - 1)] };

    /// <summary>How the reference was called.</summary>
    public EncodeOptions Options(LossOn loss, bool prompt = false)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (Json.TryGetProperty("template_kwargs", out JsonElement kwargs))
        {
            foreach (JsonProperty property in kwargs.EnumerateObject())
            {
                variables[property.Name] = ChatMessageJson.ToValue(property.Value);
            }
        }

        bool? split = Json.TryGetProperty("processor_kwargs", out JsonElement processor) && processor.TryGetProperty("do_image_splitting", out JsonElement value)
            ? value.GetBoolean()
            : null;
        return new EncodeOptions
        {
            Loss = loss,
            AddGenerationPrompt = prompt,
            Images = new ImageOptions { DoImageSplitting = split },
            TemplateVariables = variables,
        };
    }

    public void Dispose() => Expected.Dispose();

    private Image[] Images(int sample) => !Json.TryGetProperty("images", out JsonElement images)
        ? []
        : [.. images[sample].EnumerateArray().Select(v => ImageDecoder.Decode(Path.Combine(_imageRoot, v.GetString()!)))];
}
