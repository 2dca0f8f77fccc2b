using System.Text;
using Lorikeet.Testing;

namespace Lorikeet.Data.Tests.Formats;

public sealed class RowFuzzTests : FormatTestBase
{
    private const string Lines = """
        {"messages":[{"role":"user","content":[{"type":"image","image":"a.png"},{"type":"text","text":"q"}]},{"role":"assistant","content":"r","x":[1,null]}]}
        {"messages":[{"role":"user","content":"<image>q"},{"role":"assistant","content":"r"}],"images":["a.png"]}

        {"messages":[{"role":"user","content":"é \ud83d\ude00"},{"role":"assistant","content":"r"}]}

        """;

    private const string Array = """
        [
          {"image":"a.png","conversations":[{"from":"human","value":"<image>\nq"},{"from":"gpt","value":"r"}]},
          {"image":["b.png"],"conversations":[{"from":"human","value":"q\n<image>"},{"from":"gpt","value":"r"}]}
        ]
        """;

    private const string Csv = "image,caption\na.png,\"A \"\"cat\"\"\nin the sun\"\r\nb.png,dog\n\n\"[\"\"a.png\"\",\"\"b.png\"\"]\",two\n";

    [Theory]
    [InlineData("x.jsonl", Lines)]
    [InlineData("x.json", Array)]
    [InlineData("x.csv", Csv)]
    public void Damaged_files_are_read_or_refused(string name, string text) => Fuzz(name, text, seed: 1, count: 200);

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("x.jsonl", Lines)]
    [InlineData("x.json", Array)]
    [InlineData("x.csv", Csv)]
    public void Many_damaged_files_are_read_or_refused(string name, string text) => Fuzz(name, text, seed: 2, count: 3_000);

    private void Fuzz(string name, string text, int seed, int count)
    {
        byte[] original = Encoding.UTF8.GetBytes(text);
        var mutator = new Mutator(seed, "\\ud800", "\\u0000", "\"", "\"\"", "{", "}", "[", "]", ",", ":", "\n", "\r\n", "\0", "\uFEFF", "1e999", "null", "<image>",
            "\"image\":", "\"messages\":", "data:image/png;base64,", "../", "/", "http://x", "é", "\u2028", new string('[', 80), new string(' ', 300));
        int read = 0;
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = mutator.Mutate(original);
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                using Dataset data = Dataset.Open(new DatasetOptions { Path = Folder.Save(name, bytes) });
                for (long row = 0; row < data.Count; row++)
                {
                    read += TryRead(data, row) ? 1 : 0;
                }
            }
            catch (InvalidDataException)
            {
            }
            catch (Exception error)
            {
                Assert.Fail($"case {i}: {error}\n{Encoding.UTF8.GetString(bytes)}");
            }

            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 8 << 20, $"case {i} allocated too much");
        }

        Assert.True(read > count / 20, $"only {read} rows were readable: the damage is too heavy to test much");
    }

    private static bool TryRead(Dataset data, long row)
    {
        try
        {
            Sample sample = data.Read(row);
            Assert.NotEmpty(sample.Messages);
            return true;
        }
        catch (InvalidDataException error)
        {
            Assert.StartsWith(data.Path, error.Message, StringComparison.Ordinal);
            return false;
        }
    }
}
