namespace Lorikeet.Generation.Tests;

public sealed class SamplerTests
{
    private static float[] Logits(int count = 50) => [.. Enumerable.Range(0, count).Select(i => MathF.Sin(i * 1.7f) * 3)];

    [Fact]
    public void Greedy_takes_the_first_of_the_largest()
    {
        var sampler = new Sampler(new SamplingOptions());
        Assert.Equal(2, sampler.Next([0, 1, 5, 5, -1], [], 0));
    }

    [Fact]
    public void Greedy_still_uses_the_repetition_penalty()
    {
        var sampler = new Sampler(new SamplingOptions { RepetitionPenalty = 2 });
        Assert.Equal(1, sampler.Next([0, 4, 5], [2], 0));
    }

    [Fact]
    public void The_same_seed_sequence_and_step_draw_the_same_token()
    {
        var options = new SamplingOptions { Temperature = 1, Seed = 7 };
        var first = Enumerable.Range(0, 100).Select(step => new Sampler(options).Next(Logits(), [], step)).ToArray();
        var sampler = new Sampler(options);
        var again = Enumerable.Range(0, 100).Reverse().Select(step => sampler.Next(Logits(), [], step)).Reverse().ToArray();
        Assert.Equal(first, again);
        Assert.NotEqual(first, Enumerable.Range(0, 100).Select(step => new Sampler(options with { Seed = 8 }).Next(Logits(), [], step)));
        Assert.NotEqual(first, Enumerable.Range(0, 100).Select(step => new Sampler(options, sequence: 1).Next(Logits(), [], step)));
    }

    [Fact]
    public void Draws_follow_the_distribution()
    {
        var sampler = new Sampler(new SamplingOptions { Temperature = 0.7 });
        var counts = new int[6];
        const int Draws = 20_000;
        for (var step = 0; step < Draws; step++)
        {
            counts[sampler.Next([0, 1, 2, -1, 0.5f, float.NegativeInfinity], [], step)]++;
        }

        float[] scaled = [0, 1 / 0.7f, 2 / 0.7f, -1 / 0.7f, 0.5f / 0.7f, float.NegativeInfinity];
        var expected = Candidates.Softmax(scaled);
        for (var i = 0; i < counts.Length; i++)
        {
            // Five standard deviations of the count.
            Assert.Equal(expected[i] * Draws, counts[i], 5 * Math.Sqrt(Draws * expected[i] * (1 - expected[i])) + 0.01);
        }
    }

    [Fact]
    public void The_border_is_that_of_a_full_sort()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            var random = new Random(seed);
            var keys = new float[random.Next(1, 40)];
            var weights = new float[keys.Length];
            for (var i = 0; i < keys.Length; i++)
            {
                keys[i] = random.Next(8) switch { 0 => float.NegativeInfinity, 1 => -0f, 2 => 0, 3 => float.Epsilon, _ => random.Next(-20, 20) / 8f };
                weights[i] = random.Next(4);
            }

            var order = Enumerable.Range(0, keys.Length).Where(i => float.IsFinite(keys[i])).OrderBy(i => keys[i]).ThenBy(i => i).ToArray();
            var limit = random.Next(40);
            var (minRank, keepLast) = (random.Next(3), random.Next(1, 4));
            var (sum, expected) = (0.0, order.Length == 0 ? -1 : order[^1]);
            for (var rank = 0; rank < order.Length; rank++)
            {
                sum += weights[order[rank]];
                if (rank >= Math.Max(minRank, order.Length - keepLast) || (rank >= minRank && sum > limit))
                {
                    expected = order[rank];
                    break;
                }
            }

            Assert.Equal(expected, Candidates.Border(keys, weights, s => s > limit, minRank, keepLast));
        }
    }

    [Fact]
    public void Top_k_one_is_greedy()
    {
        var sampler = new Sampler(new SamplingOptions { Temperature = 1, TopK = 1 });
        Assert.All(Enumerable.Range(0, 20), step => Assert.Equal(Candidates.ArgMax(Logits()), sampler.Next(Logits(), [], step)));
    }

    [Fact]
    public void Placeholder_tokens_beyond_the_vocabulary_are_passed_over()
    {
        var sampler = new Sampler(new SamplingOptions { RepetitionPenalty = 2, NoRepeatNgramSize = 1 });
        Assert.Equal(0, sampler.Next([1, 5], [1, 99, -1], 0));
    }

    [Fact]
    public void Scores_that_are_no_numbers_are_an_error()
    {
        foreach (var temperature in new[] { 0.0, 1.0 })
        {
            var sampler = new Sampler(new SamplingOptions { Temperature = temperature, TopP = 0.9 });
            var error = Assert.Throws<InvalidDataException>(() => sampler.Next([1, float.NaN, 2, 3, float.NaN], [], 4));
            Assert.StartsWith("the model's scores of new token 4 hold NaN", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_token_left_is_an_error()
    {
        foreach (var temperature in new[] { 0.0, 1.0 })
        {
            var options = new SamplingOptions
            {
                NoRepeatNgramSize = 1, Temperature = temperature, TopK = 5, TopP = 0.9, MinP = 0.1, TypicalP = 0.9, EpsilonCutoff = 0.1, EtaCutoff = 0.1,
            };
            Assert.StartsWith(
                "no token is left at step 0",
                Assert.Throws<InvalidDataException>(() => new Sampler(options).Next([1, 2], [0, 1], 0)).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void All_bad_options_are_named_at_once()
    {
        var options = new SamplingOptions { MaxNewTokens = 0, Temperature = -1, TopK = -2, TopP = 0, MinP = 2, TypicalP = 1.5, RepetitionPenalty = 0, StopStrings = [""] };
        var error = Assert.Throws<InvalidDataException>(options.Validate);
        Assert.Equal(
            "generation: max_new_tokens: expected at least 1, found 0; temperature: expected 0 (greedy) or a positive number, found -1; "
            + "top_k: expected at least 1, or 0 for all tokens, found -2; top_p: expected a number above 0 and at most 1, found 0; "
            + "min_p: expected a number from 0 to 1, found 2; typical_p: expected a number above 0 and at most 1, found 1.5; "
            + "repetition_penalty: expected a number above 0 (1 is off), found 0; stop: expected texts of at least one character, found an empty text",
            error.Message);
    }
}
