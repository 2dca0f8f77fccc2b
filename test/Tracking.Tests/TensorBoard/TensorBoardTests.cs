using System.Buffers.Binary;
using System.Numerics;
using Lorikeet.Tracking.TensorBoard;

namespace Lorikeet.Tracking.Tests.TensorBoard;

public sealed class TensorBoardTests : IDisposable
{
    private readonly TestRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void Curves_have_the_names_of_the_Trainer()
    {
        using (var tracker = new TensorBoardTracker(_run.About))
        {
            TestRun.Play(tracker, resumedFrom: 0, last: 4);
            tracker.On(new RunFinished { Steps = 4, ElapsedS = 9, TokensPerS = 3 });
        }

        var scalars = Scalars(Assert.Single(Files()));
        Assert.Equal([10, 5, 10f / 3, 2.5f], scalars["train/loss"].Select(v => v.Value));
        Assert.Equal([1, 2, 3, 4], scalars["train/loss"].Select(v => v.Step));
        Assert.Equal([(2, 2.5f), (4, 1.25f)], scalars["eval/loss"]);
        Assert.Equal([(2, 0.25f), (4, 0.25f)], scalars["eval/exact_match"]);
        Assert.Equal([(2, 2f), (4, 2f)], scalars["eval/runtime"]);
        Assert.Equal([(2, 3f), (4, 3f)], scalars["eval/samples_per_second"]);
        Assert.Equal([(4, 9f)], scalars["train/train_runtime"]);
        Assert.All(new[] { "train/learning_rate", "train/grad_norm", "train/epoch" }, name => Assert.True(scalars.ContainsKey(name), name));
    }

    [Fact]
    public void The_run_file_and_the_replies_are_texts()
    {
        using (var tracker = new TensorBoardTracker(_run.About))
        {
            TestRun.Play(tracker, resumedFrom: 0, last: 2);
        }

        var texts = Values(Assert.Single(Files())).Where(v => v.Value.Has(8)).ToDictionary(v => v.Value.Text(1));
        Assert.Equal("```yaml\ntrain:\n  seed: 7\n```", Content(texts["run_file/text_summary"].Value));
        var (step, reply) = texts["samples/1/text_summary"];
        Assert.Equal(2, step);
        Assert.Equal("**picture**: a.png\n\n**prompt**\n\n    What is it?\n\n**reference**\n\n    A thing.\n\n**reply**\n\n    reply 2", Content(reply));
        Assert.Equal("text", reply.Message(9).Message(1).Text(1));
    }

    [Fact]
    public void The_first_event_tells_the_format_and_the_second_where_counting_begins()
    {
        using (var tracker = new TensorBoardTracker(_run.About))
        {
            TestRun.Play(tracker, resumedFrom: 0, last: 1);
        }

        string file = Assert.Single(Files());
        var events = Events(file);
        Assert.Equal("events.out.tfevents.1767323045.host-1", Path.GetFileName(file));
        Assert.Equal("20260102-030405_host-1", Path.GetFileName(Path.GetDirectoryName(file)));
        Assert.Equal("brain.Event:2", events[0].Text(3));
        Assert.Equal(1767323045.0, events[0].Double(1));
        Assert.Equal((0, 1), (events[1].Number(2), events[1].Message(7).Number(1)));
    }

    [Fact]
    public void A_resumed_run_adds_a_file_that_takes_back_the_steps_after_the_checkpoint()
    {
        using (var tracker = new TensorBoardTracker(_run.About))
        {
            TestRun.Play(tracker, resumedFrom: 0, last: 5);
        }

        // The clock may stand still or go back: the new file must come last all the same.
        _run.Clock.Now -= TimeSpan.FromMinutes(1);
        using (var tracker = new TensorBoardTracker(_run.About))
        {
            TestRun.Play(tracker, resumedFrom: 4, last: 6);
        }

        string[] files = Files();
        Assert.Equal(2, files.Length);
        Assert.Single(files.Select(Path.GetDirectoryName).Distinct());
        var start = Events(files[1])[1];
        Assert.Equal((5, 1), (start.Number(2), start.Message(7).Number(1)));
        Assert.Equal([1, 2, 3, 4, 5, 6], AsTensorBoardReads(files, "train/loss"));
        Assert.Equal([2, 4, 6], AsTensorBoardReads(files, "eval/loss"));
    }

