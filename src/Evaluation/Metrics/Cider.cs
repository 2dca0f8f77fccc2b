namespace Lorikeet.Evaluation;

/// <summary>
/// CIDEr-D, 0 to 10: how similar an answer is to the references in its runs of one to four words, where runs that are rare among the data
/// set's references weigh more, repeats are clipped and a difference in length is punished with a Gaussian of width 6.
/// </summary>
/// <remarks>
/// Source: Vedantam et al. 2015, as pycocoevalcap's <c>Cider</c> with n = 4, sigma = 6 and document frequencies of the data set
/// itself; like it, lengths are counted in runs of two words. Words are those of <see cref="CaptionTokenizer"/>, which is near, but not
/// equal to the Stanford tokenizer used there. A data set of one row has no rare runs: its value is 0.
/// </remarks>
public sealed class Cider : MeanMetric
{
    private const int Order = 4;
    private const double Sigma = 6;

    /// <inheritdoc/>
    public override string Name => "cider";

    /// <inheritdoc/>
    public override string Description => "CIDEr-D, 0 to 10, as pycocoevalcap (n 4, sigma 6, frequencies of this data set's references); own tokenizer";

    /// <inheritdoc/>
    public override MetricUnit Unit => MetricUnit.Number;

    /// <inheritdoc/>
    public override IReadOnlyList<RowScore> Score(IReadOnlyList<Prediction> predictions)
    {
        NgramCounts[][] references = [.. predictions.Select(p => p.References.Select(Count).ToArray())];
        Dictionary<string, int> documents = DocumentFrequencies(references);
        double logRows = Math.Log(predictions.Count);
        Weighted Weigh(NgramCounts counts) => Weighted.Of(counts, run => logRows - Math.Log(Math.Max(1, documents.GetValueOrDefault(run))));
        return [.. predictions.Select((prediction, row) =>
        {
            Weighted answer = Weigh(Count(prediction.Answer));
            double score = 10 * references[row].Average(reference => Similarity(answer, Weigh(reference)));
            return new RowScore(score, [score, 1]);
        })];
    }

    /// <inheritdoc/>
    protected override double Score(string answer, string reference) => throw new NotSupportedException("the whole data set counts");

    private static NgramCounts Count(string text) => new(CaptionTokenizer.Tokenize(text), Order);

    /// <summary>In how many rows' references each run occurs.</summary>
    private static Dictionary<string, int> DocumentFrequencies(NgramCounts[][] references)
    {
        var documents = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (NgramCounts[] row in references)
        {
            foreach (string run in row.SelectMany(r => Enumerable.Range(1, Order).SelectMany(n => r.Of(n).Keys)).Distinct(StringComparer.Ordinal))
            {
                documents[run] = documents.GetValueOrDefault(run) + 1;
            }
        }

        return documents;
    }

    /// <summary>Mean over the run lengths of the clipped cosine, times the penalty for the length.</summary>
    private static double Similarity(Weighted answer, Weighted reference)
    {
        double sum = 0;
        for (int n = 0; n < Order; n++)
        {
            double product = 0;
            foreach ((string run, double weight) in answer.Vectors[n])
            {
                double other = reference.Vectors[n].GetValueOrDefault(run);
                product += Math.Min(weight, other) * other;
            }

            double norms = answer.Norms[n] * reference.Norms[n];
            sum += norms == 0 ? product : product / norms;
        }

        double difference = answer.Length - reference.Length;
        return sum / Order * Math.Exp(-difference * difference / (2 * Sigma * Sigma));
    }

    /// <summary>A text as vectors of weighted runs.</summary>
    /// <param name="Vectors">Weights of the runs, per run length.</param>
    /// <param name="Norms">Euclidean norms of the vectors.</param>
    /// <param name="Length">Runs of two words.</param>
    private sealed record Weighted(Dictionary<string, double>[] Vectors, double[] Norms, int Length)
    {
        public static Weighted Of(NgramCounts counts, Func<string, double> idf)
        {
            var vectors = new Dictionary<string, double>[Order];
            double[] norms = new double[Order];
            for (int n = 0; n < Order; n++)
            {
                vectors[n] = counts.Of(n + 1).ToDictionary(c => c.Key, c => c.Value * idf(c.Key), StringComparer.Ordinal);
                norms[n] = Math.Sqrt(vectors[n].Values.Sum(weight => weight * weight));
            }

            return new Weighted(vectors, norms, Math.Max(0, counts.Length - 1));
        }
    }
}
