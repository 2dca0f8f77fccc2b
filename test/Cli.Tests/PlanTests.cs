using System.Text.Json.Nodes;
using Lorikeet.Cli.Commands;

namespace Lorikeet.Cli.Tests;

/// <summary>The verb plan: what it prints, when it refuses, and what it needs.</summary>
public sealed class PlanTests
{
    [Fact]
    public void A_plan_names_the_costliest_sample_what_trains_and_the_total()
    {
        using var folder = new TrainingFolder();
        folder.Write("train.jsonl", string.Join('\n', [Row("Short?", "Yes."), Row("Long?", string.Concat(Enumerable.Repeat("word ", 40))), Row("Short?", "No.")]));
        (int code, _, string result) = Plan(folder);
        Assert.Equal(0, code);
        Assert.Contains("costliest sample: train.jsonl:2: ", result, StringComparison.Ordinal);
        Assert.Contains("adapters on 14 layers: model.text_model.layers.{0-1}.self_attn.q_proj", result, StringComparison.Ordinal);
        Assert.Contains("image tokens", result, StringComparison.Ordinal);
        Assert.Contains("2 steps an epoch, 3 in all", result, StringComparison.Ordinal);
        Assert.Contains(": fits", result, StringComparison.Ordinal);
        Assert.Contains("time: about", result, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.Output), "a plan writes nothing");
    }

    [Fact]
    public void Json_has_the_account_that_the_run_reports()
    {
        using var folder = new TrainingFolder();
        JsonObject plan = Json(folder);
        (int code, _, _) = folder.Train();
        Assert.Equal(0, code);
        JsonNode finished = File.ReadLines(Path.Combine(folder.Output, "events.jsonl")).Select(line => JsonNode.Parse(line)!).Last(e => e["peak_memory"] is not null);
        JsonNode peak = finished["peak_memory"]!, account = plan["account"]!;
        Assert.Equal((long)peak["activations"]!, (long)account["activations"]!);
        Assert.Equal((long)peak["optimizer"]!, (long)account["optimizer"]!);
        Assert.Equal((long)peak["weights"]!, (long)account["weights_mapped"]! + (long)account["weights_loaded"]! + (long)account["trained"]!);
        Assert.True((long)plan["total"]! > (long)account["total"]!);
    }

    [Fact]
    public void Weights_may_be_absent()
    {
        using var folder = new TrainingFolder();
        JsonObject before = Json(folder);
        File.Delete(folder.At("model", "model.safetensors"));
        JsonObject after = Json(folder);
        Assert.True(JsonNode.DeepEquals(before["account"], after["account"]));
        Assert.Contains(after["notes"]!.AsArray(), note => ((string)note!).Contains("holds no weights", StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_that_does_not_fit_ends_with_code_2_when_asked_and_names_changes()
    {
        using var folder = new TrainingFolder();
        (int code, string messages, string result) = Plan(folder, "--memory", "1MiB", "--fit");
        Assert.Equal(2, code);
        Assert.Contains("the budget is 1 MiB", messages, StringComparison.Ordinal);
        Assert.Contains("does not fit", result, StringComparison.Ordinal);
        Assert.Equal(0, Plan(folder, "--memory", "1MiB").Code);
        Assert.Equal(0, Plan(folder, "--memory", "64GiB", "--fit").Code);
    }

    [Fact]
    public void A_gpu_that_is_elsewhere_is_planned_by_its_memory()
    {
        using var folder = new TrainingFolder();
        (int code, string messages, string result) = Plan(folder, "--device", "cuda:57", "--memory", "24GiB", "--model.compute", "bfloat16");
        Assert.Equal(0, code);
        Assert.Contains("planning for a GPU that this machine does not have", messages, StringComparison.Ordinal);
        Assert.Contains("scratch of kernels", result, StringComparison.Ordinal);
        Assert.Contains("weights, loaded", result, StringComparison.Ordinal);
        Assert.Contains("memory of this machine besides", result, StringComparison.Ordinal);
        Assert.Contains("time: not told, the GPU is not here", result, StringComparison.Ordinal);
        (code, messages, _) = Plan(folder, "--device", "cuda:57");
        Assert.Equal(2, code);
        Assert.Contains("--memory 24GiB", messages, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_rows_are_sampled_and_that_is_said()
    {
        using var folder = new TrainingFolder();
        (int code, _, string result) = Plan(folder, "--rows", "2");
        Assert.Equal(0, code);
        Assert.Contains("note: 2 of 6 rows were looked at", result, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_at_which_training_would_stop_is_named()
    {
        using var folder = new TrainingFolder();
        folder.Write("train.jsonl", string.Join('\n', [Row("Short?", "Yes."), TrainingFolder.Row("gone.png", "What?", "Nothing.")]));
        (int code, _, string result) = Plan(folder);
        Assert.Equal(0, code);
        Assert.Contains("note: training would stop at 1 of the rows looked at", result, StringComparison.Ordinal);
        Assert.Contains("gone.png", result, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--memory", "lots", "expected a size such as 16GiB")]
    [InlineData("--rows", "0", "expected a number above 0, or all")]
    [InlineData("--lora.target_modules", "nothing_like_it", "matches no linear layer")]
    public void What_cannot_be_planned_is_said(string option, string value, string message)
    {
        using var folder = new TrainingFolder();
        (int code, string messages, _) = Plan(folder, option, value);
        Assert.Equal(2, code);
        Assert.Contains(message, messages, StringComparison.Ordinal);
    }

    private static string Row(string question, string answer) => TrainingFolder.Row("square.png", question, answer);

    private static JsonObject Json(TrainingFolder folder)
    {
        (int code, string messages, string result) = Plan(folder, "--json");
        Assert.True(code == 0, messages);
        return JsonNode.Parse(result)!.AsObject();
    }

    private static (int Code, string Messages, string Result) Plan(TrainingFolder folder, params string[] more)
    {
        var test = new TestHost();
        int code = test.Run([PlanCommand.Create], ["plan", folder.At("run.yaml"), .. more]);
        return (code, test.Messages.Replace(folder.Root + "/", "", StringComparison.Ordinal), test.Result.Replace(folder.Root + "/", "", StringComparison.Ordinal));
    }
}
