using Lorikeet.Nn;

namespace Lorikeet.Models.Tests.Decoders;

/// <summary>Rotary scaling of every type and windows of every kind, against plain arithmetic, in batches, with a cache, and backwards.</summary>
public sealed class DecoderVariantTests
{
    private const string LongRope = """
        {"model_type":"phi3","max_position_embeddings":160,"original_max_position_embeddings":16,
         "rope_scaling":{"type":"longrope","short_factor":[1.0,1.1,1.3,1.5],"long_factor":[1.0,2.5,4.0,7.5]}}
        """;

    /// <summary>Text configs, by a name for messages.</summary>
    public static TheoryData<string, string> Variants => new()
    {
        { "llama", "{}" },
        { "linear", """{"rope_scaling":{"type":"linear","factor":3.0}}""" },
        { "dynamic", """{"rope_scaling":{"type":"dynamic","factor":2.0},"rope_theta":500.0}""" },
        { "dynamic of version 5", """{"rope_parameters":{"rope_type":"dynamic","factor":4.0,"rope_theta":300.0}}""" },
        { "yarn", """{"rope_scaling":{"rope_type":"yarn","factor":4.0,"original_max_position_embeddings":200,"beta_fast":8.0},"rope_theta":100.0}""" },
        { "yarn with a factor of its own", """{"rope_parameters":{"rope_type":"yarn","factor":4.0,"rope_theta":50.0,"attention_factor":0.8,"beta_fast":2.5,"beta_slow":0.25}}""" },
        { "longrope", LongRope },
        { "longrope of version 5", """{"model_type":"phi3","max_position_embeddings":160,"original_max_position_embeddings":12,"rope_parameters":{"rope_type":"longrope","rope_theta":400.0,"original_max_position_embeddings":3,"partial_rotary_factor":0.5,"short_factor":[1.0,1.5],"long_factor":[1.2,6.0]}}""" },
        { "a part of a head", """{"model_type":"phi3","partial_rotary_factor":0.75}""" },
        { "mistral", """{"model_type":"mistral","sliding_window":5,"head_dim":12}""" },
        { "mistral without a window", """{"model_type":"mistral","sliding_window":null}""" },
        { "phi3", """{"model_type":"phi3","sliding_window":7}""" },
        { "qwen2", """{"model_type":"qwen2","use_sliding_window":true,"sliding_window":4,"max_window_layers":1}""" },
        { "qwen2 with types of layers", """{"model_type":"qwen2","use_sliding_window":true,"sliding_window":3,"max_window_layers":2,"layer_types":["sliding_attention","full_attention"]}""" },
        { "qwen2 without windows", """{"model_type":"qwen2","use_sliding_window":false,"sliding_window":4,"max_window_layers":1}""" },
        { "qwen3", """{"model_type":"qwen3","head_dim":16,"use_sliding_window":true,"sliding_window":6,"max_window_layers":0,"rope_scaling":{"type":"dynamic","factor":2.0}}""" },
    };

