using System.Globalization;
using Lorikeet.Testing;
using Lorikeet.Training.Checks;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Checks;

public sealed class DataCheckTests : IDisposable
{
    private readonly BadRows _rows = new();

    [Fact]
    public void Repetitions_and_leaks_are_found_by_content_wherever_pictures_lie()
    {
        File.Copy(_rows.At("square.png"), _rows.At("copy.png"));
        _rows.Write(
            "train.jsonl",
            BadRows.Row("square.png", "What?", "a square"),
            BadRows.Row("square.png", "What?", "another square"),
            BadRows.Row("landscape.png", "What?", "a square"),
            BadRows.Row("copy.png", "What?", "a square"),
            BadRows.Row("square.png", "What?", "a square"));
        string Chat(string picture, string answer) => BadRows.Chat([picture], ("user", "<image>What?"), ("assistant", answer));
        _rows.Write("eval.jsonl", Chat("copy.png", "another square"), Chat("photo.jpg", "new"), Chat("photo.jpg", "new"));
        List<Finding> found = [];
        CheckReport report = Check(Config("eval: eval.jsonl"), found: found.Add);
        Assert.Equal(["train.jsonl:4 Duplicate", "train.jsonl:5 Duplicate", "eval.jsonl:1 Leak", "eval.jsonl:3 Duplicate"], found.Select(f => $"{Path.GetFileName(f.Origin)} {f.Kind}"));
        Assert.Contains("train.jsonl:1", found[0].Message, StringComparison.Ordinal);
        Assert.Contains("train.jsonl:2", found[2].Message, StringComparison.Ordinal);
        Assert.Equal((4L, 4L, 0L, 8L), (report.Errors, report.BadRows, report.Warnings, report.Rows));
    }

    [Fact]
    public void Figures_are_those_of_the_rows_that_training_takes()
    {
        string[] words = ["one", "one two", "one two three four", "one two three four five six seven"];
        _rows.Write("train.jsonl", [.. words.Select(w => BadRows.Row("square.png", "What?", w)), BadRows.Row("cut.jpg", "What?", "x")]);
        CheckReport report = Check(Config());
        PartReport part = Assert.Single(report.Parts);
        List<SampleVerdict> verdicts = _rows.Judge(PictureReading.Header, null, [.. words.Select(w => BadRows.Row("square.png", "What?", w))]);
        int[] lengths = [.. verdicts.Select(v => v.Encoded!.Ids.Length)];
        Assert.Equal((5L, 4L), (part.Rows, part.Usable));
        TokenFigures tokens = part.Tokens!;
        Assert.Equal((lengths.Sum(), lengths[0], lengths[1], lengths[3], lengths[3]), ((int)tokens.Total, tokens.Shortest, tokens.Median, tokens.P90, tokens.Longest));
        Assert.Equal(verdicts.Sum(v => v.Encoded!.Supervised), tokens.Supervised);
        Assert.EndsWith("train.jsonl:4", tokens.LongestOrigin, StringComparison.Ordinal);
        SizeCount size = Assert.Single(part.Pictures.Sizes);
        Assert.Equal(4, size.Count);
        Assert.Equal(4L * size.Tokens, tokens.Image);
        Assert.Equal(verdicts[0].Encoded!.Layout!.Pictures[0].Tokens, size.Tokens);

        // All four in one pack: 2048 tokens take them.
        Assert.Equal(1, part.Packing!.Packs);
        Assert.Equal(lengths.Sum() / 2048.0, part.Packing.Fill, 9);
    }

    [Fact]
    public void The_result_does_not_depend_on_the_number_of_threads()
    {
        string[] pictures = ["square.png", "cut.jpg", "landscape.png", "gone.png", "photo.jpg", "text.png"];
        _rows.Write("train.jsonl", [.. Enumerable.Range(0, 60).Select(i => BadRows.Row(pictures[i % pictures.Length], $"Question {i / 7}?", i % 11 == 0 ? "" : $"answer {i % 3}"))]);
        string[] Run(int workers)
        {
            List<string> said = [];
            CheckReport report = Check(Config(), workers, f => said.Add(f.ToString()));
            return [.. said, .. report.Kinds.Select(k => $"{k.Kind} {k.Count}"), report.Parts[0].Tokens!.ToString(), report.Parts[0].Pictures.Sizes.Count.ToString(CultureInfo.InvariantCulture)];
        }

        string[] one = Run(1);
        Assert.True(one.Length > 30);
        Assert.Equal(one, Run(5));
    }

    [Fact]
    public void An_unusable_file_is_one_finding_and_the_other_file_is_checked()
    {
        _rows.Write("eval.jsonl", BadRows.Row("square.png", "What?", ""));
        CheckReport report = Check(Config("eval: eval.jsonl"));
        Assert.Equal([FindingKind.UnusableFile, FindingKind.EmptyAnswer], report.Kinds.Select(k => k.Kind));
        Assert.Contains("train.jsonl", report.Kinds[0].Listed[0].Origin, StringComparison.Ordinal);
        Assert.Equal("eval", Assert.Single(report.Parts).Name);
    }

