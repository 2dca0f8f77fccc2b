using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

public sealed class StreamingDecoderTests
{
    public static TheoryData<string> Names => GoldenTokenizerTests.Names;

    [Theory]
    [MemberData(nameof(Names))]
    public void JoinedChunksEqualTheDecodedListForAnyIds(string name)
    {
        Tokenizer tokenizer = TokenizerSamples.Load(name);
        Random random = new(20);
        for (int round = 0; round < 300; round++)
        {
            int[] ids = RandomIds(tokenizer, random);
            bool skip = random.Next(2) == 0;
            Check(tokenizer, ids, skip);
        }
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void JoinedChunksEqualTheDecodedListForRealText(string name)
    {
        Tokenizer tokenizer = TokenizerSamples.Load(name);
        Random random = new(21);
        for (int round = 0; round < 100; round++)
        {
            Check(tokenizer, tokenizer.Encode(TokenizerSamples.RandomText(random, 20)).Ids, skip: false);
        }
    }

    [Fact]
    public void ACharacterOfFourBytesComesOutWhenItsLastByteArrives()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("gpt2");
        int[] ids = tokenizer.Encode("\U0001F600!").Ids;
        StreamingDecoder stream = tokenizer.CreateStream();
        string[] chunks = ids.Select(stream.Push).ToArray();
        Assert.Equal(["", "", "", "\U0001F600", "!"], chunks);
        Assert.Equal("", stream.Flush());
    }

    [Fact]
    public void WordsComeOutAtOnce()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("qwen2");
        StreamingDecoder stream = tokenizer.CreateStream();
        foreach (int id in tokenizer.Encode("What is shown in the picture?").Ids)
        {
            Assert.NotEqual("", stream.Push(id));
        }
    }

    [Fact]
    public void AfterFlushANewTextBegins()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("llama2_legacy");
        StreamingDecoder stream = tokenizer.CreateStream();
        int[] ids = tokenizer.Encode("hello world", addSpecialTokens: false).Ids;
        for (int round = 0; round < 2; round++)
        {
            string text = string.Concat(ids.Select(stream.Push)) + stream.Flush();
            Assert.Equal("hello world", text);
        }
    }

    [Fact]
    public void AnIncompleteCharacterIsMarkedAtTheEnd()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("gpt2");
        int[] ids = tokenizer.Encode("\U0001F600").Ids;
        StreamingDecoder stream = tokenizer.CreateStream();
        Assert.Equal("", stream.Push(ids[0]));
        Assert.Equal("\uFFFD", stream.Flush());
    }

    private static int[] RandomIds(Tokenizer tokenizer, Random random)
    {
        int[] ids = new int[random.Next(40)];
        for (int i = 0; i < ids.Length; i++)
        {
            // Mostly bytes and added tokens, which are what makes streaming hard; some ids are beyond the vocabulary.
            ids[i] = random.Next(4) == 0 ? random.Next(tokenizer.VocabularySize + 20) : random.Next(Math.Min(300, tokenizer.VocabularySize));
        }

        return ids;
    }

    private static void Check(Tokenizer tokenizer, int[] ids, bool skip)
    {
        StreamingDecoder stream = tokenizer.CreateStream(skip);
        string joined = "";
        foreach (int id in ids)
        {
            string chunk = stream.Push(id);
            Assert.True(chunk.Length == 0 || (!char.IsHighSurrogate(chunk[^1]) && !char.IsLowSurrogate(chunk[0])), $"half a character in '{chunk}'");
            joined += chunk;
        }

        Assert.Equal(tokenizer.Decode(ids, skip), joined + stream.Flush());
    }
}
