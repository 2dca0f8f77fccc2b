using System.Text.Json.Nodes;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

/// <summary>A bad file gives one InvalidDataException that names file, key and reason: no crash, no hang.</summary>
public sealed class HostileTokenizerTests
{
    public static TheoryData<string, string> Replacements => new()
    {
        { "version: \"2.0\"", "key 'version': expected \"1.0\", found \"2.0\"." },
        { "model: null", "key 'model': expected an object, found null." },
        { "model: []", "key 'model': expected an object, found an array." },
        { "model.type: \"Unigram\"", "key 'model.type': the model type 'Unigram' is not supported (supported: BPE, WordLevel, WordPiece)." },
        { "model.vocab: []", "key 'model.vocab': expected an object of tokens and ids, found an array." },
        { "model.vocab: {\"a\": 0, \"b\": 0}", "key 'model.vocab': tokens 'a' and 'b' have the same id 0." },
        { "model.vocab: {\"a\": -1}", "key 'model.vocab': token 'a': expected an id from 0 to 16777216, found -1." },
        { "model.vocab: {\"a\": 4000000000}", "key 'model.vocab': token 'a': expected an id from 0 to 16777216, found 4000000000." },
        { "model.vocab: {\"a\": 1.5}", "key 'model.vocab': token 'a': expected an id from 0 to 16777216, found 1.5." },
        { "model.vocab: {\"a\": \"0\"}", "key 'model.vocab': token 'a': expected an id from 0 to 16777216, found \"0\"." },
        { "model.merges: null", "key 'model.merges': expected an array of pairs, found null." },
        { "model.merges: [[\"zzz\", \"t\"]]", "key 'model.merges[0]': token 'zzz' is not in the vocabulary." },
        { "model.merges: [\"t zzz\"]", "key 'model.merges[0]': token 'zzz' is not in the vocabulary." },
        { "model.merges: [[\"t\", \"t\"]]", "key 'model.merges[0]': the merged token 'tt' is not in the vocabulary." },
        { "model.merges: [\"a b c\"]", "key 'model.merges[0]': expected two tokens with one space between, found \"a b c\"." },
        { "model.merges: [[\"a\"]]", "key 'model.merges[0]': expected \"left right\" or [\"left\", \"right\"], found an array." },
        { "model.merges: [7]", "key 'model.merges[0]': expected \"left right\" or [\"left\", \"right\"], found 7." },
        { "model.dropout: 0.1", "key 'model.dropout': BPE dropout would make encoding random; expected null or 0." },
        { "model.byte_fallback: 1", "key 'model.byte_fallback': expected true or false, found 1." },
        { "added_tokens: {}", "key 'added_tokens': expected an array, found an object." },
        { "added_tokens: [{\"id\": 0}]", "key 'added_tokens[0].content': is missing." },
        { "added_tokens: [{\"content\": \"x\"}]", "key 'added_tokens[0].id': is missing." },
        { "added_tokens: [{\"id\": \"x\", \"content\": \"x\"}]", "key 'added_tokens[0].id': expected an integer, found \"x\"." },
        { "added_tokens: [{\"id\": 0, \"content\": \"x\", \"lstrip\": \"no\"}]", "key 'added_tokens[0].lstrip': expected true or false, found \"no\"." },
        { "normalizer: {\"type\": \"Precompiled\"}", "key 'normalizer.type': the normalizer type 'Precompiled' is not supported (supported: BertNormalizer," },
        { "normalizer: {\"kind\": \"NFC\"}", "key 'normalizer.type': is missing." },
        { "normalizer: {\"type\": \"Sequence\", \"normalizers\": [null]}", "key 'normalizer.normalizers[0]': expected a normalizer, found null." },
        { "normalizer: {\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, \"content\": \"\"}", "key 'normalizer.pattern.Regex': ')' expected at character 1 of the pattern '('." },
        { "normalizer: {\"type\": \"Replace\", \"pattern\": {}, \"content\": \"\"}", "key 'normalizer.pattern': expected {\"String\": ...} or {\"Regex\": ...}." },
        { "pre_tokenizer: {\"type\": \"Magic\"}", "key 'pre_tokenizer.type': the pre-tokenizer type 'Magic' is not supported (supported:" },
        { "pre_tokenizer: {\"type\": \"Split\", \"pattern\": {\"Regex\": \"a\"}, \"behavior\": \"Cut\"}", "key 'pre_tokenizer.behavior': expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous, found \"Cut\"." },
        { "pre_tokenizer: {\"type\": \"Split\", \"pattern\": {\"Regex\": \"(a)\\\\1\"}, \"behavior\": \"Isolated\"}", "key 'pre_tokenizer.pattern.Regex': \\1 is not supported at character 5 of the pattern '(a)\\1'." },
        { "pre_tokenizer: {\"type\": \"FixedLength\", \"length\": 0}", "key 'pre_tokenizer.length': must be at least 1." },
        { "pre_tokenizer: {\"type\": \"Metaspace\", \"replacement\": \"__\"}", "key 'pre_tokenizer.replacement': expected a single character, found \"__\"." },
        { "decoder: {\"type\": \"Magic\"}", "key 'decoder.type': the decoder type 'Magic' is not supported (supported:" },
        { "decoder: \"ByteLevel\"", "key 'decoder': expected an object, found \"ByteLevel\"." },
        { "post_processor: {\"type\": \"Magic\"}", "key 'post_processor.type': the post-processor type 'Magic' is not supported (supported:" },
        { "post_processor: {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"x\", \"type_id\": 0}}], \"pair\": []}", "key 'post_processor.single[0].SpecialToken': 'x' is not among special_tokens." },
        { "post_processor: {\"type\": \"TemplateProcessing\", \"single\": [{\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}], \"pair\": []}", "key 'post_processor.single[0].Sequence.id': expected A, found \"B\"." },
        { "post_processor: {\"type\": \"BertProcessing\", \"cls\": [\"a\", 99999], \"sep\": [\"a\", 0]}", "key 'post_processor.cls[1]': 99999 is out of range (0 to " },
    };

