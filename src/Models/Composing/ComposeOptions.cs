namespace Lorikeet.Models.Composing;

/// <summary>What to join, and how.</summary>
public sealed record ComposeOptions
{
    /// <summary>Directory of a CLIP or SigLIP model or of its vision tower alone, or of a Qwen2-VL or Qwen2.5-VL model.</summary>
    public required string Vision { get; init; }

    /// <summary>Directory of a text model.</summary>
    public required string Text { get; init; }

    /// <summary>The token that stands for a picture; added to the tokenizer where it has none.</summary>
    public string ImageToken { get; init; } = "<image>";

    /// <summary>
    /// The layers of a CLIP or SigLIP tower whose hidden states become features, side by side, counted from the end where negative; empty
    /// for the last but one.
    /// </summary>
    public IReadOnlyList<int> FeatureLayers { get; init; } = [];

    /// <summary>Whether the first row of a picture's hidden states is dropped; null: where the tower has a class token.</summary>
    public bool? DropsClassToken { get; init; }

    /// <summary>A chat template instead of the text model's own; null for its own.</summary>
    public string? Template { get; init; }

    /// <summary>Standard deviation of the connector's new matrices.</summary>
    public float Deviation { get; init; } = 0.02f;

    /// <summary>Seed of the connector's new matrices.</summary>
    public ulong Seed { get; init; } = 42;
}

/// <summary>What was joined.</summary>
/// <param name="ImageTokenId">Id of the token that stands for a picture.</param>
/// <param name="AddedRows">Rows added to the embeddings (and the head), or 0.</param>
/// <param name="Tokens">Image tokens of a picture.</param>
/// <param name="ConnectorValues">Values of the new connector.</param>
/// <param name="OwnType">The model type where no other program loads the directory; null where transformers does.</param>
public sealed record ComposeReport(int ImageTokenId, int AddedRows, PictureTokens Tokens, long ConnectorValues, string? OwnType);

/// <summary>How many image tokens a picture becomes.</summary>
/// <param name="Least">Of the smallest picture.</param>
/// <param name="Most">Of the largest.</param>
/// <param name="Edge">Edge in pixels of the square that one token stands for, where the number depends on the picture.</param>
public sealed record PictureTokens(int Least, int Most, int? Edge = null);
