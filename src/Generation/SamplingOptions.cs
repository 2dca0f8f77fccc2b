using System.Globalization;

namespace Lorikeet.Generation;

/// <summary>
/// How the next token is chosen and when a text ends; the names are those of transformers' GenerationConfig. Null switches a
/// restriction off.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Longest reply in tokens (<c>max_new_tokens</c>).</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Divides the logits; 0 (or less than a millionth) takes the likeliest token at every step, greedily (<c>temperature</c>).</summary>
    public double Temperature { get; init; }

    /// <summary>Only the k likeliest tokens; null or 0: all (<c>top_k</c>).</summary>
    public int? TopK { get; init; }

    /// <summary>Only the likeliest tokens that together reach this probability (<c>top_p</c>).</summary>
    public double? TopP { get; init; }

    /// <summary>Only tokens at least this likely compared with the likeliest (<c>min_p</c>).</summary>
    public double? MinP { get; init; }

    /// <summary>Only the most typical tokens that together reach this probability (<c>typical_p</c>).</summary>
    public double? TypicalP { get; init; }

    /// <summary>Only tokens of at least this probability (<c>epsilon_cutoff</c>).</summary>
    public double? EpsilonCutoff { get; init; }

    /// <summary>Only tokens of a probability that depends on the entropy (<c>eta_cutoff</c>).</summary>
    public double? EtaCutoff { get; init; }

    /// <summary>Weakens tokens that already occurred, in the prompt or the reply; null or 1: off (<c>repetition_penalty</c>).</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>No sequence of so many tokens occurs twice; null or 0: off (<c>no_repeat_ngram_size</c>).</summary>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary>Seed of the draw (<c>seed</c>): the same seed gives the same text.</summary>
    public ulong Seed { get; init; } = 42;

    /// <summary>Texts that end the reply and are not part of it (<c>stop</c>).</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Whether the likeliest token is taken instead of drawing one.</summary>
    public bool IsGreedy => Temperature < 1e-6;

    /// <summary>Checks every value.</summary>
    /// <exception cref="InvalidDataException">Some values are out of range; the message names all of them.</exception>
    public void Validate()
    {
        var problems = new List<string>();
        void Require(bool holds, string name, object? value, string expected)
        {
            if (!holds)
            {
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"{name}: expected {expected}, found {value}"));
            }
        }

        Require(MaxNewTokens >= 1, "max_new_tokens", MaxNewTokens, "at least 1");
        Require(Temperature >= 0 && double.IsFinite(Temperature), "temperature", Temperature, "0 (greedy) or a positive number");
        Require(TopK is null or >= 0, "top_k", TopK, "at least 1, or 0 for all tokens");
        Require(TopP is null or (> 0 and <= 1), "top_p", TopP, "a number above 0 and at most 1");
        Require(MinP is null or (>= 0 and <= 1), "min_p", MinP, "a number from 0 to 1");
        Require(TypicalP is null or (> 0 and <= 1), "typical_p", TypicalP, "a number above 0 and at most 1");
        Require(EpsilonCutoff is null or (>= 0 and < 1), "epsilon_cutoff", EpsilonCutoff, "a number from 0 to below 1");
        Require(EtaCutoff is null or (>= 0 and < 1), "eta_cutoff", EtaCutoff, "a number from 0 to below 1");
        Require(RepetitionPenalty is null or (> 0 and < double.PositiveInfinity), "repetition_penalty", RepetitionPenalty, "a number above 0 (1 is off)");
        Require(NoRepeatNgramSize is null or >= 0, "no_repeat_ngram_size", NoRepeatNgramSize, "at least 1, or 0 for off");
        Require(StopStrings.All(s => s.Length > 0), "stop", "an empty text", "texts of at least one character");
        if (problems.Count > 0)
        {
            throw new InvalidDataException("generation: " + string.Join("; ", problems));
        }
    }
}
