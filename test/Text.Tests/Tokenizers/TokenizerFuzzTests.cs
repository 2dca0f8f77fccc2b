using Lorikeet.Testing;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

/// <summary>Damaged tokenizer files are read or refused, and what was read can encode and decode.</summary>
public sealed class TokenizerFuzzTests : IDisposable
{
    private const string Words = "Hello  wörld 42 \u4f60\u597d \ud83d\ude00 <s> don't\n\tx";

    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-tokenizer-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Damaged_tokenizers_are_read_or_refused() => Run(seed: 1, count: 40);

    [Fact]
    [Trait("tier", "slow")]
    public void Many_damaged_tokenizers_are_read_or_refused() => Run(seed: 2, count: 3_000);

    private void Run(int seed, int count)
    {
        string[] originals = [.. Directory.GetDirectories(Golden.Path("tokenizers")).Order(StringComparer.Ordinal).Select(d => Path.Combine(d, "tokenizer.json")).Where(File.Exists).Select(File.ReadAllText)];
        var structure = new JsonMutator(seed);
        var bytes = new Mutator(seed, "\\ud800", "\\u0000", "\"", "{", "}", "[", "]", ",", ":", "1e999", "null", "\0", "\\\\1", "(?<", "*", new string('[', 80));
        string path = Path.Combine(_folder, "tokenizer.json");
        int good = Fuzz.Run(
            count,
            i => i % 4 == 0 ? bytes.Mutate(System.Text.Encoding.UTF8.GetBytes(originals[i % originals.Length])) : structure.Mutate(originals[i % originals.Length]),
            mutant =>
            {
                File.WriteAllBytes(path, mutant);
                Tokenizer tokenizer = Tokenizer.Load(path);
                tokenizer.Decode(tokenizer.Encode(Words).Ids.ToArray(), skipSpecialTokens: true);
            },
            maxBytes: 64 << 20);
        Assert.InRange(good, count / 50, count - (count / 50));
    }
}
