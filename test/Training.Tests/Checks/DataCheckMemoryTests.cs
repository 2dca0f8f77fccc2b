using System.Globalization;
using Lorikeet.Testing;
using Lorikeet.Training.Checks;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Checks;

public sealed class DataCheckMemoryTests
{
    [Fact]
    [Trait("tier", "slow")]
    public void A_row_leaves_no_more_than_a_hash_and_a_length()
    {
        const int Rows = 150_000, BytesPerRow = 200;
        string folder = Directory.CreateTempSubdirectory("lorikeet-many-").FullName;
        string padding = string.Concat(Enumerable.Repeat("word ", 40));
        using (var file = new StreamWriter(Path.Combine(folder, "train.jsonl")))
        {
            for (int i = 0; i < Rows; i++)
            {
                // Every third row is bad, and says so at some length.
                file.WriteLine(i % 3 == 0
                    ? "{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": \"\"}]}"
                    : string.Create(CultureInfo.InvariantCulture, $"{{\"messages\": [{{\"role\": \"user\", \"content\": \"{i} {padding}\"}}, {{\"role\": \"assistant\", \"content\": \"{i}\"}}]}}"));
            }
        }

        File.WriteAllText(Path.Combine(folder, "run.yaml"), $"model: {{ path: '{Golden.Path("models", "smolvlm")}' }}\ndata: {{ train: train.jsonl }}\ntrain: {{ output_dir: out }}\n");
        RunConfig config = RunConfigReader.Load(Path.Combine(folder, "run.yaml"), []).Config;
        var check = new DataCheck(config, BadRows.Processor, new CheckOptions { Workers = 2, Listed = 100 });
        long before = 0, held = 0;
        CheckReport report = check.Run(
            null,
            now =>
            {
                // The pass has begun: the file's index and the tokenizer's caches are there.
                before = now.Done == 1000 ? GC.GetTotalMemory(forceFullCollection: true) : before;
                held = now.Done == now.Total ? GC.GetTotalMemory(forceFullCollection: true) : held;
            },
            default);
        Directory.Delete(folder, recursive: true);
        Assert.Equal((Rows, Rows / 3), (report.Rows, report.Errors));
        Assert.InRange(held - before, 1, (long)Rows * BytesPerRow);
    }
}
