using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Generation.Tests;

/// <summary>Many prompts, a few at a time: the answers are those of one prompt alone, and places are used again.</summary>
public sealed class BatchGeneratorTests
{
    private static readonly SamplingOptions Greedy = new() { MaxNewTokens = 10 };

    [Theory]
    [InlineData("idefics3", 3, 4096)]
    [InlineData("smolvlm", 3, 4096)]
    [InlineData("llava", 3, 4096)]
    [InlineData("mllama", 2, 4096)]
    [InlineData("smolvlm", 2, 1)] // every prompt is read alone
    [InlineData("smolvlm", 1, 4096)]
    [InlineData("smolvlm", 16, 4096)] // more places than prompts
    public void Answers_equal_those_of_each_prompt_alone_in_the_order_of_the_prompts(string family, int batchSize, int prefillTokens)
    {
        using var tiny = new TinyChat(family);
        EncodedSample[] prompts = Prompts(tiny);
        long live = tiny.Live;
        IReadOnlyList<Answer> together = Batch(tiny, batchSize, prefillTokens).Generate(prompts, Greedy);
        Assert.Equal(live, tiny.Live);
        var alone = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32);
        for (int i = 0; i < prompts.Length; i++)
        {
            Answer expected = alone.Generate([prompts[i]], Greedy)[0];
            Assert.Equal(expected.Tokens, together[i].Tokens);
            Assert.Equal(expected.Text, together[i].Text);
            Assert.Equal(expected.Reason, together[i].Reason);
        }

        // The test says something only if the answers differ.
        Assert.True(together.Select(a => a.Text).Distinct().Count() >= 3);
    }

    [Fact]
    public void A_finished_sequence_gives_its_place_to_the_next_prompt_at_once()
    {
        using var tiny = new TinyChat("smolvlm");
        EncodedSample[] prompts = Prompts(tiny);
        var alone = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32);
        string stop = alone.Generate([prompts[0]], Greedy)[0].Text[1..2];
        var options = Greedy with { StopStrings = [stop] };
        int[] steps = [.. prompts.Select(p => alone.Generate([p], options)[0].Tokens.Count)];
        Assert.True(steps.Distinct().Count() > 1, string.Join(' ', steps)); // otherwise there would be nothing to reorder

        // With two places and lists of work taken in order, the finish order is that of list scheduling.
        List<int> order = [.. Batch(tiny, 2, 4096).Stream(prompts.Select((p, i) => new BatchPrompt(i, p)), options).Select(a => a.Key)];
        Assert.Equal(ListSchedule(steps, places: 2), order);
        Assert.Equal(prompts.Length, order.Count);
    }

    [Fact]
    public void A_longer_prompt_opens_a_larger_cache_once_the_others_are_done()
    {
        using var tiny = new TinyChat("smolvlm");
        EncodedSample[] prompts = [tiny.Prompt("Hi"), tiny.Prompt("Hello"), tiny.Prompt(string.Concat(Enumerable.Repeat("A much longer question. ", 20))), tiny.Prompt("Hello")];
        IReadOnlyList<Answer> together = Batch(tiny, 2, 4096).Generate(prompts, Greedy);
        var alone = new Generator(tiny.Loaded, tiny.Parameters, Compute.F32);
        Assert.Equal(prompts.Select(p => alone.Generate([p], Greedy)[0].Text), together.Select(a => a.Text));
    }

    [Fact]
    public void Draws_depend_on_the_key_and_not_on_the_neighbours()
    {
        using var tiny = new TinyChat("smolvlm");
        EncodedSample prompt = tiny.Prompt("Hello");
        SamplingOptions options = Greedy with { Temperature = 1.2, Seed = 5 };
        Dictionary<int, string> Texts(params int[] keys) =>
            Batch(tiny, 3, 4096).Stream(keys.Select(k => new BatchPrompt(k, prompt)), options).ToDictionary(a => a.Key, a => a.Answer.Text);
        Dictionary<int, string> all = Texts(0, 1, 2, 3, 4);
        Assert.Equal(all[3], Texts(3)[3]);
        Assert.Equal(all[3], Texts(9, 3)[3]);
        Assert.True(all.Values.Distinct().Count() > 1);
    }

    [Fact]
    public void Prompts_are_pulled_only_when_there_is_a_place_and_memory_is_freed_when_the_reader_leaves()
    {
        using var tiny = new TinyChat("smolvlm");
        EncodedSample prompt = tiny.Prompt("Hello");
        long live = tiny.Live;
        int pulled = 0;
        IEnumerable<BatchPrompt> Source()
        {
            while (true)
            {
                yield return new BatchPrompt(pulled++, prompt);
            }
        }

        foreach (BatchAnswer answer in Batch(tiny, 2, 4096).Stream(Source(), Greedy).Take(3))
        {
            Assert.True(pulled <= answer.Key + 4, $"{pulled} prompts were pulled for answer {answer.Key}");
            Assert.Equal(prompt.Ids.Length, answer.PromptTokens);
        }

        Assert.Equal(live, tiny.Live);
    }

    [Fact]
    public void No_prompts_give_no_answers()
    {
        using var tiny = new TinyChat("smolvlm");
        Assert.Empty(Batch(tiny, 2, 4096).Generate([], Greedy));
    }

    private static BatchGenerator Batch(TinyChat tiny, int batchSize, int prefillTokens) =>
        new(tiny.Loaded, tiny.Parameters, Compute.F32, new BatchOptions { BatchSize = batchSize, PrefillTokens = prefillTokens });

    private static EncodedSample[] Prompts(TinyChat tiny) =>
    [
        tiny.Prompt("What is in the picture?", "landscape.png"),
        tiny.Prompt("Hello"),
        tiny.Prompt("Compare the two, please, and say which one is larger.", "tiny.png", "portrait.png"),
        tiny.Prompt("And a longer question without any picture?"),
        tiny.Prompt("What is it?", "tiny.png"),
        tiny.Prompt("Describe the image in detail.", "landscape.png"),
        tiny.Prompt("Why?"),
    ];

    /// <summary>Finish order of jobs of given lengths, each of which starts as soon as a place is free.</summary>
    private static List<int> ListSchedule(int[] steps, int places)
    {
        var order = new List<int>();
        var running = new (int Job, int Left)?[places];
        int next = 0;
        while (order.Count < steps.Length)
        {
            for (int p = 0; p < places; p++)
            {
                running[p] ??= next < steps.Length ? (next, steps[next++]) : null;
            }

            for (int p = 0; p < places; p++)
            {
                if (running[p] is { } job)
                {
                    running[p] = job.Left > 1 ? (job.Job, job.Left - 1) : null;
                    if (job.Left == 1)
                    {
                        order.Add(job.Job);
                    }
                }
            }
        }

        return order;
    }
}
