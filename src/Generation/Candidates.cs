namespace Lorikeet.Generation;

/// <summary>What the logits processors compute from the scores of one position (V). Reductions are in double.</summary>
internal static class Candidates
{
    public static float Max(ReadOnlySpan<float> values)
    {
        var max = float.NegativeInfinity;
        foreach (var value in values)
        {
            max = value > max ? value : max;
        }

        return max;
    }

    /// <summary>Index of the largest score; the first one of equals.</summary>
    public static int ArgMax(ReadOnlySpan<float> logits)
    {
        var best = 0;
        for (var i = 1; i < logits.Length; i++)
        {
            best = logits[i] > logits[best] ? i : best;
        }

        return best;
    }

    public static float[] Softmax(ReadOnlySpan<float> logits)
    {
        var result = LogSoftmax(logits);
        foreach (ref var value in result.AsSpan())
        {
            value = MathF.Exp(value);
        }

        return result;
    }

    public static float[] LogSoftmax(ReadOnlySpan<float> logits)
    {
        var max = Max(logits);
        var sum = 0.0;
        foreach (var logit in logits)
        {
            sum += MathF.Exp(logit - max);
        }

        var shift = max + Math.Log(sum);
        var result = new float[logits.Length];
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = (float)(logits[i] - shift);
        }

        return result;
    }

    /// <summary>-sum p log p; removed tokens count nothing.</summary>
    public static double Entropy(ReadOnlySpan<float> logProbabilities)
    {
        var sum = 0.0;
        foreach (var value in logProbabilities)
        {
            sum -= float.IsNegativeInfinity(value) ? 0 : value * Math.Exp(value);
        }

        return sum;
    }

    /// <summary>Token ids from the smallest score to the largest; equals in the order of their ids.</summary>
    public static int[] Ascending(ReadOnlySpan<float> logits)
    {
        var order = new int[logits.Length];
        var keys = new (float Score, int Id)[logits.Length];
        for (var i = 0; i < order.Length; i++)
        {
            keys[i] = (logits[i], i);
            order[i] = i;
        }

        Array.Sort(keys, order, Comparer<(float Score, int Id)>.Create((a, b) =>
            a.Score < b.Score ? -1 : a.Score > b.Score ? 1 : a.Id - b.Id));
        return order;
    }

    /// <summary>The k-th largest score; the smallest if there are fewer.</summary>
    public static float Largest(ReadOnlySpan<float> logits, int k)
    {
        if (k >= logits.Length)
        {
            return float.NegativeInfinity;
        }

        // A min-heap of the k largest so far; its root is what a score must beat.
        var heap = new PriorityQueue<float, float>(k);
        foreach (var logit in logits)
        {
            if (heap.Count < k)
            {
                heap.Enqueue(logit, logit);
            }
            else if (logit > heap.Peek())
            {
                heap.DequeueEnqueue(logit, logit);
            }
        }

        return heap.Peek();
    }

    /// <summary>Removes tokens below a probability, but none with a score of at least <paramref name="kept"/>.</summary>
    public static void RemoveBelow(Span<float> logits, ReadOnlySpan<float> probabilities, float limit, float kept)
    {
        for (var i = 0; i < logits.Length; i++)
        {
            if (probabilities[i] < limit && logits[i] < kept)
            {
                logits[i] = float.NegativeInfinity;
            }
        }
    }
}
