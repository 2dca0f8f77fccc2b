using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

/// <summary>The golden tiktoken file; image spans, which are the family's affair, are left out.</summary>
public sealed class TiktokenTests
{
    private const string Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly string[] ImageTags = ["<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"];

    private static readonly string[] Specials =
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>", .. Enumerable.Range(0, 205).Select(i => $"<|extra_{i}|>"), .. ImageTags];

    [Fact]
    public void EncodesAndDecodesAsTheReference()
    {
        Tokenizer all = Load(Specials, nfc: true);
        Tokenizer none = Load([], nfc: false);
        int texts = 0;
        foreach (JsonElement item in Cases().GetProperty("cases").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            if (text.Contains("<img>", StringComparison.Ordinal))
            {
                continue;
            }

            texts++;
            int[] ids = Ints(item.GetProperty("ids"));
            Assert.Equal(ids, all.Encode(text).Ids);
            Assert.Equal(Ints(item.GetProperty("ids_no_special")), none.Encode(text).Ids);
            Assert.Equal(item.GetProperty("decoded").GetString(), all.Decode(ids));
            Assert.Equal(item.GetProperty("decoded_skip_special").GetString(), all.Decode(ids, skipSpecialTokens: true));
        }

        Assert.True(texts > 150, $"only {texts} texts");
        Assert.Equal(Cases().GetProperty("vocab_size").GetInt32(), all.VocabularySize);
    }

    [Theory]
    [InlineData("IQ==", "line 1: expected a token in base64, a space and a rank up to 16777216, found 'IQ=='.")]
    [InlineData("I Q 0", "line 1: expected")]
    [InlineData("IQ== -1", "line 1: expected")]
    [InlineData("IQ== 99999999999", "line 1: expected")]
    [InlineData("IQ== 0\nIg== 0", "line 2: the token or the rank 0 has been given before.")]
    [InlineData("IQ== 0", "no token for the single byte 0; every byte needs one.")]
    public void AWrongFileIsRefusedByLine(string content, string message)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() =>
            TokenizerSamples.FromText(content, path => Tokenizer.LoadTiktoken(path, new TiktokenOptions { Pattern = Pattern })));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static Tokenizer Load(string[] specials, bool nfc) => Tokenizer.LoadTiktoken(
        Golden.Path("models", "qwen_vl_v1", "qwen.tiktoken"),
        new TiktokenOptions { Pattern = Pattern, SpecialTokens = specials, NormalizeNfc = nfc });

    private static JsonElement Cases() =>
        JsonDocument.Parse(File.ReadAllBytes(Golden.Path("cases", "qwen_vl_v1", "tokenizer_cases.json"))).RootElement;

    private static int[] Ints(JsonElement array) => array.EnumerateArray().Select(value => value.GetInt32()).ToArray();
}
