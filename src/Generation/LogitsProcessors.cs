namespace Lorikeet.Generation;

/// <summary>
/// Changes the logits (V) of the next token in place; removed tokens become minus infinity.
/// Source: transformers <c>logits_process.py</c>.
/// </summary>
public interface ILogitsProcessor
{
    /// <summary>Changes the logits.</summary>
    /// <param name="logits">(V) scores of the next token.</param>
    /// <param name="tokens">Ids of the prompt and of the tokens generated so far.</param>
    void Apply(Span<float> logits, ReadOnlySpan<int> tokens);
}

/// <summary>Divides the positive and multiplies the negative logits of tokens that already occurred (CTRL, arXiv 1909.05858).</summary>
/// <param name="penalty">Above 1 weakens, below 1 strengthens.</param>
public sealed class RepetitionPenalty(double penalty) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        var factor = (float)penalty;
        var seen = new HashSet<int>();
        foreach (var token in tokens)
        {
            // Placeholder ids beyond the vocabulary have no logit.
            if ((uint)token < (uint)logits.Length && seen.Add(token))
            {
                logits[token] = logits[token] < 0 ? logits[token] * factor : logits[token] / factor;
            }
        }
    }
}

/// <summary>Removes every token that would complete a sequence of <paramref name="size"/> tokens that already occurred.</summary>
/// <param name="size">Length of the sequences.</param>
public sealed class NoRepeatNgram(int size) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        if (tokens.Length + 1 < size)
        {
            return;
        }

        var last = tokens[(tokens.Length - size + 1)..];
        for (var start = 0; start + size <= tokens.Length; start++)
        {
            var next = tokens[start + size - 1];
            if ((uint)next < (uint)logits.Length && tokens.Slice(start, size - 1).SequenceEqual(last))
            {
                logits[next] = float.NegativeInfinity;
            }
        }
    }
}

/// <summary>Divides the logits.</summary>
/// <param name="temperature">Above 0; below 1 sharpens, above 1 flattens.</param>
public sealed class Temperature(double temperature) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        var divisor = (float)temperature;
        foreach (ref var logit in logits)
        {
            logit /= divisor;
        }
    }
}

/// <summary>Keeps the k largest logits, and those equal to the k-th.</summary>
/// <param name="k">At least 1.</param>
/// <param name="minTokensToKeep">A lower bound on k.</param>
public sealed class TopK(int k, int minTokensToKeep = 1) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        var limit = Candidates.Largest(logits, Math.Max(k, minTokensToKeep));
        foreach (ref var logit in logits)
        {
            logit = logit < limit ? float.NegativeInfinity : logit;
        }
    }
}

/// <summary>Keeps the smallest set of likeliest tokens whose probabilities reach p (nucleus sampling, arXiv 1904.09751).</summary>
/// <param name="p">Above 0, at most 1.</param>
/// <param name="minTokensToKeep">So many are kept at least.</param>
public sealed class TopP(double p, int minTokensToKeep = 1) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        // From the least likely upwards: everything whose running sum stays within 1 - p goes.
        var limit = (float)(1 - p);
        var scores = logits.ToArray();
        var first = Candidates.Border(scores, Candidates.Softmax(logits), sum => (float)sum > limit, keepLast: minTokensToKeep);
        for (var i = 0; i < scores.Length; i++)
        {
            if (first >= 0 && Candidates.Before(scores, i, first))
            {
                logits[i] = float.NegativeInfinity;
            }
        }
    }
}

/// <summary>Keeps tokens of at least <paramref name="p"/> times the probability of the likeliest (arXiv 2407.01082).</summary>
/// <param name="p">From 0 to 1.</param>
/// <param name="minTokensToKeep">So many of the likeliest are kept at least.</param>
public sealed class MinP(double p, int minTokensToKeep = 1) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        var probabilities = Candidates.Softmax(logits);
        var limit = (float)p * Candidates.Max(probabilities);
        Candidates.RemoveBelow(logits, probabilities, limit, Candidates.Largest(logits, minTokensToKeep));
    }
}

/// <summary>Keeps the tokens whose information is closest to the expected one, until they reach the mass (arXiv 2202.00666).</summary>
/// <param name="mass">Above 0, at most 1.</param>
/// <param name="minTokensToKeep">So many are kept at least.</param>
public sealed class TypicalP(double mass, int minTokensToKeep = 1) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        var logProbabilities = Candidates.LogSoftmax(logits);
        var entropy = (float)Candidates.Entropy(logProbabilities);
        var distances = new float[logits.Length];
        for (var i = 0; i < distances.Length; i++)
        {
            distances[i] = MathF.Abs(-logProbabilities[i] - entropy);
        }

        // Removed tokens are infinitely far and take no part.
        var last = Candidates.Border(distances, Candidates.Softmax(logits), sum => (float)sum >= (float)mass, minRank: minTokensToKeep - 1);
        for (var i = 0; i < distances.Length; i++)
        {
            if (last >= 0 && distances[i] > distances[last])
            {
                logits[i] = float.NegativeInfinity;
            }
        }
    }
}

/// <summary>Keeps tokens of at least a fixed probability (arXiv 2210.15191).</summary>
/// <param name="epsilon">From 0 to below 1.</param>
/// <param name="minTokensToKeep">So many of the likeliest are kept at least.</param>
public sealed class EpsilonCutoff(double epsilon, int minTokensToKeep = 1) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens) => Candidates.RemoveBelow(
        logits, Candidates.Softmax(logits), (float)epsilon, Candidates.Largest(logits, minTokensToKeep));
}

/// <summary>Keeps tokens above min(epsilon, sqrt(epsilon) * exp(-entropy)) (arXiv 2210.15191).</summary>
/// <param name="epsilon">From 0 to below 1.</param>
/// <param name="minTokensToKeep">So many of the likeliest are kept at least.</param>
public sealed class EtaCutoff(double epsilon, int minTokensToKeep = 1) : ILogitsProcessor
{
    /// <inheritdoc/>
    public void Apply(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        var entropy = Candidates.Entropy(Candidates.LogSoftmax(logits));
        var limit = (float)Math.Min(epsilon, Math.Sqrt(epsilon) * Math.Exp(-entropy));
        Candidates.RemoveBelow(logits, Candidates.Softmax(logits), limit, Candidates.Largest(logits, minTokensToKeep));
    }
}