    [Theory]
    [MemberData(nameof(Replacements))]
    public void AWrongSectionIsRefusedByFileAndKey(string replacement, string message)
    {
        int colon = replacement.IndexOf(": ", StringComparison.Ordinal);
        string[] path = replacement[..colon].Split('.');
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => TokenizerSamples.Load("gpt2", json =>
        {
            JsonNode parent = json;
            foreach (string key in path[..^1])
            {
                parent = parent[key]!;
            }

            parent[path[^1]] = JsonNode.Parse(replacement[(colon + 2)..]);
        }));
        Assert.Contains("tokenizer.json: " + message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "no valid JSON at line 1, byte 1")]
    [InlineData("{\n\"version\": \"1.0\",\n\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": ", "no valid JSON at line 3")]
    [InlineData("[]", "key '(root)': expected an object, found an array.")]
    [InlineData("{}", "key 'model': is missing.")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"\\ud800\": 0}, \"merges\": []}}", "key 'model.vocab': a token holds an escape that is no character (a lone surrogate).")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}}", "key 'model.vocab': token 'a' is listed twice.")]
    public void AWrongFileIsRefused(string content, string message)
    {
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => TokenizerSamples.FromText(content, Tokenizer.Load));
        Assert.Contains("tokenizer.json: " + message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AMissingFileIsNamed()
    {
        FileNotFoundException error = Assert.Throws<FileNotFoundException>(() => Tokenizer.Load("no/such/tokenizer.json"));
        Assert.Equal("no/such/tokenizer.json: no such file.", error.Message);
    }

    [Fact]
    public void DeepNestingIsRefused()
    {
        string nested = string.Concat(Enumerable.Repeat("{\"type\":\"Sequence\",\"normalizers\":[", 30)) + string.Concat(Enumerable.Repeat("]}", 30));
        InvalidDataException error = Assert.Throws<InvalidDataException>(
            () => TokenizerSamples.FromText("{\"model\":{},\"normalizer\":" + nested + "}", Tokenizer.Load));
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileCutAnywhereIsRefusedOrWhole()
    {
        byte[] whole = File.ReadAllBytes(TokenizerSamples.PathOf("llama2_legacy"));
        for (int length = 0; length < whole.Length - 1; length += 997)
        {
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => TokenizerSamples.FromBytes(whole[..length], Tokenizer.Load));
            Assert.Contains("no valid JSON", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void RandomDamageGivesAClearErrorOrAWorkingTokenizer()
    {
        byte[] whole = File.ReadAllBytes(TokenizerSamples.PathOf("flags"));
        Random random = new(40);
        for (int round = 0; round < 300; round++)
        {
            byte[] damaged = (byte[])whole.Clone();
            for (int n = random.Next(1, 6); n > 0; n--)
            {
                // The interesting part of the file is its beginning and its end.
                int at = random.Next(3) == 0 ? random.Next(damaged.Length) : random.Next(2500);
                damaged[at] = random.Next(2) == 0 ? (byte)random.Next(32, 127) : damaged[random.Next(damaged.Length)];
            }

            try
            {
                Tokenizer tokenizer = TokenizerSamples.FromBytes(damaged, Tokenizer.Load);
                tokenizer.Decode(tokenizer.Encode("Hello, wörld! 123\n 你好 😀<both> word").Ids);
            }
            catch (InvalidDataException error)
            {
                Assert.NotEqual("", error.Message);
            }
        }
    }

    [Fact]
    public void APatternThatBacktracksWithoutEndIsStopped()
    {
        Tokenizer tokenizer = TokenizerSamples.Load(
            "gpt2", json => json["pre_tokenizer"] = JsonNode.Parse("""{"type":"Split","pattern":{"Regex":"(a|aa|a|aa)*c"},"behavior":"Isolated","invert":false}"""));
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => tokenizer.Encode(new string('a', 60)));
        Assert.Contains("tokenizer.json: the pattern '(a|aa|a|aa)*c' backtracks too much on a text of 60 characters", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnIdThatDiffersFromTheDeclaredOneIsReported()
    {
        Tokenizer tokenizer = TokenizerSamples.Load("gpt2", json => json["added_tokens"]![0]!["id"] = 900);
        Assert.Equal(700, tokenizer.TokenToId("<|endoftext|>"));
        Assert.Contains("declares id 900 but gets 700", Assert.Single(tokenizer.Warnings), StringComparison.Ordinal);
    }
}
