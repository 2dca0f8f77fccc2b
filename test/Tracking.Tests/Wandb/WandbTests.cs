using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Lorikeet.Tracking.Wandb;

namespace Lorikeet.Tracking.Tests.Wandb;

public sealed class WandbTests : IDisposable
{
    private const int History = 2, Summary = 3, Files = 6, Metric = 12, Output = 13, Run = 17, Exit = 18, Header = 21;

    private readonly TestRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void An_offline_run_has_the_files_that_sync_looks_for()
    {
        string folder = Write(last: 2);
        string name = Path.GetFileName(folder);
        Assert.Matches("^offline-run-20260102_030405-[0-9a-z]{8}$", name);
        string id = name[^8..];
        Assert.True(File.Exists(Path.Combine(folder, $"run-{id}.wandb")));
        Assert.True(Directory.Exists(Path.Combine(folder, "logs")));
        var summary = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "files", "wandb-summary.json")))!;
        Assert.Equal(2.5, (double)summary["eval/loss"]!);
        Assert.Equal(9, (long)summary["_wandb"]!["runtime"]!);
        var metadata = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "files", "wandb-metadata.json")))!;
        Assert.Equal(["os", "startedAt", "program", "host"], metadata.AsObject().Select(entry => entry.Key));
        string config = File.ReadAllText(Path.Combine(folder, "files", "config.yaml"));
        Assert.Contains("wandb_version: 1\n\ntrain:\n  value: {\"seed\":7}\n\nmethod:\n  value: \"lora\"\n", config, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(folder, "*.tmp", SearchOption.AllDirectories));
    }

    [Fact]
    public void The_run_record_says_where_the_run_belongs_and_what_it_was_told()
    {
        var options = new WandbOptions { Project = "pictures", Entity = "team", Group = "g", JobType = "sweep", Notes = "why", Tags = ["a", "b"] };
        var records = Records(Write(last: 1, options: options));
        Assert.True(records[0].Has(Header));
        Assert.Equal(Enumerable.Range(1, records.Count).Select(n => (long)n), records.Select(r => r.Number(1)));
        var run = records[1].Message(Run);
        Assert.Equal(("team", "pictures", "g", "sweep", "tiny", "why"), (run.Text(2), run.Text(3), run.Text(6), run.Text(7), run.Text(8), run.Text(9)));
        Assert.Equal(["a", "b"], run.Texts(10));
        Assert.Equal("host-1", run.Text(13));
        Assert.Equal(1767323045, run.Message(17).Number(1));
        var config = run.Message(4).Messages(1).ToDictionary(item => item.Text(1), item => item.Text(16));
        Assert.Equal("""{"seed":7}""", config["train"]);
        Assert.Equal("tiny", (string)JsonNode.Parse(config["about"])!["family"]!);
    }

    [Fact]
    public void A_row_is_a_step_with_its_evaluation()
    {
        var records = Records(Write(last: 4));
        var rows = records.Where(r => r.Has(History)).Select(r => Row(r.Message(History))).ToList();
        Assert.Equal([1, 2, 3, 4], rows.Select(row => (long)row["_step"]!));
        Assert.Equal([1, 2, 3, 4], rows.Select(row => (long)row["train/global_step"]!));
        Assert.Equal([10, 5, 10.0 / 3, 2.5], rows.Select(row => (double)row["train/loss"]!));
        Assert.Equal([false, true, false, true], rows.Select(row => row.ContainsKey("eval/loss")));
        Assert.Equal(0.25, (double)rows[1]["eval/exact_match"]!);
        Assert.Equal([1, 2, 3, 4], records.Where(r => r.Has(History)).Select(r => r.Message(History).Message(2).Number(1)));
        Assert.All(rows, row => Assert.True((double)row["_timestamp"]! > 0));

        // Each figure is drawn over the optimizer step, and is told before it is used.
        var metrics = records.Where(r => r.Has(Metric)).Select(r => r.Message(Metric)).ToDictionary(m => m.Text(1), m => m.Text(4));
        Assert.Equal("", metrics["train/global_step"]);
        Assert.Equal("train/global_step", metrics["eval/loss"]);
        Assert.True(records.FindIndex(r => r.Has(Metric) && r.Message(Metric).Text(1) == "train/loss") < records.FindIndex(r => r.Has(History)));
    }

    [Fact]
    public void The_replies_are_a_table_among_the_uploaded_files()
    {
        string folder = Write(last: 2);
        var records = Records(folder);
        var row = Row(records.Single(r => r.Has(History) && Row(r.Message(History)).ContainsKey("samples")).Message(History));
        string path = (string)row["samples"]!["path"]!;
        byte[] table = File.ReadAllBytes(Path.Combine(folder, "files", path));
        Assert.Equal("table-file", (string)row["samples"]!["_type"]!);
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(table)), (string)row["samples"]!["sha256"]!);
        Assert.Equal(table.Length, (int)row["samples"]!["size"]!);
        Assert.Equal("""[[1,"a.png","What is it?","A thing.","reply 2"]]""", JsonNode.Parse(table)!["data"]!.ToJsonString());
        Assert.Equal(["run.yaml", path], records.Where(r => r.Has(Files)).Select(r => r.Message(Files).Message(1).Text(1)));
        Assert.Equal("train:\n  seed: 7\n", File.ReadAllText(Path.Combine(folder, "files", "run.yaml")));
    }

    [Fact]
    public void The_end_is_told_with_its_exit_code()
    {
        var records = Records(Write(last: 2));
        Assert.Equal(0, records[^1].Message(Exit).Number(1));
        Assert.Equal(9, records[^1].Message(Exit).Number(2));
        Assert.True(records[^2].Has(Summary));

        _run.Clock.Now += TimeSpan.FromHours(1);
        records = Records(Write(last: 2, end: new RunFailed { Error = "no disk", ExitCode = 2, ElapsedS = 3 }));
        Assert.Equal(2, records[^1].Message(Exit).Number(1));
        Assert.Equal("no disk\n", records.Last(r => r.Has(Output)).Message(Output).Text(3));
    }

    [Fact]
    public void A_continued_run_is_a_second_directory_with_the_same_id()
    {
        string first = Write(last: 5, end: null);
        _run.Clock.Now -= TimeSpan.FromMinutes(1);
        string second = Write(resumedFrom: 4, last: 6);
        Assert.NotEqual(first, second);
        Assert.Equal(first[^8..], second[^8..]);
        Assert.True(string.CompareOrdinal(first, second) < 0);
        var run = Records(second)[1].Message(Run);
        Assert.Equal((first[^8..], 5, 1), (run.Text(1), run.Number(14), run.Number(18)));
        Assert.Equal([5, 6], Records(second).Where(r => r.Has(History)).Select(r => (long)Row(r.Message(History))["_step"]!));

        // What the first process had not written when it died lies after its checkpoint.
        Assert.Equal([1, 2, 3, 4], Records(first).Where(r => r.Has(History)).Select(r => (long)Row(r.Message(History))["_step"]!));

        _run.Clock.Now += TimeSpan.FromHours(1);
        Assert.NotEqual(first[^8..], Write(last: 1)[^8..]);
    }

    [Fact]
    public void What_is_no_number_is_written_as_wandb_does()
    {
        using (var tracker = new WandbTracker(_run.About, new WandbOptions()))
        {
            tracker.On(new RunStarted());
            tracker.On(new StepTaken { Step = 1, Loss = double.NaN, GradNorm = double.PositiveInfinity });
            tracker.On(new RunFailed { ExitCode = 3 });
        }

        var items = Records(Folder()).Single(r => r.Has(History)).Message(History).Messages(1).ToDictionary(i => i.Text(1), i => i.Text(16));
        Assert.Equal(("NaN", "Infinity"), (items["train/loss"], items["train/grad_norm"]));
    }

    [Theory]
    [InlineData(32768 - 7 - 7)]
    [InlineData(32768 - 7 - 7 - 3)]
    [InlineData(40000)]
    [InlineData(200000)]
    public void Long_records_are_split_over_blocks(int length)
    {
        using (var tracker = new WandbTracker(_run.About, new WandbOptions()))
        {
            tracker.On(new RunStarted());
            for (int i = -20; i < 20; i++)
            {
                tracker.On(new Noted { Message = new string('x', length + i) });
            }
        }

        var lines = Records(Folder()).Where(r => r.Has(Output)).Select(r => r.Message(Output).Text(3).Length - 1);
        Assert.Equal(Enumerable.Range(-20, 40).Select(i => length + i), lines);
    }

    private string Write(long resumedFrom = 0, long last = 1, WandbOptions? options = null) =>
        Write(resumedFrom, last, new RunFinished { Steps = last, ElapsedS = 9 }, options);

    private string Write(long last, RunEvent? end) => Write(0, last, end, null);

    private string Write(long resumedFrom, long last, RunEvent? end, WandbOptions? options)
    {
        using var tracker = new WandbTracker(_run.About, options ?? new WandbOptions());
        TestRun.Play(tracker, resumedFrom, last);
        if (end is not null)
        {
            tracker.On(end);
        }

        return tracker.Directory!;
    }

    private string Folder() => Assert.Single(Directory.GetDirectories(Path.Combine(_run.Folder, "wandb")));

    private static JsonObject Row(WireMessage history) => new(history.Messages(1).Select(item => KeyValuePair.Create(item.Text(1), JsonNode.Parse(item.Text(16)))));

    /// <summary>The records of a run, by LevelDB's rules; every checksum is checked.</summary>
    private static List<WireMessage> Records(string folder)
    {
        byte[] bytes = File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder, "run-*.wandb")));
        Assert.Equal(":W&B"u8.ToArray(), bytes[..4]);
        Assert.Equal((0xbee1, 0), (BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(4)), bytes[6]));
        var records = new List<WireMessage>();
        var record = new MemoryStream();
        for (int at = 7; at < bytes.Length;)
        {
            int room = 32768 - (at % 32768);
            if (room < 7)
            {
                Assert.All(bytes[at..Math.Min(bytes.Length, at + room)], b => Assert.Equal(0, b));
                at += room;
                continue;
            }

            int length = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at + 4));
            byte type = bytes[at + 6];
            Assert.True(length + 7 <= room);
            Assert.Equal(Checksum.Crc32(bytes.AsSpan(at + 6, length + 1)), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)));
            Assert.Equal(record.Length > 0, type is 3 or 4);
            record.Write(bytes, at + 7, length);
            if (type is 1 or 4)
            {
                records.Add(new WireMessage(record.ToArray()));
                record.SetLength(0);
            }

            at += 7 + length;
        }

        Assert.Equal(0, record.Length);
        return records;
    }
}
