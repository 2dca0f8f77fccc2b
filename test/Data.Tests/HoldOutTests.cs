using System.Globalization;
using Lorikeet.Data.Sampling;

namespace Lorikeet.Data.Tests;

public sealed class HoldOutTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData(0.05, 5)]
    [InlineData(0.051, 6)]
    [InlineData(30, 30)]
    [InlineData(1, 1)]
    [InlineData(99, 99)]
    public void Held_out_rows_are_never_trained_on_and_none_is_lost(double size, int expected)
    {
        (Dataset training, Dataset validation) = Open(Rows("a", 100)).HoldOut(size, 3);
        using (training)
        using (validation)
        {
            string[] kept = Answers(training), held = Answers(validation);
            Assert.Equal(expected, held.Length);
            Assert.Equal(100 - expected, kept.Length);
            Assert.Equal(100, kept.Union(held).Count());
            Assert.Equal(kept.OrderBy(Number), kept);
            Assert.Equal(held.OrderBy(Number), held);
        }
    }

    [Fact]
    public void The_seed_decides_which_rows_are_held_out()
    {
        string path = Rows("a", 100);
        string[] Held(ulong seed)
        {
            (Dataset training, Dataset validation) = Open(path).HoldOut(0.2, seed);
            using (training)
            using (validation)
            {
                return Answers(validation);
            }
        }

        Assert.Equal(Held(1), Held(1));
        Assert.NotEqual(Held(1), Held(2));
        Assert.NotEqual(Enumerable.Range(0, 20).Select(i => $"a{i}"), Held(1));
    }

    [Fact]
    public void Each_source_gives_its_share_and_fingerprints_differ()
    {
        Dataset whole = Dataset.Open([Options(Rows("a", 60)), Options(Rows("b", 40))], StoppingStrategy.AllExhausted);
        string fingerprint = whole.Fingerprint;
        (Dataset training, Dataset validation) = whole.HoldOut(0.1, 1);
        using (validation)
        {
            using (training)
            {
                Assert.Equal(3, new HashSet<string> { fingerprint, training.Fingerprint, validation.Fingerprint }.Count);
                Assert.Equal(90, training.Count);
            }

            // The sources stay open for the other of the two.
            Assert.Equal([6, 4], Answers(validation).GroupBy(a => a[0]).OrderBy(g => g.Key).Select(g => g.Count()));
        }
    }

    [Fact]
    public void Splits_and_limits_come_first()
    {
        (Dataset training, Dataset validation) = Open(Rows("a", 100), "train[50:]", 10).HoldOut(0.5, 1);
        using (training)
        using (validation)
        {
            Assert.Equal(Enumerable.Range(50, 10).Select(i => $"a{i}"), Answers(training).Concat(Answers(validation)).Order());
            Assert.Equal(5, validation.Count);
        }
    }

    [Theory]
    [InlineData(100, "holds out 100 of 100 samples")]
    [InlineData(0.999, "holds out 100 of 100 samples")]
    [InlineData(0, "holds out 0 of 100 samples")]
    [InlineData(double.NaN, "of 100 samples")]
    public void A_size_that_leaves_nothing_is_refused(double size, string expected)
    {
        using Dataset data = Open(Rows("a", 100));
        var error = Assert.Throws<InvalidDataException>(() => data.HoldOut(size, 1));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_that_are_selected_twice_cannot_be_held_out()
    {
        string path = Rows("a", 100);
        using Dataset twice = Open(path, "train[:60]+train[50:]");
        var error = Assert.Throws<InvalidDataException>(() => twice.HoldOut(0.1, 1));
        Assert.StartsWith($"{path}: data.validation_split would hold out rows that are also trained on", error.Message, StringComparison.Ordinal);
        using Dataset both = Dataset.Open([Options(path), Options(path)], StoppingStrategy.AllExhausted);
        Assert.Throws<InvalidDataException>(() => both.HoldOut(0.1, 1));
        Dataset halves = Dataset.Open([Options(path) with { Split = "train[:50%]" }, Options(path) with { Split = "train[50%:]" }], StoppingStrategy.AllExhausted);
        (Dataset training, Dataset validation) = halves.HoldOut(0.1, 1);
        using (training)
        using (validation)
        {
            Assert.Equal(10, validation.Count);
        }
    }

    private static string[] Answers(Dataset data) =>
        [.. Enumerable.Range(0, (int)data.Count).Select(i => data.Read(i).Messages[^1].AllText)];

    private static int Number(string answer) => int.Parse(answer.AsSpan(1), CultureInfo.InvariantCulture);

    private static DatasetOptions Options(string path) => new() { Path = path };

    private static Dataset Open(string path, string? split = null, long? max = null) =>
        Dataset.Open(new DatasetOptions { Path = path, Split = split, MaxSamples = max });

    private string Rows(string name, int count) =>
        _directory.Save(name + ".jsonl", string.Concat(Enumerable.Range(0, count).Select(i => $$"""{"question":"q","answer":"{{name}}{{i}}"}""" + "\n")));
}
