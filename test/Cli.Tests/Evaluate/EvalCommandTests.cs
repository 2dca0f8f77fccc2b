using System.Globalization;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Commands;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Evaluate;

/// <summary>eval: answers and report, stopping and going on, what it refuses, and two models side by side.</summary>
public sealed class EvalCommandTests : IDisposable
{
    private readonly TinyCommands _tiny = new();

    private string Report => Path.Combine(_tiny.Folder, "report");

    private string Answers => Path.Combine(Report, "predictions.jsonl");

    [Fact]
    public void A_model_is_evaluated_and_the_report_holds_every_row()
    {
        Said said = Eval("--metrics", "exact_match,anls,bleu,loss");
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.Contains("exact_match: 0.0 %\n", said.Result, StringComparison.Ordinal);
        Assert.EndsWith($"report: {Report}/report.html\n", said.Result, StringComparison.Ordinal);
        JsonNode report = Json();
        Assert.Equal(4, (int)report["rows_measured"]!);
        Assert.Equal(["exact_match", "anls", "bleu", "loss"], report["metrics"]!.AsObject().Select(m => m.Key));
        JsonNode model = report["models"]![0]!;
        Assert.Equal(4, (int)model["answers"]!);
        Assert.True((double)model["values"]!["loss"]! > 0);
        Assert.True((double)model["tokens_per_s"]! > 0);
        JsonArray rows = report["rows"]!.AsArray();
        Assert.Equal(["a sofa", "a dot", "a square", "another dot"], rows.Select(r => (string)r!["references"]![0]!));
        Assert.All(rows, row => Assert.Equal("What is it?", (string)row!["prompt"]!));
        Assert.Equal("landscape.png", (string)rows[0]!["images"]![0]!);
        Assert.Equal($"{_tiny.Data}:1", (string)rows[0]!["origin"]!);

        // The report's answers are those of the file, which stands in the order of the rows.
        string[] lines = File.ReadAllLines(Answers);
        Assert.Equal([0, 1, 2, 3], lines.Select(l => (int)JsonNode.Parse(l)!["row"]!));
        Assert.Equal(rows.Select(r => (string)r!["results"]![0]!["answer"]!), lines.Select(l => (string)JsonNode.Parse(l)!["answer"]!));

        // The loss of the data set is the mean over its tokens, not over its rows.
        double[] sums = [.. File.ReadAllLines(Path.Combine(Report, "losses.jsonl")).Select(l => (double)JsonNode.Parse(l)!["loss_sum"]!)];
        double[] counts = [.. File.ReadAllLines(Path.Combine(Report, "losses.jsonl")).Select(l => (double)JsonNode.Parse(l)!["loss_tokens"]!)];
        Assert.Equal(sums.Sum() / counts.Sum(), (double)model["values"]!["loss"]!, 9);
        Assert.Empty(_tiny.Leftovers());
    }

    [Fact]
    public void Answers_are_those_of_chat()
    {
        Eval();
        foreach (JsonNode? row in Json()["rows"]!.AsArray())
        {
            Said chat = _tiny.Run("chat", _tiny.Model, "--image", Path.Combine(_tiny.Images, (string)row!["images"]![0]!), "--prompt", "What is it?", "--max-new-tokens", "6", "--temperature", "0");
            Assert.Equal(chat.Result.Trim(), (string)row["results"]![0]!["answer"]!);
        }
    }

    [Fact]
    public void A_used_folder_is_refused_continued_or_replaced()
    {
        Assert.Equal(ExitCodes.Done, Eval().Code);
        Said refused = Eval();
        Assert.Equal(ExitCodes.Input, refused.Code);
        Assert.Contains("already holds an evaluation. Continue it with --resume, replace it with --overwrite", refused.Messages, StringComparison.Ordinal);

        // Another metric needs no new answers.
        DateTime written = File.GetLastWriteTimeUtc(Answers);
        string before = File.ReadAllText(Answers);
        Said again = Eval("--resume", "--metrics", "cider");
        Assert.True(again.Code == ExitCodes.Done, again.Messages);
        Assert.Contains("4 of 4 rows are answered already", again.Messages, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllText(Answers));
        Assert.Equal("cider", Json()["metrics"]!.AsObject().Single().Key);
        Assert.Equal(ExitCodes.Done, Eval("--overwrite").Code);
        Assert.Equal(before, File.ReadAllText(Answers));
    }