    [Fact]
    public void A_run_started_anew_in_the_same_directory_takes_back_everything()
    {
        string directory = Path.Combine(_run.Folder, "logs");
        foreach (int last in new[] { 3, 2 })
        {
            using var tracker = new TensorBoardTracker(_run.About, directory);
            TestRun.Play(tracker, resumedFrom: 0, last);
            Assert.Equal(directory, tracker.Directory);
        }

        string[] files = [.. Directory.GetFiles(directory).Order(StringComparer.Ordinal)];
        Assert.Equal([1, 2], AsTensorBoardReads(files, "train/loss"));
    }

    [Fact]
    public void Of_the_steps_every_so_many_are_written_with_the_mean_loss_since_the_last()
    {
        using (var tracker = new TensorBoardTracker(_run.About with { LoggingSteps = 3 }))
        {
            TestRun.Play(tracker, resumedFrom: 0, last: 8, steps: 8);
        }

        float[] means = [10, (10 + 5 + (10f / 3)) / 3, (2.5f + 2 + (10f / 6)) / 3, ((10f / 7) + 1.25f) / 2];
        var loss = Scalars(Assert.Single(Files()))["train/loss"];
        Assert.Equal([1, 3, 6, 8], loss.Select(v => v.Step));
        Assert.Equal(means, loss.Select(v => v.Value), (expected, actual) => Math.Abs(expected - actual) < 1e-5);
    }

    [Fact]
    public void A_loss_that_is_no_number_stays_none()
    {
        using (var tracker = new TensorBoardTracker(_run.About with { Host = "../.." }))
        {
            tracker.On(new RunStarted());
            tracker.On(new StepTaken { Step = 1, Loss = double.NaN, GradNorm = double.PositiveInfinity });
        }

        string file = Assert.Single(Files());
        Assert.EndsWith(".local", file, StringComparison.Ordinal);
        Assert.Equal(float.NaN, Scalars(file)["train/loss"].Single().Value);
        Assert.Equal(float.PositiveInfinity, Scalars(file)["train/grad_norm"].Single().Value);
    }

    private string[] Files() => [.. Directory.GetFiles(_run.Folder, "events.out.tfevents.*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    /// <summary>The records of a file; every length and checksum is checked.</summary>
    private static List<WireMessage> Events(string file)
    {
        var events = new List<WireMessage>();
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(file);
        while (bytes.Length > 0)
        {
            int length = checked((int)BinaryPrimitives.ReadInt64LittleEndian(bytes));
            Assert.Equal(Masked(bytes[..8]), BinaryPrimitives.ReadUInt32LittleEndian(bytes[8..]));
            ReadOnlySpan<byte> data = bytes.Slice(12, length);
            Assert.Equal(Masked(data), BinaryPrimitives.ReadUInt32LittleEndian(bytes[(12 + length)..]));
            events.Add(new WireMessage(data));
            bytes = bytes[(16 + length)..];
        }

        return events;
    }

    private static uint Masked(ReadOnlySpan<byte> bytes) => BitOperations.RotateLeft(Checksum.Crc32C(bytes), 17) + 0xa282ead8;

    private static List<(long Step, WireMessage Value)> Values(string file) =>
        [.. Events(file).Where(e => e.Has(5)).SelectMany(e => e.Message(5).Messages(1).Select(value => (e.Number(2), value)))];

    private static Dictionary<string, List<(long Step, float Value)>> Scalars(string file) =>
        Values(file).Where(v => v.Value.Has(2)).GroupBy(v => v.Value.Text(1)).ToDictionary(g => g.Key, g => g.Select(v => (v.Step, v.Value.Float(2))).ToList());

    private static string Content(WireMessage value)
    {
        var tensor = value.Message(8);
        Assert.Equal(7, tensor.Number(1));
        Assert.Equal(1, tensor.Message(2).Message(2).Number(1));
        return Assert.Single(tensor.Texts(8));
    }

    /// <summary>The steps of a curve by TensorBoard's rule: a session's start drops what has its step or a later one.</summary>
    private static List<long> AsTensorBoardReads(IEnumerable<string> files, string tag)
    {
        var steps = new List<long>();
        foreach (var happened in files.SelectMany(Events))
        {
            if (happened.Has(7) && happened.Message(7).Number(1) == 1)
            {
                steps.RemoveAll(step => step >= happened.Number(2));
            }

            steps.AddRange(happened.Has(5) ? happened.Message(5).Messages(1).Where(v => v.Text(1) == tag).Select(_ => happened.Number(2)) : []);
        }

        return steps;
    }
}
