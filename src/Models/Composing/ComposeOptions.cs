namespace Lorikeet.Models.Composing;

/// <summary>What to join, and how.</summary>
public sealed record ComposeOptions
{
    /// <summary>Directory of a CLIP or SigLIP model, or of its vision tower alone.</summary>
    public required string Vision { get; init; }

    /// <summary>Directory of a text model.</summary>
    public required string Text { get; init; }

    /// <summary>The token that stands for a picture; added to the tokenizer where it has none.</summary>
    public string ImageToken { get; init; } = "<image>";

    /// <summary>The layer of the tower whose hidden states become features, counted from the end where negative.</summary>
    public int FeatureLayer { get; init; } = -2;

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
/// <param name="TokensPerPicture">Image tokens of a picture.</param>
/// <param name="ConnectorValues">Values of the new connector.</param>
public sealed record ComposeReport(int ImageTokenId, int AddedRows, int TokensPerPicture, long ConnectorValues);
