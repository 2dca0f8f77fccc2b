using System.Text.Json.Nodes;
using Lorikeet.Cli.Commands;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests;

/// <summary>A folder with a tiny model, a picture, a few samples and a run file: what a user would have, to be spoilt by a test.</summary>
internal sealed class TrainingFolder : IDisposable
{
    public TrainingFolder()
    {
        Root = Directory.CreateTempSubdirectory("lorikeet-train-").FullName;
        string model = At("model");
        Directory.CreateDirectory(model);
        foreach (string file in Directory.EnumerateFiles(Golden.Path("models", "smolvlm")))
        {
            File.Copy(file, Path.Combine(model, Path.GetFileName(file)));
        }

        File.Copy(Golden.Path("cases", "images", "square.png"), At("square.png"));
        File.WriteAllLines(At("train.jsonl"), Enumerable.Repeat(Row("square.png", "How many?", "Six objects."), 6));
        Write("run.yaml", "model: {path: model}\ndata: {train: train.jsonl}\ntrain: {output_dir: out, max_steps: 3, per_device_train_batch_size: 2}\n");
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>The run's output directory.</summary>
    public string Output => At("out");

    /// <summary>True if nothing was written: no output directory, or none but the record of what was tried.</summary>
    public bool HasNoResult => !Directory.Exists(Output)
        || !Directory.EnumerateFileSystemEntries(Output).Select(Path.GetFileName).Except(["events.jsonl", "run.yaml"]).Any();

    /// <summary>A row in messages format.</summary>
    public static string Row(string image, string question, string answer) => new JsonObject
    {
        ["messages"] = new JsonArray(
            new JsonObject
            {
                ["role"] = "user",
                ["content"] = new JsonArray(new JsonObject { ["type"] = "image", ["image"] = image }, new JsonObject { ["type"] = "text", ["text"] = question }),
            },
            new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = answer }) }),
    }.ToJsonString();

    public string At(params string[] parts) => Path.Combine([Root, .. parts]);

    public void Write(string file, string text) => File.WriteAllText(At(file), text);

    /// <summary>Runs "train run.yaml" with further arguments. Paths in the messages are shortened to the folder's inside.</summary>
    public (int Code, string Messages, string Result) Train(params string[] more) => Train(new TestHost(), more);

    public (int Code, string Messages, string Result) Train(TestHost test, params string[] more)
    {
        int code = test.Run([TrainCommand.Create], ["train", At("run.yaml"), .. more]);
        return (code, Short(test.Messages), Short(test.Result));
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private string Short(string text) => text.Replace(Root + "/", "", StringComparison.Ordinal);
}
