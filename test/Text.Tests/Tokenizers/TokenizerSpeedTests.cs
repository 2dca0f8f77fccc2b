using System.Diagnostics;
using System.Text.Json.Nodes;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

/// <summary>Far below what was measured, so that only a change of complexity fails; processor time, as machines are shared.</summary>
[Trait("tier", "slow")]
public sealed class TokenizerSpeedTests
{
    [Fact]
    public void AVocabularyOfOneHundredAndFiftyThousandLoadsWithinASecond()
    {
        string json = LargeTokenizer();
        double seconds = TokenizerSamples.FromText(json, path => Measure(() => Assert.True(Tokenizer.Load(path).VocabularySize > 150_000)));
        Assert.True(seconds < 1.5, $"{seconds:F2} s");
    }

    [Theory]
    [InlineData("qwen2")]
    [InlineData("smollm2")]
    [InlineData("llama2_legacy")]
    public void ChatTextIsEncodedAtMegabytesPerSecond(string name)
    {
        Tokenizer tokenizer = TokenizerSamples.Load(name);
        string text = string.Concat(Enumerable.Repeat("What is shown in the picture? A red square, 3 blue circles and the word \"hello\".\n", 25));
        tokenizer.Encode(text);
        double seconds = Measure(() =>
        {
            for (int i = 0; i < 1000; i++)
            {
                tokenizer.Encode(text);
            }
        });
        Assert.True(seconds < text.Length * 1000 / 1e6, $"{text.Length * 1000 / 1e6 / seconds:F1} MB/s");
    }

    [Theory]
    [InlineData("qwen2", "a")]
    [InlineData("qwen2", " ")]
    [InlineData("qwen2", "A")]
    [InlineData("tekken", "A")]
    [InlineData("tekken", "\u0301")]
    [InlineData("llama2_legacy", "a")]
    [InlineData("llama2_legacy", "龘")]
    [InlineData("gpt2", "\n ")]
    public void OneEndlessWordTakesNoMoreThanSeconds(string name, string unit)
    {
        Tokenizer tokenizer = TokenizerSamples.Load(name);
        string text = string.Concat(Enumerable.Repeat(unit, 300_000 / unit.Length));
        Assert.True(Measure(() => tokenizer.Encode(text)) < 10);
    }

    private static double Measure(Action action)
    {
        using Process process = Process.GetCurrentProcess();
        TimeSpan before = process.TotalProcessorTime;
        action();
        process.Refresh();
        return (process.TotalProcessorTime - before).TotalSeconds;
    }

    // The golden vocabulary, grown by joining its tokens.
    private static string LargeTokenizer()
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(TokenizerSamples.PathOf("qwen2")))!.AsObject();
        JsonObject vocab = json["model"]!["vocab"]!.AsObject();
        JsonArray merges = json["model"]!["merges"]!.AsArray();
        HashSet<string> known = vocab.Select(entry => entry.Key).ToHashSet();
        List<string> parts = known.Where(token => token.Length <= 5).ToList();
        Random random = new(60);
        while (known.Count < 151_643)
        {
            string left = parts[random.Next(parts.Count)];
            string right = parts[random.Next(parts.Count)];
            if (known.Add(left + right))
            {
                vocab.Add(left + right, known.Count - 1);
                merges.Add((JsonNode)new JsonArray(left, right));
                parts.Add(left.Length + right.Length <= 5 ? left + right : left);
            }
        }

        json["added_tokens"] = new JsonArray();
        return json.ToJsonString();
    }
}
