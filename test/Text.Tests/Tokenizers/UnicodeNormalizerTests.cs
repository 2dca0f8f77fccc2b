using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

public sealed class UnicodeNormalizerTests
{
    // Examples of Unicode Standard Annex 15 and of its conformance test.
    [Theory]
    [InlineData("e\u0301", "\u00e9", "e\u0301", "\u00e9", "e\u0301")]
    [InlineData("\u212b", "\u00c5", "A\u030a", "\u00c5", "A\u030a")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307", "q\u0323\u0307")]
    [InlineData("\u1e9b\u0323", "\u1e9b\u0323", "\u017f\u0323\u0307", "\u1e69", "s\u0323\u0307")]
    [InlineData("\ufb01", "\ufb01", "\ufb01", "fi", "fi")]
    [InlineData("\uac01", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8")]
    [InlineData("\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8")]
    [InlineData("\u0344", "\u0308\u0301", "\u0308\u0301", "\u0308\u0301", "\u0308\u0301")]
    [InlineData("\U0001d15e", "\U0001d157\U0001d165", "\U0001d157\U0001d165", "\U0001d157\U0001d165", "\U0001d157\U0001d165")]
    [InlineData("\U000110a5", "\U000110a5", "\U000110a5", "\U000110a5", "\U000110a5")]
    [InlineData("\u0958", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c")]
    [InlineData("\u32ff", "\u32ff", "\u32ff", "\u32ff", "\u32ff")]
    public void FollowsAnnex15ByUnicode11(string text, string nfc, string nfd, string nfkc, string nfkd) =>
        Assert.Equal((nfc, nfd, nfkc, nfkd), (Run(text, false, true), Run(text, false, false), Run(text, true, true), Run(text, true, false)));

    [Fact]
    public void FormsAreStableAndAgree()
    {
        Random random = new(50);
        for (int round = 0; round < 500; round++)
        {
            string text = TokenizerSamples.RandomText(random, 20);
            foreach (bool compatible in (bool[])[false, true])
            {
                string composed = Run(text, compatible, compose: true);
                string decomposed = Run(text, compatible, compose: false);
                Assert.Equal(composed, Run(composed, compatible, compose: true));
                Assert.Equal(decomposed, Run(decomposed, compatible, compose: false));
                Assert.Equal(composed, Run(decomposed, compatible, compose: true));
                Assert.Equal(decomposed, Run(composed, compatible, compose: false));
            }
        }
    }

    [Fact]
    public void ComposedCharactersKeepTheRangeOfTheirParts()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("qwen2");
        Encoding composed = tokenizer.Encode("caf\u00e9 x");
        Encoding decomposed = tokenizer.Encode("cafe\u0301 x");
        Assert.Equal(composed.Ids, decomposed.Ids);
        Assert.Equal(7, decomposed.Offsets[^1].End);
    }

    private static string Run(string text, bool compatible, bool compose)
    {
        int[] chars = CodePoint.FromString(text);
        Piece piece = new UnicodeNormalizer(compatible, compose).Normalize(new Piece(new AlignedText(chars, chars.Length), 0, chars.Length, 0));
        return CodePoint.ToString(piece.Chars);
    }
}
