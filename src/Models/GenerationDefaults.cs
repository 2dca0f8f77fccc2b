namespace Lorikeet.Models;

/// <summary>
/// What a model directory says about generation: <c>generation_config.json</c>, and for token ids that it leaves out, <c>config.json</c>
/// and its text part. Source: transformers <c>GenerationConfig</c>; null means that the files are silent.
/// </summary>
public sealed record GenerationDefaults
{
    /// <summary>Ids that end a text; empty when no file names one.</summary>
    public IReadOnlyList<int> EosTokenIds { get; init; } = [];

    /// <summary>Id of the beginning-of-text token.</summary>
    public int? BosTokenId { get; init; }

    /// <summary>Id used for padding.</summary>
    public int? PadTokenId { get; init; }

    /// <summary>Whether the model's authors sample by default.</summary>
    public bool DoSample { get; init; }

    /// <summary>Sampling temperature.</summary>
    public double? Temperature { get; init; }

    /// <summary>Candidates kept by probability rank.</summary>
    public int? TopK { get; init; }

    /// <summary>Probability mass kept.</summary>
    public double? TopP { get; init; }

    /// <summary>Least probability kept, relative to the best candidate's.</summary>
    public double? MinP { get; init; }

    /// <summary>Mass kept by local typicality.</summary>
    public double? TypicalP { get; init; }

    /// <summary>Divisor (above 1) on the scores of tokens already present.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Limit on new tokens.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Limit on prompt and new tokens together.</summary>
    public int? MaxLength { get; init; }

    internal static GenerationDefaults From(ConfigSection? generation, ConfigSection config)
    {
        // Where the generation file is silent, token ids come from the model's own files.
        ConfigSection?[] places = [generation, config, config.TrySection("text_config")];
        return new GenerationDefaults
        {
            EosTokenIds = places.Select(p => p?.TryInts("eos_token_id")).FirstOrDefault(ids => ids is not null) ?? [],
            BosTokenId = places.Select(p => p?.TryInt("bos_token_id")).FirstOrDefault(id => id is not null),
            PadTokenId = places.Select(p => p?.TryInt("pad_token_id")).FirstOrDefault(id => id is not null),
            DoSample = generation?.TryBool("do_sample") ?? false,
            Temperature = generation?.TryDouble("temperature"),
            TopK = generation?.TryInt("top_k"),
            TopP = generation?.TryDouble("top_p"),
            MinP = generation?.TryDouble("min_p"),
            TypicalP = generation?.TryDouble("typical_p"),
            RepetitionPenalty = generation?.TryDouble("repetition_penalty"),
            MaxNewTokens = generation?.TryInt("max_new_tokens"),
            MaxLength = generation?.TryInt("max_length"),
        };
    }
}