    [Fact]
    public void Every_source_is_checked_beside_one_that_cannot_be_opened()
    {
        _rows.Write("a.jsonl", BadRows.Row("square.png", "What?", ""));
        _rows.Write("b.json", "[{\"image\": \"square.png\"},", "3]");
        _rows.Write("c.jsonl", BadRows.Row("square.png", "What?", "x"), BadRows.Row("square.png", "What?", "x"));
        CheckReport report = Check(Config(train: "[a.jsonl, b.json, none.jsonl, c.jsonl]"));
        Assert.Equal(
            ["b.json:2 UnusableFile", "none.jsonl UnusableFile", "a.jsonl:1 EmptyAnswer", "c.jsonl:2 Duplicate"],
            report.Kinds.SelectMany(k => k.Listed).Select(f => $"{Path.GetFileName(f.Origin)} {f.Kind}"));
        Assert.Equal((3L, 2L), (report.Rows, report.Parts[0].Usable));
    }

    [Fact]
    public void Held_out_samples_are_checked_as_evaluation_data()
    {
        _rows.Write("train.jsonl", [.. Enumerable.Range(0, 10).Select(i => BadRows.Row("square.png", "What?", i % 5 == 0 ? "same" : $"{i}"))]);
        CheckReport report = Check(Config("validation_split: 0.5"));
        Assert.Equal([("train", 5L), ("eval", 5L)], report.Parts.Select(p => (p.Name, p.Rows)));
        Assert.Equal(1, report.Errors); // the two equal rows: both on one side, or one on each
        using DataPreview preview = DataPreview.Open(Config("validation_split: 0.5"), BadRows.Processor, evaluation: true);
        Assert.Equal(5, preview.Count);
    }

    [Fact]
    public void What_the_overflow_policy_handles_is_a_warning()
    {
        _rows.Write("train.jsonl", BadRows.Row("landscape.png", "What?", "a sofa"), BadRows.Row("square.png", "What?", string.Concat(Enumerable.Repeat("many words ", 90))));
        int most = Check(Config()).Parts[0].Tokens!.Longest;
        string limit = string.Create(CultureInfo.InvariantCulture, $"max_length: {most - 1}");
        CheckReport refused = Check(Config(limit));
        Assert.Equal((1L, 0L, 1L), (refused.Errors, refused.Warnings, refused.Parts[0].Usable));
        CheckReport dropped = Check(Config(limit + ", on_overflow: drop"));
        Assert.Equal((0L, 1L, 1L), (dropped.Errors, dropped.Warnings, dropped.Parts[0].Usable));
        CheckReport smaller = Check(Config(limit + ", on_overflow: downscale"));
        Assert.Equal((0L, 1L, 2L), (smaller.Errors, smaller.Warnings, smaller.Parts[0].Usable));
        Assert.True(smaller.Parts[0].Tokens!.Longest < most);
    }

    [Fact]
    public void A_template_that_leaves_the_answers_out_gives_samples_without_loss()
    {
        string model = Path.Combine(_rows.Folder, "model");
        Directory.CreateDirectory(model);
        foreach (string file in Directory.GetFiles(Golden.Path("models", "smolvlm")).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }

        File.WriteAllText(
            Path.Combine(model, "chat_template.jinja"),
            "{% for m in messages %}{% if m['role'] == 'user' %}{% for c in m['content'] %}{% if c['type'] == 'text' %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}{% endfor %}");
        _rows.Write("train.jsonl", BadRows.Chat([], ("user", "What?"), ("assistant", "Nothing.")));
        CheckReport report = new DataCheck(Config(), Models.ModelCatalog.LoadProcessor(Models.ModelDirectory.Open(model)), new CheckOptions()).Run(null, null, default);
        Assert.Equal(FindingKind.NoLoss, Assert.Single(report.Kinds).Kind);
    }

    [Fact]
    public void An_interrupted_check_tells_what_it_has_seen()
    {
        _rows.Write("train.jsonl", [.. Enumerable.Range(0, 100).Select(i => BadRows.Row("square.png", $"Question {i}?", ""))]);
        using var stop = new CancellationTokenSource();
        CheckReport report = new DataCheck(Config(), BadRows.Processor, new CheckOptions()).Run(
            null,
            now =>
            {
                if (now.Done == 7)
                {
                    stop.Cancel();
                }
            },
            stop.Token);
        Assert.False(report.IsComplete);
        Assert.Equal((7L, 7L), (report.Rows, report.Errors));
    }

    [Fact]
    public void Only_the_first_findings_are_kept_and_all_are_counted()
    {
        _rows.Write("train.jsonl", [.. Enumerable.Range(0, 50).Select(i => BadRows.Row("square.png", $"Question {i}?", ""))]);
        int heard = 0;
        CheckReport report = new DataCheck(Config(), BadRows.Processor, new CheckOptions { Listed = 5 }).Run(_ => heard++, null, default);
        KindReport kind = Assert.Single(report.Kinds);
        Assert.Equal((50L, 5, 50), (kind.Count, kind.Listed.Count, heard));
    }

    public void Dispose() => _rows.Dispose();

    private RunConfig Config(string data = "", string train = "train.jsonl")
    {
        string file = _rows.At("run.yaml");
        File.WriteAllText(file, $$"""
            model: { path: '{{Golden.Path("models", "smolvlm")}}' }
            data: { train: {{train}}{{(data.Length > 0 ? ", " + data : "")}} }
            train: { output_dir: out }
            """);
        return RunConfigReader.Load(file, []).Config;
    }

    private static CheckReport Check(RunConfig config, int workers = 2, Action<Finding>? found = null) =>
        new DataCheck(config, BadRows.Processor, new CheckOptions { Workers = workers }).Run(found, null, default);
}
