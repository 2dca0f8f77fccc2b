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

    /// <summary>
    /// Walks through the finite keys from the smallest up (equals in the order of their ids), adding weights, and finds where the
    /// running sum first passes the limit. Only the keys near that place are sorted: the rest is summed in buckets.
    /// </summary>
    /// <param name="keys">(V) what is ordered; tokens whose key isn't finite take no part.</param>
    /// <param name="weights">(V) what is added, not negative.</param>
    /// <param name="passes">Whether a sum is past the limit; true for every larger one, too.</param>
    /// <param name="minRank">The place is never before this rank (0-based).</param>
    /// <param name="keepLast">Nor after the rank that leaves so many tokens from it to the end.</param>
    /// <returns>The id at that place; -1 if no key is finite.</returns>
    public static int Border(
        ReadOnlySpan<float> keys, ReadOnlySpan<float> weights, Func<double, bool> passes, int minRank = 0, int keepLast = 1)
    {
        var sums = new double[Buckets];
        var counts = new int[Buckets];
        var total = 0;
        for (var i = 0; i < keys.Length; i++)
        {
            if (float.IsFinite(keys[i]))
            {
                var bucket = (int)(OrderedBits(keys[i]) >> BucketShift);
                sums[bucket] += weights[i];
                counts[bucket]++;
                total++;
            }
        }

        var maxRank = Math.Max(minRank, total - keepLast);
        var (sum, rank) = (0.0, 0);
        for (var bucket = 0; bucket < Buckets; bucket++)
        {
            var after = rank + counts[bucket];
            if (counts[bucket] > 0 && after > minRank && (after > maxRank || passes(sum + sums[bucket])))
            {
                return WithinBucket(keys, weights, bucket, sum, rank, (minRank, maxRank), passes);
            }

            sum += sums[bucket];
            rank = after;
        }

        return total == 0 ? -1 : WithinBucket(keys, weights, (int)(OrderedBits(Max(keys)) >> BucketShift), 0, 0, (0, int.MaxValue), _ => false);
    }

    private const int BucketShift = 18;
    private const int Buckets = 1 << (32 - BucketShift);

    /// <summary>The border within a bucket; the bucket's last id if none of its sums passes.</summary>
    private static int WithinBucket(
        ReadOnlySpan<float> keys, ReadOnlySpan<float> weights, int bucket, double sum, int rank, (int Min, int Max) ranks, Func<double, bool> passes)
    {
        var members = new List<ulong>();
        for (var i = 0; i < keys.Length; i++)
        {
            if (float.IsFinite(keys[i]) && OrderedBits(keys[i]) >> BucketShift == bucket)
            {
                members.Add(((ulong)OrderedBits(keys[i]) << 32) | (uint)i);
            }
        }

        members.Sort();
        foreach (var member in members)
        {
            var id = (int)(uint)member;
            sum += weights[id];
            if (rank >= ranks.Max || (rank >= ranks.Min && passes(sum)))
            {
                return id;
            }

            rank++;
        }

        return (int)(uint)members[^1];
    }

    /// <summary>Whether token a stands before token b in the order of <see cref="Border"/>.</summary>
    public static bool Before(ReadOnlySpan<float> keys, int a, int b) => keys[a] < keys[b] || (keys[a] == keys[b] && a < b);

    /// <summary>The bits of a float as an integer that orders like the float.</summary>
    private static uint OrderedBits(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value + 0f); // -0 counts as 0
        return (bits & 0x8000_0000) == 0 ? bits | 0x8000_0000 : ~bits;
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
