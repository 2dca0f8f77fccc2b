namespace Lorikeet.Training.Planning;

/// <summary>What a sample, or a batch, costs: everything that the size of its activations depends on.</summary>
/// <param name="Tokens">Tokens, image tokens included.</param>
/// <param name="Supervised">Tokens that carry loss.</param>
/// <param name="Pictures">Pictures.</param>
/// <param name="ImageTokens">Tokens that stand for pictures.</param>
/// <param name="Patches">Patches that the vision tower computes on.</param>
internal readonly record struct SampleCost(int Tokens, int Supervised, int Pictures, int ImageTokens, int Patches)
{
    /// <summary>Both together.</summary>
    public static SampleCost operator +(SampleCost a, SampleCost b) => new(
        a.Tokens + b.Tokens, a.Supervised + b.Supervised, a.Pictures + b.Pictures, a.ImageTokens + b.ImageTokens, a.Patches + b.Patches);
}
