using System.Globalization;
using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests;

/// <summary>A run's checkpoints and results, used by the other verbs; and what train says before it starts.</summary>
public sealed class CheckpointUseTests : IDisposable
{
    private readonly TinyCommands _tiny = new();

    [Fact]
    public void A_checkpoint_of_the_whole_model_answers_as_the_model_that_the_run_ends_with()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train("--method=full", "--train.learning_rate=0.05").Code);
        string first = Path.Combine(_tiny.Output, "checkpoint-1"), last = Path.Combine(_tiny.Output, "checkpoint-2");
        double ofFirst = Loss(first), ofLast = Loss(last);
        Assert.Equal(Loss(_tiny.Output), ofLast, 6);
        Assert.NotEqual(ofFirst, ofLast, 3);
        Assert.NotEqual(Loss(_tiny.Model), ofFirst, 3);
        Assert.True(File.Exists(Path.Combine(_tiny.Output, "eval-checkpoint-1", "report.html")), "results lie beside the checkpoint, which may be deleted");
        string[] question = ["--image", Path.Combine(_tiny.Images, "tiny.png"), "--prompt", "What is it?", "--max-new-tokens", "6", "--temperature", "0"];
        Assert.Equal(_tiny.Run(["chat", _tiny.Output, .. question]).Result, _tiny.Run(["chat", last, .. question]).Result);
        Said compared = _tiny.Run("eval", _tiny.Model, "--data", _tiny.Data, "--image-root", _tiny.Images, "--metrics", "loss", "--compare", first, last, "--output", Path.Combine(_tiny.Folder, "two"));
        Assert.True(compared.Code == ExitCodes.Done, compared.Messages);
        JsonNode report = JsonNode.Parse(File.ReadAllText(Path.Combine(_tiny.Folder, "two", "report.json")))!;
        Assert.Equal([ofFirst, ofLast], report["models"]!.AsArray().Select(m => (double)m!["values"]!["loss"]!), (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void A_checkpoint_of_an_adapter_is_one()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train().Code);
        Assert.Equal(Loss(_tiny.Output), Loss(Path.Combine(_tiny.Output, "checkpoint-2")), 6);
        Assert.True(File.Exists(Path.Combine(_tiny.Output, "eval-checkpoint-2", "report.html")));
    }

    [Fact]
    public void A_damaged_checkpoint_of_the_whole_model_is_refused()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train("--method=full").Code);
        string checkpoint = Path.Combine(_tiny.Output, "checkpoint-1"), trained = Path.Combine(checkpoint, "trained.safetensors");
        byte[] bytes = File.ReadAllBytes(trained);
        bytes[^5] ^= 4;
        File.WriteAllBytes(trained, bytes);
        Said said = _tiny.Run("chat", checkpoint, "--prompt", "What?");
        Assert.Equal(ExitCodes.Input, said.Code);
        Assert.Contains($"{checkpoint}: the checkpoint is damaged", said.Messages, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "language_model.lm_head.weight")]
    [InlineData("4", "language_model.lm_head.weight")]
    [InlineData("5", "lm_head.weight")]
    public void A_merge_has_the_names_of_its_base_or_those_asked_for(string? generation, string head)
    {
        _tiny.Model = Golden.Path("models", "llava");
        Said trained = _tiny.Train();
        Assert.True(trained.Code == ExitCodes.Done, trained.Messages);
        string target = Path.Combine(_tiny.Folder, "merged");
        Said said = _tiny.Run(["merge", _tiny.Model, "--adapter", _tiny.Output, "--output", target, .. generation is null ? Array.Empty<string>() : ["--names", generation]]);
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        using WeightSet written = WeightSet.Open(target);
        Assert.Contains(head, written.Tensors.Keys);
        Assert.Equal(ExitCodes.Input, _tiny.Run("merge", _tiny.Model, "--adapter", _tiny.Output, "--output", target + "2", "--names", "3").Code);
        Assert.False(Directory.Exists(target + "2"));
    }

    [Fact]
    public void Names_of_transformers_4_beside_a_configuration_of_5_are_said()
    {
        string model = _tiny.CopyModel();
        File.Copy(Golden.Path("models", "smolvlm", "config_v5.json"), Path.Combine(model, "config.json"), overwrite: true);
        Assert.Equal(ExitCodes.Done, _tiny.Train().Code);
        Said said = _tiny.Run("merge", model, "--adapter", _tiny.Output, "--output", Path.Combine(_tiny.Folder, "merged"), "--names", "4");
        Assert.Contains("config.json was written by transformers 5", said.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void Train_tells_the_memory_that_plan_tells()
    {
        string line = _tiny.Train().Messages.Split('\n').Single(l => l.StartsWith("memory: ", StringComparison.Ordinal));
        Said planned = _tiny.Run("plan", Path.Combine(_tiny.Folder, "run.yaml"));
        string Planned(string label) => planned.Result.Split('\n').Single(l => l.StartsWith($"  {label} ", StringComparison.Ordinal))[(2 + label.Length)..].Trim().Split("   ")[0];
        foreach (string part in new[] { "gradients", "optimizer" })
        {
            Assert.Contains($"{part} {Planned(part)}", line, StringComparison.Ordinal);
        }

        Assert.Contains($"activations {Planned("activations of the largest batch")}", line, StringComparison.Ordinal);

        // The program is measured in each, so the totals agree roughly.
        static double Mebibytes(string text) => double.Parse(text.Trim().Split(' ')[0], CultureInfo.InvariantCulture);
        Assert.Equal(Mebibytes(Planned("total")), Mebibytes(line["memory: ".Length..]), 100.0);
        Assert.Contains(" at most of ", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_row_that_training_never_meets_does_not_keep_it_from_starting()
    {
        _tiny.WriteRows(TinyCommands.Row("tiny.png", "a dot"), TinyCommands.Row("tiny.png", "two dots"), TinyCommands.Row("tiny.png", "dots"), "{ \"image\": \"gone.png\", \"question\": \"What?\", \"answer\": \"a\" }");
        Said said = _tiny.Train("--train.max_steps=1");
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.Contains("memory: ", said.Messages, StringComparison.Ordinal);
    }

    public void Dispose() => _tiny.Dispose();

    private double Loss(string what)
    {
        string output = Path.Combine(_tiny.Folder, "loss");
        string[] place = what.Contains("checkpoint-", StringComparison.Ordinal) ? [] : ["--output", output, "--overwrite"];
        Said said = _tiny.Run(["eval", what, "--data", _tiny.Data, "--image-root", _tiny.Images, "--metrics", "loss", .. place]);
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        string report = place.Length > 0 ? output : Path.Combine(_tiny.Output, "eval-" + Path.GetFileName(what));
        return (double)JsonNode.Parse(File.ReadAllText(Path.Combine(report, "report.json")))!["models"]![0]!["values"]!["loss"]!;
    }
}
