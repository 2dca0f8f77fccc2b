using System.Text.Json;
using System.Text.RegularExpressions;
using Lorikeet.Cli.Commands;
using Lorikeet.Testing;
using Lorikeet.Training.Checks;

namespace Lorikeet.Cli.Tests.DataReports;

public sealed partial class DataCommandTests : IDisposable
{
    private readonly TrainingFolder _folder = new();

    [Fact]
    public void Check_names_every_bad_row_and_ends_with_2()
    {
        _folder.Write("train.jsonl", string.Join('\n', Row("How many?", "Six."), Row("How many?", ""), "{broken", Row("How many?", "Six."), Row("Which?\u001b[31m<end_of_utterance>", "This.")));
        (int code, string messages, string result) = Run("check", _folder.At("run.yaml"));
        Assert.Equal(2, code);
        Assert.Contains("train train.jsonl: 5 rows, 3 usable\n", result, StringComparison.Ordinal);
        Assert.Contains("empty_answer: 1 error\n  train.jsonl:2: key 'messages[1].content': the answer is empty", result, StringComparison.Ordinal);
        Assert.Contains("unreadable_row: 1 error\n  train.jsonl:3: column 2: not valid JSON", result, StringComparison.Ordinal);
        Assert.Contains("duplicate: 1 error\n  train.jsonl:4: the same conversation with the same pictures stands in train.jsonl:1", result, StringComparison.Ordinal);
        Assert.Contains("special_token_text: 1 warning\n  train.jsonl:5: message 1 (user) holds the text '<end_of_utterance>'", result, StringComparison.Ordinal);
        Assert.EndsWith("\n5 rows checked: 3 errors in 3 rows, 1 warning\n", result, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', result + messages);
    }

    [Fact]
    public void Warnings_alone_end_with_0_and_json_is_one_line()
    {
        _folder.Write("train.jsonl", Row("Stop<end_of_utterance>", "Six."));
        (int code, _, string result) = Run("check", _folder.At("run.yaml"), "--json", "--fast");
        Assert.Equal(0, code);
        using JsonDocument json = JsonDocument.Parse(Assert.Single(result.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        JsonElement root = json.RootElement, finding = root.GetProperty("findings")[0], tokens = root.GetProperty("train").GetProperty("tokens");
        Assert.Equal((0, 1, 1), (root.GetProperty("errors").GetInt32(), root.GetProperty("warnings").GetInt32(), root.GetProperty("counts").GetProperty("special_token_text").GetInt32()));
        Assert.Equal(("special_token_text", "warning", 1), (finding.GetProperty("kind").GetString(), finding.GetProperty("severity").GetString(), finding.GetProperty("line").GetInt32()));
        Assert.Equal(tokens.GetProperty("total").GetInt32(), tokens.GetProperty("max").GetInt32());
        Assert.Equal(1, root.GetProperty("train").GetProperty("packing").GetProperty("packs").GetInt32());
    }

    [Theory]
    [InlineData("a.jsonl:7", "\"line\":7,")]
    [InlineData("a.parquet: row 7", "\"row\":7,")]
    [InlineData("a.json", "")]
    public void A_finding_has_its_line_or_row_as_a_number(string origin, string number)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            Lorikeet.Cli.DataReports.CheckJson.Write(json, new Finding(FindingKind.NoLoss, origin, "m"));
        }

        Assert.Equal($"{{\"kind\":\"no_loss\",\"severity\":\"error\",\"origin\":\"{origin}\",{number}\"message\":\"m\"}}", System.Text.Encoding.UTF8.GetString(stream.ToArray()));
    }

    [Fact]
    public void The_output_file_lists_what_the_terminal_leaves_out()
    {
        _folder.Write("train.jsonl", string.Join('\n', Enumerable.Range(0, 30).Select(i => Row($"{i}?", ""))));
        (int code, _, string result) = Run("check", _folder.At("run.yaml"), "--examples", "2", "--output", _folder.At("report.json"));
        Assert.Equal(2, code);
        Assert.Contains("  and 28 more, listed in report.json\n", result, StringComparison.Ordinal);
        Assert.Equal(2, CountOf(result, "the answer is empty"));
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(_folder.At("report.json")));
        Assert.Equal(Enumerable.Range(1, 30), json.RootElement.GetProperty("findings").EnumerateArray().Select(f => f.GetProperty("line").GetInt32()));
        Assert.Equal(30, json.RootElement.GetProperty("errors").GetInt32());
    }

