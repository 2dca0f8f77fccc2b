using Lorikeet.Models;

namespace Lorikeet.Training.Checks;

/// <summary>What is kept of a row until its turn has come: no texts, no pixels.</summary>
/// <param name="Origin">Where it stands, <c>file:line</c>.</param>
/// <param name="Findings">What is wrong with it by itself.</param>
/// <param name="Content">Identity of the sample; null where the row or a picture cannot be read.</param>
/// <param name="Cost">Its tokens; null where it has none, or would not be trained on.</param>
internal sealed record RowFacts(string Origin, IReadOnlyList<Finding> Findings, UInt128? Content, SampleCost? Cost);

/// <summary>What a sample costs.</summary>
/// <param name="Tokens">Tokens, image tokens included.</param>
/// <param name="Supervised">Tokens that carry loss.</param>
/// <param name="Pictures">Its pictures as the model sees them.</param>
internal sealed record SampleCost(int Tokens, int Supervised, IReadOnlyList<PictureShape> Pictures)
{
    /// <summary>The cost of an encoded sample.</summary>
    public static SampleCost Of(EncodedSample sample) => new(sample.Ids.Length, sample.Supervised, sample.Layout?.Pictures ?? []);
}
