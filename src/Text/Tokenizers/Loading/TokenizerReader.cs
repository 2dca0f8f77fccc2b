using System.Text.Json;

namespace Lorikeet.Text.Tokenizers;

/// <summary>Everything that a tokenizer is made of.</summary>
internal sealed record TokenizerParts
{
    /// <summary>Where it was read from, for messages.</summary>
    public required string File { get; init; }

    public required ITokenModel Model { get; init; }

    public required AddedVocabulary Added { get; init; }

    public required PreTokenizer? PreTokenizer { get; init; }

    public required IPostProcessor? PostProcessor { get; init; }

    public required Func<DecodeStage, DecodeStage> Decoder { get; init; }

    public required SpecialTokenNames Names { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }
}

/// <summary>The tokens that tokenizer_config.json gives a role.</summary>
internal sealed record SpecialTokenNames
{
    public string? Bos { get; init; }

    public string? Eos { get; init; }

    public string? Pad { get; init; }

    public string? Unk { get; init; }
}

/// <summary>Reads tokenizer.json and tokenizer_config.json.</summary>
internal static class TokenizerReader
{
    // The largest in use are about 35 MB.
    private const long MaxBytes = 256L << 20;
    private const int MaxAddedTokens = 1 << 20;

    public static TokenizerParts Read(string path, string? configPath)
    {
        using JsonDocument document = Open(path);
        JsonPart root = Root(path, document);
        using JsonDocument? configDocument = configPath is null ? null : Open(configPath);
        JsonPart? config = configDocument is null ? null : Root(configPath!, configDocument);

        JsonPart version = root["version"];
        if (!version.IsNull && version.String() != "1.0")
        {
            throw version.Expected("\"1.0\"");
        }

        INormalizer? normalizer = ComponentReader.Normalizer(root["normalizer"]);
        ITokenModel model = ModelReader.Read(root.Required("model"));
        AddedVocabulary added = new(model.Vocabulary, normalizer);
        List<string> warnings = [];
        ReadAddedTokens(root["added_tokens"], model.Vocabulary, added, warnings);
        SpecialTokenNames names = config is null ? new SpecialTokenNames() : TokenizerConfigReader.Apply(config.Value, added);
        added.Seal();

        int maxId = Math.Max(model.Vocabulary.MaxId, added.Tokens.Count == 0 ? -1 : added.Tokens.Keys.Max());
        IPostProcessor? post = PostProcessorReader.Read(root["post_processor"], Math.Max(maxId, 0));
        return new TokenizerParts
        {
            File = path,
            Model = model,
            Added = added,
            PreTokenizer = ComponentReader.PreTokenizer(root["pre_tokenizer"]),
            PostProcessor = config is null ? post : TokenizerConfigReader.Frame(config.Value, names, model.Vocabulary, added) ?? post,
            Decoder = ComponentReader.Decoder(root["decoder"]),
            Names = names with { Unk = names.Unk ?? model.UnknownToken },
            Warnings = warnings,
        };
    }

    /// <summary>An added token of tokenizer.json or tokenizer_config.json.</summary>
    public static AddedToken AddedToken(JsonPart part, bool special = false) => new(part.Required("content").String())
    {
        SingleWord = part["single_word"].Bool(false),
        LStrip = part["lstrip"].Bool(false),
        RStrip = part["rstrip"].Bool(false),
        Normalized = part["normalized"].Bool(!part["special"].Bool(special)),
        Special = part["special"].Bool(special),
    };

    private static void ReadAddedTokens(JsonPart part, Vocabulary vocabulary, AddedVocabulary added, List<string> warnings)
    {
        if (part.IsNull)
        {
            return;
        }

        if (part.Element.ValueKind == JsonValueKind.Array && part.Element.GetArrayLength() > MaxAddedTokens)
        {
            throw part.Error($"{part.Element.GetArrayLength()} tokens; at most {MaxAddedTokens} are read.");
        }

        added.BeginGroup();
        foreach (JsonPart item in part.Items())
        {
            AddedToken token = AddedToken(item);
            int declared = item.Required("id").Int(int.MaxValue);
            int id = added.Add(token);
            if (id >= 0 && id != declared)
            {
                warnings.Add($"{part.File}: {item.Path}: token '{token.Content}' declares id {declared} but gets {id}, as in the reference: "
                    + (vocabulary.TryGetId(token.Content, out _) ? "the vocabulary says so." : "new ids follow the vocabulary without gaps."));
            }
        }
    }

    private static JsonDocument Open(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw new FileNotFoundException($"{path}: no such file.", path);
        }

        if (file.Length > MaxBytes)
        {
            throw new InvalidDataException($"{path}: {file.Length} bytes; a tokenizer file has at most {MaxBytes}.");
        }

        try
        {
            ReadOnlyMemory<byte> bytes = File.ReadAllBytes(path);
            bool mark = bytes.Span.StartsWith("\uFEFF"u8);
            return JsonDocument.Parse(mark ? bytes[3..] : bytes);
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(
                $"{path}: no valid JSON at line {(error.LineNumber ?? 0) + 1}, byte {(error.BytePositionInLine ?? 0) + 1}: {error.Message}", error);
        }
    }

    private static JsonPart Root(string path, JsonDocument document)
    {
        JsonPart root = new(path, "", document.RootElement);
        return document.RootElement.ValueKind == JsonValueKind.Object ? root : throw root.Expected("an object");
    }
}
