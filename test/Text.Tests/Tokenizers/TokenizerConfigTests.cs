using System.Text.Json.Nodes;
using Lorikeet.Testing;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

public sealed class TokenizerConfigTests
{
    [Theory]
    [InlineData("smolvlm", "<|im_start|>", "<end_of_utterance>", "<|im_end|>", "<|endoftext|>")]
    [InlineData("idefics3", "<|im_start|>", "<end_of_utterance>", "<|im_end|>", "<|endoftext|>")]
    [InlineData("llava", "<s>", "</s>", "<pad>", "<unk>")]
    [InlineData("llava_next", "<s>", "</s>", "<pad>", "<unk>")]
    [InlineData("llava_phi3", "<s>", "<|end|>", "<pad>", "<unk>")]
    [InlineData("llava_siglip_llama", "<s>", "</s>", "<pad>", "<unk>")]
    [InlineData("llava_siglip_qwen2", null, "<|im_end|>", "<|endoftext|>", null)]
    [InlineData("mllama", "<|begin_of_text|>", "<|eot_id|>", "<|finetune_right_pad_id|>", null)]
    [InlineData("pixtral", "<s>", "</s>", "<pad>", "<unk>")]
    [InlineData("qwen2_vl", null, "<|im_end|>", "<|endoftext|>", null)]
    [InlineData("qwen2_5_vl", null, "<|im_end|>", "<|endoftext|>", null)]
    [InlineData("qwen3_vl", null, "<|im_end|>", "<|endoftext|>", null)]
    [InlineData("molmo", null, "<|endoftext|>", "<|endoftext|>", null)]
    public void RolesOfEveryGoldenModelAreKnown(string family, string? bos, string? eos, string? pad, string? unk)
    {
        Tokenizer tokenizer = Tokenizer.Load(Model(family, "tokenizer.json"), Model(family, "tokenizer_config.json"));
        Assert.Equal((bos, eos, pad, unk), (tokenizer.BosToken, tokenizer.EosToken, tokenizer.PadToken, tokenizer.UnkToken));
        foreach ((string? token, int? id) in new[]
        {
            (tokenizer.BosToken, tokenizer.BosTokenId), (tokenizer.EosToken, tokenizer.EosTokenId),
            (tokenizer.PadToken, tokenizer.PadTokenId), (tokenizer.UnkToken, tokenizer.UnkTokenId),
        })
        {
            Assert.Equal(token is null, id is null);
            Assert.True(id is null || (tokenizer.IsSpecial(id.Value) && tokenizer.IdToToken(id.Value) == token));
        }

        Assert.Empty(tokenizer.Warnings);
    }

    [Fact]
    public void WithoutConfigTheRolesAreUnknown()
    {
        Tokenizer tokenizer = Tokenizer.Load(Model("smolvlm", "tokenizer.json"));
        Assert.Null(tokenizer.BosToken);
        Assert.Null(tokenizer.EosTokenId);
    }

    [Fact]
    public void AddBosAndEosTokenRebuildTheFrame()
    {
        Tokenizer tokenizer = WithConfig(config =>
        {
            config["add_bos_token"] = true;
            config["add_eos_token"] = true;
        });
        int[] bare = tokenizer.Encode("hi", addSpecialTokens: false).Ids;
        int bos = tokenizer.BosTokenId!.Value;
        int eos = tokenizer.EosTokenId!.Value;
        Encoding encoding = tokenizer.Encode("hi");
        Assert.Equal([bos, .. bare, eos], encoding.Ids);
        Assert.Equal([1, .. bare.Select(_ => 0), 1], encoding.SpecialTokensMask);
        Encoding pair = tokenizer.EncodePair("hi", "hi");
        Assert.Equal([bos, .. bare, eos, bos, .. bare, eos], pair.Ids);
        Assert.Equal([0, .. bare.Select(_ => 0), 0, 1, .. bare.Select(_ => 1), 1], pair.TypeIds);
    }

    [Fact]
    public void AddBosTokenFalseTakesTheFramesBosAway()
    {
        Tokenizer tokenizer = WithConfig(config => config["add_bos_token"] = false);
        Assert.Equal(tokenizer.Encode("hi", addSpecialTokens: false).Ids, tokenizer.Encode("hi").Ids);
    }

    [Fact]
    public void DeclaredTokensExtendTheVocabularyAndChangeHowOnesMatch()
    {
        Tokenizer plain = Tokenizer.Load(Model("llava", "tokenizer.json"));
        Tokenizer tokenizer = WithConfig(config =>
        {
            JsonObject declared = config["added_tokens_decoder"]!.AsObject();
            declared["520"]!["rstrip"] = true;
            declared["522"] = JsonNode.Parse("""{"content":"<extra>","lstrip":false,"normalized":false,"rstrip":false,"single_word":false,"special":true}""");
            config["extra_special_tokens"] = JsonNode.Parse("""{"video_token":"<video>"}""");
        });
        Assert.Equal(plain.VocabularySize + 2, tokenizer.VocabularySize);
        Assert.Equal((522, 523), (tokenizer.TokenToId("<extra>"), tokenizer.TokenToId("<video>")));
        Assert.True(tokenizer.IsSpecial(523));
        Assert.Equal("<image>  ", tokenizer.Encode("<image>  x", addSpecialTokens: false).Tokens[0]);
    }

    [Fact]
    public void ATokenWithARoleIsSpecial()
    {
        Tokenizer plain = Tokenizer.Load(TokenizerSamples.PathOf("phi3"));
        Assert.False(plain.IsSpecial(2));
        Tokenizer tokenizer = TokenizerSamples.FromText("""{"eos_token":"</s>"}""", config => Tokenizer.Load(TokenizerSamples.PathOf("phi3"), config));
        Assert.True(tokenizer.IsSpecial(2));
        Assert.Equal("", tokenizer.Decode([2], skipSpecialTokens: true));
    }

    [Fact]
    public void SplitSpecialTokensLeavesThemAlone()
    {
        Tokenizer tokenizer = WithConfig(config => config["split_special_tokens"] = true);
        Assert.DoesNotContain(tokenizer.EosTokenId!.Value, tokenizer.Encode("a</s>").Ids);
    }

    [Theory]
    [InlineData("""{"eos_token": 3}""", "key 'eos_token': expected a string, found 3.")]
    [InlineData("""{"eos_token": {"contents": "x"}}""", "key 'eos_token.content': is missing.")]
    [InlineData("""{"added_tokens_decoder": {"x": {"content": "y"}}}""", "key 'added_tokens_decoder.x': expected an id as the key.")]
    [InlineData("""{"added_tokens_decoder": []}""", "key 'added_tokens_decoder': expected an object of ids and tokens, found an array.")]
    [InlineData("""{"add_bos_token": "yes"}""", "key 'add_bos_token': expected true or false, found \"yes\".")]
    public void AWrongConfigIsRefusedByKey(string config, string message)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(
            () => TokenizerSamples.FromText(config, path => Tokenizer.Load(TokenizerSamples.PathOf("phi3"), path)));
        Assert.EndsWith(message, error.Message, StringComparison.Ordinal);
    }

    private static string Model(string family, string file) => Golden.Path("models", family, file);

    private static Tokenizer WithConfig(Action<JsonObject> change)
    {
        JsonObject config = JsonNode.Parse(File.ReadAllText(Model("llava", "tokenizer_config.json")))!.AsObject();
        change(config);
        return TokenizerSamples.FromText(config.ToJsonString(), path => Tokenizer.Load(Model("llava", "tokenizer.json"), path));
    }
}
