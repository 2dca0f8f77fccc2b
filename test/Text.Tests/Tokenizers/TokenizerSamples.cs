using System.Text;
using System.Text.Json.Nodes;
using Lorikeet.Testing;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Text.Tests.Tokenizers;

/// <summary>Tokenizers and texts that several tests use.</summary>
internal static class TokenizerSamples
{
    private static readonly (int From, int To)[] Blocks =
    [
        (0, 0x7F), (0x20, 0x7E), (0x61, 0x7A), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF), (0x1100, 0x11FF),
        (0x2000, 0x2BFF), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xE010), (0xFB00, 0xFFFD), (0x10400, 0x10450),
        (0x1F300, 0x1FAFF), (0x20000, 0x20100), (0xE0100, 0xE01EF), (0x10FFF0, 0x10FFFF),
    ];

    public static string PathOf(string name) => Golden.Path("tokenizers", name, "tokenizer.json");

    public static Tokenizer Load(string name) => Tokenizer.Load(PathOf(name));

    /// <summary>The golden file with changes, loaded.</summary>
    public static Tokenizer Load(string name, Action<JsonObject> change)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(PathOf(name)))!.AsObject();
        change(json);
        return FromText(json.ToJsonString(), Tokenizer.Load);
    }

    /// <summary>Writes a file, hands its path over and removes it.</summary>
    public static T FromText<T>(string content, Func<string, T> use) => FromBytes(System.Text.Encoding.UTF8.GetBytes(content), use);

    public static T FromBytes<T>(byte[] content, Func<string, T> use)
    {
        string folder = Directory.CreateTempSubdirectory("tokenizer-test-").FullName;
        try
        {
            string path = Path.Combine(folder, "tokenizer.json");
            File.WriteAllBytes(path, content);
            return use(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Text of random scripts, symbols and white space.</summary>
    public static string RandomText(Random random, int most)
    {
        StringBuilder text = new();
        for (int n = random.Next(most + 1); n > 0; n--)
        {
            (int from, int to) = Blocks[random.Next(Blocks.Length)];
            for (int run = random.Next(1, 4); run > 0; run--)
            {
                int c = random.Next(from, to + 1);
                text.Append(Rune.IsValid(c) ? new Rune(c) : Rune.ReplacementChar);
            }

            if (random.Next(3) == 0)
            {
                text.Append(random.Next(5) == 0 ? "\n" : " ");
            }
        }

        return text.ToString();
    }
}
