using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

public sealed class RoundTripTests
{
    [Theory]
    [InlineData("gpt2")]
    [InlineData("smollm2")]
    [InlineData("llama3")]
    [InlineData("tekken")]
    public void ByteLevelTokenizersGiveBackAnyText(string name)
    {
        Tokenizer tokenizer = TokenizerSamples.Load(name);
        Random random = new(30);
        for (int round = 0; round < 300; round++)
        {
            string text = TokenizerSamples.RandomText(random, 25);
            Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text, addSpecialTokens: false).Ids));
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama2_legacy")]
    [InlineData("qwen2")]
    public void OffsetsAreOrderedAndInsideTheText(string name)
    {
        Tokenizer tokenizer = TokenizerSamples.Load(name);
        Random random = new(31);
        for (int round = 0; round < 200; round++)
        {
            string text = TokenizerSamples.RandomText(random, 25);
            Encoding encoding = tokenizer.Encode(text, addSpecialTokens: false);
            int previous = 0;
            foreach ((int start, int end) in encoding.Utf16Offsets)
            {
                Assert.InRange(start, previous, text.Length);
                Assert.InRange(end, start, text.Length);
                previous = start;
            }
        }
    }

    [Fact]
    public void ALoneSurrogateCountsAsTheReplacementCharacter()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("gpt2");
        Encoding encoding = tokenizer.Encode("a\uD83D b");
        Assert.Equal(tokenizer.Encode("a\uFFFD b").Ids, encoding.Ids);
        Assert.Equal((4 - 2, 4), (encoding.Utf16Offsets[^1].Start, encoding.Utf16Offsets[^1].End));
    }

    [Fact]
    public void ThreadsGetTheSameIds()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("qwen2");
        Random random = new(32);
        string[] texts = Enumerable.Range(0, 40).Select(_ => TokenizerSamples.RandomText(random, 30)).ToArray();
        int[][] expected = texts.Select(text => tokenizer.Encode(text).Ids).ToArray();
        int[][] actual = texts.AsParallel().AsOrdered().WithDegreeOfParallelism(4).Select(text => tokenizer.Encode(text).Ids).ToArray();
        Assert.Equal(expected, actual);
    }
}