    [Fact]
    public void A_stopped_evaluation_goes_on_with_the_same_result()
    {
        Assert.Equal(ExitCodes.Done, Eval().Code);
        string whole = File.ReadAllText(Answers);

        // Stopped by Ctrl-C after the second row.
        var clock = new CallingClock();
        var test = new TestHost(clock: clock);
        clock.OnCall = () =>
        {
            if (File.Exists(Answers) && File.ReadLines(Answers).Count() == 2)
            {
                test.Host.Stop.Request(TextWriter.Null);
            }
        };
        int code = test.Run([EvalCommand.Create], [.. Arguments("--overwrite", "--batch-size", "1")]);
        Assert.True(code == ExitCodes.Interrupted, test.Messages);
        Assert.Contains("Go on with the same command and --resume.", test.Messages, StringComparison.Ordinal);
        Assert.Equal(2, File.ReadLines(Answers).Count());

        // Killed in the middle of a line.
        File.AppendAllText(Answers, "{\"row\":3,\"answer\":\"hal");
        Said resumed = Eval("--resume");
        Assert.True(resumed.Code == ExitCodes.Done, resumed.Messages);
        Assert.Contains("2 of 4 rows are answered already", resumed.Messages, StringComparison.Ordinal);
        Assert.Contains("line 3 was cut off", resumed.Messages, StringComparison.Ordinal);
        Assert.Equal(whole, File.ReadAllText(Answers));
    }

