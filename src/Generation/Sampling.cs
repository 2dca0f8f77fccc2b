using Lorikeet.Tensors;

namespace Lorikeet.Generation;

/// <summary>
/// Chooses the next token: the processors in transformers' order (repetition penalty, n-grams, temperature, top-k, top-p, min-p,
/// typical, epsilon, eta), then the likeliest token or a seeded draw. A draw depends on nothing but the logits, the seed, the sequence's
/// number and the step, so that a text can be reproduced whatever was generated beside it.
/// </summary>
public sealed class Sampler
{
    private readonly SamplingOptions _options;
    private readonly ILogitsProcessor[] _processors;
    private readonly ulong _key;

    /// <summary>A sampler for one sequence.</summary>
    /// <param name="options">Checked here.</param>
    /// <param name="sequence">Number of the sequence: several answers to one prompt differ by it.</param>
    /// <exception cref="InvalidDataException">An option is out of range.</exception>
    public Sampler(SamplingOptions options, int sequence = 0)
    {
        options.Validate();
        _options = options;
        _processors = [.. Processors(options)];
        _key = Rng.Key(options.Seed, (ulong)sequence, Rng.Key("sampling"));
    }

    /// <summary>The processors that the options ask for, in order.</summary>
    public static IEnumerable<ILogitsProcessor> Processors(SamplingOptions options)
    {
        if (options.RepetitionPenalty is { } penalty and not 1)
        {
            yield return new RepetitionPenalty(penalty);
        }

        if (options.NoRepeatNgramSize is { } size and > 0)
        {
            yield return new NoRepeatNgram(size);
        }

        if (options.IsGreedy)
        {
            yield break; // what follows never changes which token is the likeliest
        }

        if (options.Temperature != 1)
        {
            yield return new Temperature(options.Temperature);
        }

        if (options.TopK is { } k and > 0)
        {
            yield return new TopK(k);
        }

        if (options.TopP is { } p and < 1)
        {
            yield return new TopP(p);
        }

        if (options.MinP is { } least and > 0)
        {
            yield return new MinP(least);
        }

        if (options.TypicalP is { } mass and < 1)
        {
            yield return new TypicalP(mass);
        }

        if (options.EpsilonCutoff is { } epsilon and > 0)
        {
            yield return new EpsilonCutoff(epsilon);
        }

        if (options.EtaCutoff is { } eta and > 0)
        {
            yield return new EtaCutoff(eta);
        }
    }

    /// <summary>Chooses the next token. Overwrites <paramref name="logits"/>.</summary>
    /// <param name="logits">(V) scores of the next token.</param>
    /// <param name="tokens">Ids of the prompt and of the tokens generated so far.</param>
    /// <param name="step">Number of the new token, from 0.</param>
    /// <returns>The token's id.</returns>
    /// <exception cref="InvalidDataException">A logit is NaN, or no token is left.</exception>
    public int Next(Span<float> logits, ReadOnlySpan<int> tokens, int step)
    {
        foreach (var logit in logits)
        {
            if (float.IsNaN(logit) || float.IsPositiveInfinity(logit))
            {
                throw new InvalidDataException(
                    $"the model's scores of new token {step} hold {logit}: its weights or the adapter's are damaged, or the computation overflowed");
            }
        }

        foreach (var processor in _processors)
        {
            processor.Apply(logits, tokens);
        }

        var best = Candidates.ArgMax(logits);
        if (float.IsNegativeInfinity(logits[best]))
        {
            throw new InvalidDataException($"no token is left at step {step}: no_repeat_ngram_size forbids all of them");
        }

        return _options.IsGreedy ? best : Draw(logits, logits[best], step);
    }

    /// <summary>Inverse of the cumulative distribution at one uniform number, in the order of the ids.</summary>
    private int Draw(ReadOnlySpan<float> logits, float max, int step)
    {
        var total = 0.0;
        foreach (var logit in logits)
        {
            total += Math.Exp(logit - max);
        }

        var (high, low, _, _) = Rng.Philox(_key, (ulong)step, 0);
        var target = ((((ulong)high << 32) | low) >> 11) * (1.0 / (1UL << 53)) * total;
        var last = 0;
        for (var i = 0; i < logits.Length; i++)
        {
            var weight = Math.Exp(logits[i] - max);
            if (weight > 0)
            {
                last = i;
                target -= weight;
                if (target < 0)
                {
                    return i;
                }
            }
        }

        return last; // rounding left a crumb
    }
}