    [Fact]
    public void An_interrupted_check_ends_with_130_and_leaves_no_file()
    {
        _folder.Write("train.jsonl", string.Join('\n', Enumerable.Range(0, 30).Select(i => Row($"{i}?", ""))));
        var test = new TestHost();
        test.Host.Stop.Request(test.Host.Messages);
        int code = test.Run([DataCommand.Create], "data", "check", _folder.At("run.yaml"), "--output", _folder.At("report.json"));
        Assert.Equal(130, code);
        Assert.Contains("interrupted: 0 rows checked", test.Result, StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Root), f => f.Contains("report", StringComparison.Ordinal));
    }

    [Fact]
    public void Settings_of_the_command_line_hold()
    {
        (int code, _, string result) = Run("check", _folder.At("run.yaml"), "--data.max_length", "10", "--data.on_overflow", "drop");
        Assert.Equal(2, code); // the folder's six rows are equal
        Assert.Contains("too_long_handled: 6 warnings", result, StringComparison.Ordinal);
    }

    [Fact]
    public void Preview_marks_what_carries_loss()
    {
        (int code, _, string result) = Run("preview", _folder.At("run.yaml"), "--rows", "2");
        Assert.Equal(0, code);
        Assert.StartsWith("tokens that carry loss stand between ⟦ and ⟧\n\ntrain.jsonl:2 (row 2)\n", result, StringComparison.Ordinal);
        Assert.Contains("\n  picture 1: square.png, ", result, StringComparison.Ordinal);
        Assert.Contains("How many?<end_of_utterance>\nAssistant:⟦ Six objects.<end_of_utterance>\n⟧\n", result, StringComparison.Ordinal);
        Assert.Matches("<image>×[0-9]+", result);
    }

    [Fact]
    public void A_preview_of_a_bad_row_says_why_and_ends_with_2()
    {
        File.AppendAllLines(_folder.At("train.jsonl"), [Row("How many?", "")]);
        (int code, _, string result) = Run("preview", _folder.At("run.yaml"), "--rows", "1,7");
        Assert.Equal(2, code);
        Assert.Contains("train.jsonl:7 (row 7)\n  key 'messages[1].content': the answer is empty", result, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--rows: expected numbers from 1 to 6 (train.jsonl), found '7'", "--rows", "1,7")]
    [InlineData("--rows: expected numbers from 1 to 6 (train.jsonl), found '0'", "--rows", "0")]
    [InlineData("--samples: expected 1 to 200, found 0", "--samples", "0")]
    [InlineData("the run file has no evaluation data (data.eval, data.validation_split)", "--split", "eval")]
    [InlineData("--split: expected train or eval, found 'test'", "--split", "test")]
    public void Wrong_choices_are_refused(string said, params string[] options)
    {
        (int code, string messages, _) = Run(["preview", _folder.At("run.yaml"), .. options]);
        Assert.Equal(2, code);
        Assert.Contains(said, messages, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_is_self_contained_and_escapes_the_text_of_rows()
    {
        string html = HostilePage(out int supervised);
        Assert.DoesNotContain("<b onclick", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", html, StringComparison.Ordinal);
        Assert.DoesNotContain("http", html.Replace("http-equiv", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("src=\"data:image/", html, StringComparison.Ordinal);
        Assert.Equal(supervised, Highlighted(html));
    }

    [Fact]
    [Trait("tier", "slow")]
    public void A_browser_highlights_as_many_tokens_as_there_are_labels()
    {
        Assert.SkipWhen(Chromium.Path is null, Chromium.Missing);
        HostilePage(out int supervised);
        string shown = Chromium.DumpDom(_folder.At("page.html"));
        Assert.Equal(supervised, Highlighted(shown));
        Assert.DoesNotContain("<b onclick", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", shown, StringComparison.Ordinal);
        Assert.Equal(2, CountOf(shown, "<img "));
        Assert.Equal(2, CountOf(shown, "<article>"));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>A page of two samples, one of them hostile; tells how many tokens carry loss by the JSON of a check.</summary>
    private string HostilePage(out int supervised)
    {
        _folder.Write("train.jsonl", Row("How many?", "Six & <b>more</b>") + "\n" + Row("<b onclick='x'>bold</b><script>alert(1)</script>", "\"No\" </span></p>"));
        Run("preview", _folder.At("run.yaml"), "--html", _folder.At("page.html"));
        using JsonDocument json = JsonDocument.Parse(Run("check", _folder.At("run.yaml"), "--json").Result);
        supervised = json.RootElement.GetProperty("train").GetProperty("tokens").GetProperty("supervised").GetInt32();
        Assert.True(supervised > 4);
        return File.ReadAllText(_folder.At("page.html"));
    }

    private static int Highlighted(string html) => LossSpans().Matches(html).Sum(m => int.Parse(m.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));

    [GeneratedRegex("<span class=\"loss[^\"]*\" data-n=\"([0-9]+)\"")]
    private static partial Regex LossSpans();

    private static int CountOf(string text, string what) => text.Split(what).Length - 1;

    private static string Row(string question, string answer) => TrainingFolder.Row("square.png", question, answer);

    private (int Code, string Messages, string Result) Run(params string[] arguments)
    {
        var test = new TestHost();
        int code = test.Run([DataCommand.Create], ["data", .. arguments]);
        return (code, Short(test.Messages), Short(test.Result));
    }

    private string Short(string text) => text.Replace(_folder.Root + "/", "", StringComparison.Ordinal);
}