    [Theory]
    [MemberData(nameof(Variants))]
    public void Hidden_states_are_those_of_plain_arithmetic(string name, string json)
    {
        using var tiny = new TinyDecoder(json);
        int[] lengths = [9, 30, 1, 16, 17];
        float[] x = tiny.Draw(lengths), y = tiny.Run(x, lengths);
        double[] expected = tiny.Expected(x, lengths);
        double worst = y.Zip(expected, (a, b) => Math.Abs(a - b)).Max();
        Assert.True(worst < 2e-5 * expected.Max(Math.Abs), $"{name}: {worst}");
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Sequences_in_one_batch_are_those_alone(string name, string json)
    {
        using var tiny = new TinyDecoder(json);
        int[] lengths = [9, 30, 1, 17];
        float[] x = tiny.Draw(lengths), w = tiny.Draw(lengths, 6), y = tiny.Run(x, lengths), gradient = tiny.Gradient(x, w, lengths);
        int start = 0;
        foreach (int length in lengths)
        {
            Range rows = start..(start + (length * tiny.Hidden));
            Close(tiny.Run(x[rows], [length]), y[rows], name);
            Close(tiny.Gradient(x[rows], w[rows], [length]), gradient[rows], name);
            start = rows.End.Value;
        }
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Gradients_are_those_of_finite_differences(string name, string json)
    {
        using var tiny = new TinyDecoder(json);
        const float Step = 1f / 64;
        int[] lengths = [5, 21];
        float[] x = tiny.Draw(lengths), w = tiny.Draw(lengths, 6), gradient = tiny.Gradient(x, w, lengths);
        double difference = 0, size = 0;
        for (int i = 3; i < x.Length; i += 29)
        {
            float centre = x[i];
            double At(int steps)
            {
                x[i] = centre + (steps * Step);
                return tiny.Run(x, lengths).Zip(w, (a, b) => (double)a * b).Sum();
            }

            double expected = ((8 * (At(1) - At(-1))) - (At(2) - At(-2))) / (12.0 * Step);
            x[i] = centre;
            difference += Math.Pow(expected - gradient[i], 2);
            size += Math.Pow(expected, 2);
        }

        Assert.True(Math.Sqrt(difference / size) < 1e-3, $"{name}: {Math.Sqrt(difference / size)}");
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void A_cache_gives_at_every_step_what_a_pass_over_all_gives(string name, string json)
    {
        // The reference leaves the keys in the cache as they are where a sequence's base grows ("dynamic").
        int most = json.Contains("dynamic", StringComparison.Ordinal) ? 16 : 30;
        using var tiny = new TinyDecoder(json);
        int[] firsts = [9, 14, 4];
        float[][] x = [.. firsts.Select((_, b) => tiny.Draw([most], 20 + (ulong)b))];
        using KvCache cache = tiny.Decoder.NewCache(tiny.Parameters, 3, most);
        int[] counts = [.. firsts];
        for (int round = 0; cache.Length(0) < most || cache.Length(2) < most; round++)
        {
            int[] held = [.. Enumerable.Range(0, 3).Select(cache.Length)];
            float[] given = [.. Enumerable.Range(0, 3).SelectMany(b => x[b][(held[b] * tiny.Hidden)..((held[b] + counts[b]) * tiny.Hidden)])];
            float[] y = tiny.Run(given, counts, cache);
            int start = 0;
            for (int b = 0; b < 3; b++)
            {
                int length = held[b] + counts[b], values = counts[b] * tiny.Hidden;
                if (values > 0)
                {
                    Close(tiny.Run(x[b][..(length * tiny.Hidden)], [length])[^values..], y[start..(start + values)], $"{name}, sequence {b}, {length} tokens");
                }

                start += values;
            }

            // The first and the last sequence a token or three at a time, the second one only every other time.
            counts = [Math.Min(1, most - cache.Length(0)), round % 2 == 0 ? Math.Min(1, most - cache.Length(1)) : 0, Math.Min(3, most - cache.Length(2))];
        }
    }

    [Fact]
    public void A_place_of_the_cache_begins_again_with_short_frequencies()
    {
        using var tiny = new TinyDecoder(LongRope);
        using KvCache cache = tiny.Decoder.NewCache(tiny.Parameters, 2, 20);
        float[] x = tiny.Draw([20]);
        tiny.Run([.. x, .. x[..(3 * tiny.Hidden)]], [20, 3], cache);
        cache.Clear(0);
        float[] y = tiny.Run([.. x[..(16 * tiny.Hidden)]], [16, 0], cache);
        Close(tiny.Run(x[..(16 * tiny.Hidden)], [16]), y, "after a clearing");
        float[] next = tiny.Run([.. x[(16 * tiny.Hidden)..(17 * tiny.Hidden)], .. x[(3 * tiny.Hidden)..(4 * tiny.Hidden)]], [1, 1], cache);
        Close(tiny.Run(x[..(17 * tiny.Hidden)], [17])[^tiny.Hidden..], next[..tiny.Hidden], "behind the switch");
        Close(tiny.Run(x[..(4 * tiny.Hidden)], [4])[^tiny.Hidden..], next[tiny.Hidden..], "the other sequence");
    }

    [Fact]
    public void Growing_with_the_cache_dynamic_keeps_the_keys_of_earlier_tokens_as_they_were()
    {
        using var tiny = new TinyDecoder("""{"rope_scaling":{"type":"dynamic","factor":2.0},"rope_theta":500.0}""");
        float[] x = tiny.Draw([24]);
        using KvCache cache = tiny.Decoder.NewCache(tiny.Parameters, 1, 24);
        float[] y = tiny.Run(x[..(14 * tiny.Hidden)], [14], cache);
        for (int t = 14; t < 24; t++)
        {
            y = [.. y, .. tiny.Run(x[(t * tiny.Hidden)..((t + 1) * tiny.Hidden)], [1], cache)];
        }

        // Every token turns by the length that its sequence had when it came.
        double[] expected = tiny.Expected(x, [24], t => t + 1);
        double worst = y.Zip(expected, (a, b) => Math.Abs(a - b)).Max(), size = expected.Max(Math.Abs);
        Assert.True(worst < 2e-5 * size, $"{worst}");
        Assert.True(tiny.Expected(x, [24]).Zip(expected, (a, b) => Math.Abs(a - b)).Max() > 1e-2 * size);
    }

    [Fact]
    public void Flops_count_what_a_window_leaves()
    {
        using var open = new TinyDecoder("""{"model_type":"mistral","sliding_window":null}""");
        using var narrow = new TinyDecoder("""{"model_type":"mistral","sliding_window":10}""");
        double Attention(TinyDecoder tiny, int length) => tiny.Decoder.Flops([length]).Where(f => f.Layer is null).Sum(f => f.MultiplyAdds);
        Assert.Equal(Attention(open, 8), Attention(narrow, 8));
        Assert.Equal(Attention(open, 40) * ((40.0 * 40) - (30.0 * 30)) / (40.0 * 40), Attention(narrow, 40), 1e-6);
    }

    private static void Close(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        float worst = expected.Zip(actual, (a, b) => Math.Abs(a - b)).Max(), size = expected.Max(Math.Abs);
        Assert.True(worst <= 1e-5 * size, $"{what}: {worst} of {size}");
    }
}
