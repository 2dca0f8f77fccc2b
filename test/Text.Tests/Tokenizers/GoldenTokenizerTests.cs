using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

/// <summary>Every pipeline of the golden tokenizers, every text, every quantity, exactly.</summary>
public sealed class GoldenTokenizerTests
{
    public static TheoryData<string> Names => new(Directory.GetDirectories(Golden.Path("tokenizers")).Select(path => Path.GetFileName(path)!).Order());

    [Fact]
    public void AllElevenPipelinesAreThere() => Assert.Equal(11, Names.Count);

    [Theory]
    [MemberData(nameof(Names))]
    public void EncodesEveryTextAsTheReference(string name)
    {
        Tokenizer tokenizer = Load(name);
        List<string> failures = [];
        foreach (JsonElement item in Cases(name).GetProperty("cases").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            Encoding full = tokenizer.Encode(text);
            Encoding bare = tokenizer.Encode(text, addSpecialTokens: false);
            Check(failures, text, "ids", Ints(item.GetProperty("ids")), full.Ids);
            Check(failures, text, "ids_no_special", Ints(item.GetProperty("ids_no_special")), bare.Ids);
            Check(failures, text, "tokens", item.GetProperty("tokens").EnumerateArray().Select(token => token.GetString()!), bare.Tokens);
            Check(
                failures, text, "offsets", item.GetProperty("offsets").EnumerateArray().Select(pair => (pair[0].GetInt32(), pair[1].GetInt32())), bare.Offsets);
            CheckUtf16(failures, text, bare);
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void DecodesEveryIdListAsTheReference(string name)
    {
        Tokenizer tokenizer = Load(name);
        List<string> failures = [];
        foreach (JsonElement item in Cases(name).GetProperty("cases").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] ids = Ints(item.GetProperty("ids"));
            Check(failures, text, "decoded", item.GetProperty("decoded").GetString()!, tokenizer.Decode(ids));
            Check(failures, text, "decoded_skip_special", item.GetProperty("decoded_skip_special").GetString()!, tokenizer.Decode(ids, skipSpecialTokens: true));
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void EncodesPairsAsTheReference(string name)
    {
        Tokenizer tokenizer = Load(name);
        List<string> failures = [];
        foreach (JsonElement item in Cases(name).GetProperty("pairs").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            Encoding encoding = tokenizer.EncodePair(text, item.GetProperty("pair").GetString()!);
            Check(failures, text, "pair ids", Ints(item.GetProperty("ids")), encoding.Ids);
            Check(failures, text, "type_ids", Ints(item.GetProperty("type_ids")), encoding.TypeIds);
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void DecodesEveryPrefixAsTheReferenceAndStreamsTheSame(string name)
    {
        Tokenizer tokenizer = Load(name);
        List<string> failures = [];
        foreach (JsonElement item in Cases(name).GetProperty("partial_decodes").EnumerateArray())
        {
            int[] ids = Ints(item.GetProperty("ids"));
            string[] expected = item.GetProperty("prefix_decodes").EnumerateArray().Select(text => text.GetString()!).ToArray();
            StreamingDecoder stream = tokenizer.CreateStream(skipSpecialTokens: false);
            string streamed = "";
            for (int n = 1; n <= ids.Length; n++)
            {
                Check(failures, $"first {n} ids", "prefix", expected[n - 1], tokenizer.Decode(ids.AsSpan(0, n)));
                streamed += stream.Push(ids[n - 1]);
                Check(failures, $"first {n} ids", "streamed text is a prefix", true, expected[^1].StartsWith(streamed, StringComparison.Ordinal));
            }

            Check(failures, "all ids", "streamed", expected[^1], streamed + stream.Flush());
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures.Take(20)));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void CountsItsVocabulary(string name) =>
        Assert.Equal(Cases(name).GetProperty("vocab_size").GetInt32(), Load(name).VocabularySize);

    private static Tokenizer Load(string name) => Tokenizer.Load(Golden.Path("tokenizers", name, "tokenizer.json"));

    private static JsonElement Cases(string name) =>
        JsonDocument.Parse(File.ReadAllBytes(Golden.Path("tokenizers", name, "cases.json"))).RootElement;

    private static int[] Ints(JsonElement array) => array.EnumerateArray().Select(value => value.GetInt32()).ToArray();

    private static void CheckUtf16(List<string> failures, string text, Encoding encoding)
    {
        int[] runes = text.EnumerateRunes().Select(rune => rune.Utf16SequenceLength).ToArray();
        IEnumerable<(int, int)> expected = encoding.Offsets.Select(range => (runes.Take(range.Start).Sum(), runes.Take(range.End).Sum()));
        Check(failures, text, "UTF-16 offsets", expected, encoding.Utf16Offsets);
    }

    private static void Check<T>(List<string> failures, string text, string what, IEnumerable<T> expected, IEnumerable<T> actual)
    {
        if (!expected.SequenceEqual(actual))
        {
            failures.Add($"{what} of {JsonSerializer.Serialize(text)}: expected {string.Join(' ', expected)}, got {string.Join(' ', actual)}");
        }
    }

    private static void Check<T>(List<string> failures, string text, string what, T expected, T actual)
        where T : IEquatable<T>
    {
        if (!expected.Equals(actual))
        {
            failures.Add($"{what} of {JsonSerializer.Serialize(text)}: expected {JsonSerializer.Serialize(expected)}, got {JsonSerializer.Serialize(actual)}");
        }
    }
}
