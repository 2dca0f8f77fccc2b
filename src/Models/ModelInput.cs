namespace Lorikeet.Models;

/// <summary>What a model sees at once: tokens, and the pictures that their image tokens stand for.</summary>
/// <param name="Tokens">Token-aligned arrays.</param>
/// <param name="Vision">The pictures in the family's own form, or null for text alone.</param>
public sealed record ModelInput(TokenBatch Tokens, VisionInput? Vision)
{
    /// <summary>
    /// Whether the tokens are a reply's, chosen by the model one at a time: an image token among them is a word like any other, as
    /// transformers takes it once the pictures have been seen.
    /// </summary>
    public bool IsReply { get; init; }
}

/// <summary>Pictures, ready for a family's vision tower.</summary>
/// <param name="FeatureRows">Image-token rows per sequence [B]: equal to the number of image tokens in each, which is checked for every batch.</param>
public abstract record VisionInput(int[] FeatureRows);