    [Theory]
    [InlineData("generation", "--max-new-tokens", "5")]
    [InlineData("compute", "--compute", "bf16")]
    [InlineData("data", "--prompt", "Another question?")]
    public void Other_settings_cannot_go_on_with_old_answers(string what, string option, string value)
    {
        Assert.Equal(ExitCodes.Done, Eval().Code);
        Said said = Eval("--resume", option, value);
        Assert.Equal(ExitCodes.Input, said.Code);
        Assert.Contains($"the answers there were made with another {what} (", said.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_answers_are_named()
    {
        Assert.Equal(ExitCodes.Done, Eval().Code);
        File.AppendAllText(Answers, "{\"row\":9}\n");
        Assert.Contains($"{Answers}:5: row 9 is none of the 4 rows of this data set.", Eval("--resume").Messages, StringComparison.Ordinal);
        File.WriteAllText(Answers, "nonsense\n");
        Assert.Contains($"{Answers}:1: ", Eval("--resume").Messages, StringComparison.Ordinal);
        File.Delete(Path.Combine(Report, "evaluation.json"));
        Assert.Contains("evaluation.json is missing", Eval("--resume").Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_rows_end_the_evaluation_or_are_left_out_and_listed()
    {
        _tiny.WriteRows(TinyCommands.Row("landscape.png", "a sofa"), TinyCommands.Row("gone.png", "x"), "{\"image\":\"tiny.png\",\"question\":\"q\"}", TinyCommands.Row("tiny.png", "a dot"));
        File.WriteAllText(Path.Combine(_tiny.Images, "text.png"), "no picture");
        Said stopped = Eval();
        Assert.Equal(ExitCodes.Input, stopped.Code);
        Assert.Contains($"{_tiny.Data}:2: ", stopped.Messages, StringComparison.Ordinal);
        Said skipped = Eval("--overwrite", "--on-error", "skip", "--metrics", "exact_match,loss");
        Assert.True(skipped.Code == ExitCodes.Done, skipped.Messages);
        Assert.Contains("2 of 4 rows could not be used", skipped.Messages, StringComparison.Ordinal);
        JsonNode report = Json();
        Assert.Equal([0, 3], report["rows"]!.AsArray().Select(r => (int)r!["row"]!));
        Assert.Equal([1, 2], report["left_out"]!.AsArray().Select(r => (int)r!["row"]!));
        Assert.Contains("gone.png", (string)report["left_out"]![0]!["error"]!, StringComparison.Ordinal);
        Assert.Contains("gone.png", File.ReadAllText(Path.Combine(Report, "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_finds_its_base_and_its_runs_data_and_has_trainings_loss()
    {
        File.Copy(_tiny.Data, Path.Combine(_tiny.Folder, "eval.jsonl"));
        Said trained = _tiny.Train("--data.eval", Path.Combine(_tiny.Folder, "eval.jsonl"), "--train.eval_strategy", "epoch");
        Assert.True(trained.Code == ExitCodes.Done, trained.Messages);
        const string Words = "evaluation loss ";
        string loss = trained.Messages[(trained.Messages.LastIndexOf(Words, StringComparison.Ordinal) + Words.Length)..].Split(' ')[0];

        Said said = _tiny.Run("eval", _tiny.Output, "--metrics", "loss", "--overwrite");
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        string report = Path.Combine(_tiny.Output, "eval", "report.json");
        double value = (double)JsonNode.Parse(File.ReadAllText(report))!["models"]![0]!["values"]!["loss"]!;
        Assert.Equal(loss, value.ToString("0.0000", CultureInfo.InvariantCulture));

        // The run file finds the adapter; no answer was generated for a loss.
        Assert.False(File.Exists(Path.Combine(_tiny.Output, "eval", "predictions.jsonl")));
        Said byRun = _tiny.Run("eval", Path.Combine(_tiny.Folder, "run.yaml"), "--data.eval", Path.Combine(_tiny.Folder, "eval.jsonl"), "--metrics", "loss", "--resume");
        Assert.True(byRun.Code == ExitCodes.Done, byRun.Messages);
        Assert.Contains("evaluating the run's adapter", byRun.Messages, StringComparison.Ordinal);
        Assert.Contains(said.Result.Split('\n')[0], byRun.Result, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_adapters_are_compared_row_by_row()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train().Code);
        Said said = _tiny.Run([.. Arguments("--compare", "base", _tiny.Output, "--metrics", "anls,loss", "--resamples", "500")]);
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        JsonNode report = Json();
        Assert.Equal(["base", "out"], report["models"]!.AsArray().Select(m => (string)m!["name"]!));
        Assert.Null(report["models"]![0]!["adapter"]);
        JsonNode loss = report["comparison"]!["differences"]!["loss"]!;
        double a = (double)report["models"]![0]!["values"]!["loss"]!, b = (double)report["models"]![1]!["values"]!["loss"]!;
        Assert.NotEqual(a, b);
        Assert.Equal(b - a, (double)loss["difference"]!, 9);
        Assert.InRange((double)loss["difference"]!, (double)loss["low"]!, (double)loss["high"]!);
        Assert.Equal(4, (int)loss["better"]! + (int)loss["worse"]! + (int)loss["equal"]!);
        Assert.Equal(2, report["rows"]![0]!["results"]!.AsArray().Count);
        Assert.StartsWith("anls: ", said.Result, StringComparison.Ordinal);

        // Each model's own evaluation says the same.
        Assert.Equal(ExitCodes.Done, _tiny.Run([.. Arguments("--overwrite", "--adapter", _tiny.Output, "--metrics", "loss")]).Code);
        Assert.Equal(b, (double)Json()["models"]![0]!["values"]!["loss"]!, 6);
    }

    [Theory]
    [InlineData("expected some of exact_match", "--metrics", "meteor")]
    [InlineData("exclude each other", "--resume", "--overwrite")]
    [InlineData("--adapter and --compare exclude each other", "--adapter", "base", "--compare", "base", "x")]
    [InlineData("both are base", "--compare", "base", "base")]
    [InlineData("expected at least 100", "--resamples", "5")]
    [InlineData("expected stop or skip", "--on-error", "ignore")]
    [InlineData("expected at least 1, found 0", "--batch-size", "0")]
    [InlineData("max_new_tokens: expected at least 1", "--max-new-tokens", "0")]
    [InlineData("there is no such adapter directory", "--adapter", "gone")]
    [InlineData("is a setting of a run file", "--lora.r", "4")]
    public void What_makes_no_sense_is_refused(string expected, params string[] more)
    {
        Said said = Eval(more);
        Assert.Equal(ExitCodes.Input, said.Code);
        Assert.Contains(expected, said.Messages, StringComparison.Ordinal);
        Assert.False(File.Exists(Answers));
    }

    [Fact]
    public void Data_is_needed()
    {
        Said said = _tiny.Run("eval", _tiny.Model);
        Assert.Equal(ExitCodes.Input, said.Code);
        Assert.Contains("there is no data to evaluate on: give --data FILE", said.Messages, StringComparison.Ordinal);
        Assert.Equal("error: gone.yaml: there is no such run file\n", _tiny.Run("eval", "gone.yaml").Messages);
    }

    [Fact]
    public void Rows_held_out_of_training_are_evaluated_where_the_run_has_no_others()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train("--data.validation_split", "0.5").Code);
        Said said = _tiny.Run("eval", _tiny.Output, "--max_new_tokens", "4");
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        JsonNode report = JsonNode.Parse(File.ReadAllText(Path.Combine(_tiny.Output, "eval", "report.json")))!;
        Assert.Equal(2, (int)report["rows_measured"]!);
        Assert.Equal(2, report["rows"]!.AsArray().Select(r => (string)r!["origin"]!).Distinct().Count());
    }

    [Fact]
    public void Only_the_first_rows_are_evaluated_where_that_is_asked_for()
    {
        Assert.Equal(ExitCodes.Done, Eval("--max-samples", "3").Code);
        Assert.Equal(["a sofa", "a dot", "a square"], Json()["rows"]!.AsArray().Select(r => (string)r!["references"]![0]!));
        Assert.Contains("made with another rows (", Eval("--resume").Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void Notes_of_the_run_file_are_told_but_not_that_generation_has_no_effect()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train("--generation.max_new_tokens", "3").Code);
        Said said = _tiny.Run("eval", Path.Combine(_tiny.Folder, "run.yaml"), "--generation.max_new_tokens", "3", "--train.optim", "adamw", "--data", _tiny.Data);
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.Contains("adamw", said.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain("section generation", said.Messages, StringComparison.Ordinal);
        Assert.All(File.ReadAllLines(Path.Combine(_tiny.Output, "eval", "predictions.jsonl")), line => Assert.True((int)JsonNode.Parse(line)!["tokens"]! <= 3));
    }

    [Fact]
    public void Texts_of_users_cannot_become_markup()
    {
        const string Hostile = "</td><script>alert(1)</script><img src=x onerror=alert(2)>";
        _tiny.WriteRows($$"""{"image":"tiny.png","question":"{{Hostile}}","answers":["{{Hostile}}","b"]}""");
        Said said = Eval();
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        string page = File.ReadAllText(Path.Combine(Report, "report.html"));
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<img src=x", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(1)", page, StringComparison.Ordinal);
        Assert.Equal([Hostile, "b"], Json()["rows"]![0]!["references"]!.AsArray().Select(r => (string)r!));
    }

    [Fact]
    [Trait("tier", "slow")]
    public void A_browser_shows_the_report_and_can_sort_and_filter_it()
    {
        Assert.SkipWhen(Chromium.Path is null, Chromium.Missing);
        Assert.Equal(ExitCodes.Done, Eval().Code);
        string page = Path.Combine(Report, "report.html");
        string shown = Chromium.DumpDom(page);
        Assert.Contains("4 of 4 rows", shown, StringComparison.Ordinal);
        Assert.Contains("class=\"tools on\"", shown, StringComparison.Ordinal);
        Assert.Equal(4, shown.Split("src=\"data:image/").Length - 1);
        string picture = Path.Combine(_tiny.Folder, "page.png");
        Chromium.Screenshot(page, picture);
        Assert.True(new FileInfo(picture).Length > 10_000);
    }

    public void Dispose() => _tiny.Dispose();

    private Said Eval(params string[] more) => _tiny.Run([.. Arguments(more)]);

    private IEnumerable<string> Arguments(params string[] more) =>
        ["eval", _tiny.Model, "--data", _tiny.Data, "--image-root", _tiny.Images, "--output", Report, .. more.Contains("--max-new-tokens") ? (string[])[] : ["--max-new-tokens", "6"], .. more];

    private JsonNode Json() => JsonNode.Parse(File.ReadAllText(Path.Combine(Report, "report.json")))!;

    /// <summary>A clock that tells when it is looked at.</summary>
    private sealed class CallingClock : TimeProvider
    {
        public Action OnCall { get; set; } = static () => { };

        public override long GetTimestamp()
        {
            OnCall();
            return base.GetTimestamp();
        }
    }
}
