using System.Text;
using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Generation.Tests;

/// <summary>Answers of whole models: the cache changes nothing, streams add up, stop rules hold.</summary>
public sealed class GeneratorTests
{
    public static TheoryData<string> Families() => ["idefics3", "smolvlm", "mllama"];

    [Theory]
    [MemberData(nameof(Families))]
    public void Decoding_over_a_cache_equals_whole_passes_in_a_batch_of_unequal_lengths(string family)
    {
        using var tiny = new TinyChat(family);
        EncodedSample[] prompts =
        [
            tiny.Prompt("What is in the picture?", "landscape.png"),
            tiny.Prompt("Hello"),
            tiny.Prompt("Compare the two, please, and say which one is larger.", "tiny.png", "portrait.png"),
        ];
        Assert.Equal(3, prompts.Select(p => p.Ids.Length).Distinct().Count());
        int[][] answers = [[5, 6, 7, 8, 9], [11, 12], [21, 22, 23, 24, 25]];
        using var session = new DecodeSession(tiny.Loaded.Model, tiny.Parameters, Compute.F32, 3, prompts.Max(p => p.Ids.Length) + 6);
        float[][] logits = session.Prefill(tiny.Loaded.Processor.Collate(prompts));
        for (int step = 0; step <= 5; step++)
        {
            for (int b = 0; b < 3; b++)
            {
                // A sequence that is finished delivers nothing, and its place does not move the others.
                if (step > answers[b].Length)
                {
                    Assert.Empty(logits[b]);
                    continue;
                }

                float[] expected = tiny.Uncached(prompts[b], answers[b].Take(step));
                double scale = expected.Max(Math.Abs), worst = logits[b].Zip(expected, (a, e) => Math.Abs(a - e)).Max();
                Assert.True(worst / scale < 1e-5, $"sequence {b}, step {step}: {worst / scale}");
            }

            if (step < 5)
            {
                logits = session.Step([.. answers.Select(a => step < a.Length ? a[step] : -1)]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_model_that_writes_an_image_token_goes_on(string family)
    {
        using var tiny = new TinyChat(family);
        EncodedSample prompt = tiny.Prompt("What is it?", "square.png");
        int image = prompt.Ids.GroupBy(id => id).MaxBy(ids => ids.Count())!.Key;
        using var session = new DecodeSession(tiny.Loaded.Model, tiny.Parameters, Compute.F32, 1, prompt.Ids.Length + 4);
        session.Prefill(tiny.Loaded.Processor.Collate([prompt]));
        Assert.All(session.Step([image])[0], logit => Assert.True(float.IsFinite(logit)));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_batch_answers_as_each_prompt_alone_and_streams_add_up(string family)
    {
        using var tiny = new TinyChat(family);
        EncodedSample[] prompts = [tiny.Prompt("What is it?", "tiny.png"), tiny.Prompt("And a longer question without any picture?")];
        var options = new SamplingOptions { MaxNewTokens = 12 };
        var generator = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32);
        long live = tiny.Live;
        var streams = prompts.Select(_ => new StringBuilder()).ToArray();
        IReadOnlyList<Answer> together = generator.Generate(prompts, options, (b, piece) => streams[b].Append(piece));
        Assert.Equal(live, tiny.Live);
        for (int b = 0; b < prompts.Length; b++)
        {
            Assert.Equal(generator.Generate([prompts[b]], options)[0].Tokens, together[b].Tokens);
            Assert.Equal(together[b].Text, streams[b].ToString());
            Assert.Equal(tiny.Loaded.Processor.Tokenizer.Decode([.. together[b].Tokens], skipSpecialTokens: true), together[b].Text);
        }
    }

    [Fact]
    public void A_stop_string_ends_the_answer_before_it()
    {
        using var tiny = new TinyChat("smolvlm");
        var generator = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32);
        EncodedSample prompt = tiny.Prompt("Describe the image in detail.", "landscape.png");
        Answer whole = generator.Generate([prompt], new SamplingOptions { MaxNewTokens = 16 })[0];
        string stop = whole.Text[3..6];
        var stream = new StringBuilder();
        Answer cut = generator.Generate([prompt], new SamplingOptions { MaxNewTokens = 16, StopStrings = [stop] }, (_, piece) => stream.Append(piece))[0];
        Assert.Equal(StopReason.StopString, cut.Reason);
        Assert.Equal(whole.Text[..whole.Text.IndexOf(stop, StringComparison.Ordinal)], cut.Text);
        Assert.Equal(cut.Text, stream.ToString());
        Assert.True(cut.Tokens.Count < whole.Tokens.Count);
    }

    [Fact]
    public void The_longest_answer_is_kept_to_and_said()
    {
        using var tiny = new TinyChat("smolvlm");
        Answer answer = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32).Generate([tiny.Prompt("Hello")], new SamplingOptions { MaxNewTokens = 3 })[0];
        Assert.Equal(3, answer.Tokens.Count);
        Assert.Equal(StopReason.MaxNewTokens, answer.Reason);
    }

    [Fact]
    public void The_same_seed_draws_the_same_tokens_and_another_seed_others()
    {
        using var tiny = new TinyChat("smolvlm");
        var generator = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32);
        EncodedSample prompt = tiny.Prompt("Hello");
        IReadOnlyList<int> Draw(ulong seed) => generator.Generate([prompt], new SamplingOptions { MaxNewTokens = 8, Temperature = 1.5, Seed = seed })[0].Tokens;
        Assert.Equal(Draw(1), Draw(1));
        Assert.NotEqual(Draw(1), Draw(2));
    }

    [Fact]
    public void A_cancelled_answer_stops_and_frees_its_memory()
    {
        using var tiny = new TinyChat("smolvlm");
        using var stop = new CancellationTokenSource();
        EncodedSample prompt = tiny.Prompt("Hello");
        long live = tiny.Live;
        Assert.ThrowsAny<OperationCanceledException>(() => new Generator(tiny.Loaded, tiny.Parameters, Compute.F32)
            .Generate([prompt], new SamplingOptions { MaxNewTokens = 200 }, (_, _) => stop.Cancel(), stop.Token));
        Assert.Equal(live, tiny.Live);
    }
}
