using System.Globalization;

namespace Lorikeet.Evaluation;

/// <summary>The metrics by name. A metric is one file in this folder and one line here.</summary>
public static class MetricCatalog
{
    /// <summary>What is measured where nothing is asked for.</summary>
    public static readonly IReadOnlyList<string> Default = ["exact_match", "contains", "anls", "rouge_l"];

    private static readonly IReadOnlyDictionary<string, Func<MetricOptions, IMetric>> Known = new OrderedDictionary<string, Func<MetricOptions, IMetric>>(StringComparer.Ordinal)
    {
        ["exact_match"] = _ => new ExactMatch(),
        ["quasi_exact_match"] = _ => new QuasiExactMatch(),
        ["vqa_accuracy"] = _ => new VqaAccuracy(),
        ["contains"] = _ => new Contains(),
        ["relaxed_accuracy"] = options => new RelaxedAccuracy(options.NumericTolerance),
        ["anls"] = _ => new Anls(),
        ["bleu"] = _ => new Bleu(),
        ["rouge_l"] = _ => new RougeL(),
        ["cider"] = _ => new Cider(),
        ["loss"] = _ => new TokenLoss(),
        ["perplexity"] = _ => new Perplexity(),
    };

    private static readonly Dictionary<string, string> Synonyms = new(StringComparer.Ordinal)
    {
        ["em"] = "exact_match", ["accuracy"] = "exact_match", ["numeric"] = "relaxed_accuracy", ["numeric_tolerance"] = "relaxed_accuracy",
        ["sacrebleu"] = "bleu", ["rouge"] = "rouge_l", ["rougel"] = "rouge_l", ["rouge-l"] = "rouge_l", ["cider_d"] = "cider", ["cider-d"] = "cider",
        ["ppl"] = "perplexity", ["eval_loss"] = "loss", ["token_loss"] = "loss", ["vqa"] = "vqa_accuracy",
    };

    /// <summary>All names.</summary>
    public static IEnumerable<string> Names => Known.Keys;

    /// <summary>The metrics of a list of names.</summary>
    /// <param name="names">Names or their synonyms, in any case; null for <see cref="Default"/>.</param>
    /// <param name="options">Settings of metrics that have some.</param>
    /// <exception cref="InvalidDataException">A name is not known, or a setting is out of range.</exception>
    public static IReadOnlyList<IMetric> Create(IReadOnlyList<string>? names, MetricOptions options)
    {
        if (!(options.NumericTolerance >= 0) || !double.IsFinite(options.NumericTolerance))
        {
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"numeric tolerance: expected 0 or a positive number such as 0.05, found {options.NumericTolerance}"));
        }

        var metrics = new OrderedDictionary<string, IMetric>(StringComparer.Ordinal);
        foreach (string asked in names is { Count: > 0 } ? names : Default)
        {
            string name = asked.ToLowerInvariant();
            name = Synonyms.GetValueOrDefault(name, name);
            if (!Known.TryGetValue(name, out Func<MetricOptions, IMetric>? create))
            {
                throw new InvalidDataException($"metrics: '{asked}' is not known; expected some of {string.Join(", ", Names)}");
            }

            metrics.TryAdd(name, create(options));
        }

        return [.. metrics.Values];
    }
}

/// <summary>Settings of metrics.</summary>
public sealed record MetricOptions
{
    /// <summary>Relative tolerance of relaxed_accuracy.</summary>
    public double NumericTolerance { get; init; } = 0.05;
}
