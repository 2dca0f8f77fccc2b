using System.Globalization;
using System.Text.Json;
using Lorikeet.Cli.Commands;
using Lorikeet.Testing;
using Spectre.Console;

namespace Lorikeet.Cli.Tests;

/// <summary>The verbs, run in this process on the tiny reference model, in a folder of their own.</summary>
internal sealed class TinyCommands : IDisposable
{
    public static readonly Func<CliHost, Verb>[] Verbs = [ChatCommand.Create, EvalCommand.Create, MergeCommand.Create, PlanCommand.Create, TrainCommand.Create];

    public TinyCommands()
    {
        Folder = Directory.CreateTempSubdirectory("lorikeet-verbs-").FullName;
        Images = Path.Combine(Folder, "images");
        Directory.CreateDirectory(Images);
        foreach (string name in new[] { "landscape.png", "tiny.png", "square.png" })
        {
            File.Copy(Golden.Path("cases", "images", name), Path.Combine(Images, name));
        }

        WriteRows(Row("landscape.png", "a sofa"), Row("tiny.png", "a dot"), Row("square.png", "a square"), Row("tiny.png", "another dot"));
    }

    public string Folder { get; }

    public string Images { get; }

    public string Model { get; set; } = Golden.Path("models", "smolvlm");

    public string Output => Path.Combine(Folder, "out");

    public string Data => Path.Combine(Folder, "train.jsonl");

    public static string Row(string picture, string answer) => JsonSerializer.Serialize(new { image = picture, question = "What is it?", answer });

    public void WriteRows(params string[] rows) => File.WriteAllLines(Data, rows);

    /// <summary>Runs train with two steps.</summary>
    public Said Train(params string[] more)
    {
        string file = Path.Combine(Folder, "run.yaml");
        File.WriteAllText(file, $$"""
            model: { path: '{{Model}}', compute: float32 }
            data: { train: train.jsonl, image_root: images, shuffle: false }
            lora: { r: 2 }
            train: { output_dir: out, num_train_epochs: 1, per_device_train_batch_size: 2, save_steps: 1, learning_rate: 1.0e-3 }
            """);
        return Run(["train", file, .. more]);
    }

    public Said Run(params string[] arguments) => Run(new StringReader(""), new StopSignal(), arguments);

    public static Said Run(TextReader input, StopSignal stop, params string[] arguments)
    {
        var result = new StringWriter(CultureInfo.InvariantCulture);
        var messages = new StringWriter(CultureInfo.InvariantCulture);
        var host = new CliHost
        {
            Result = result,
            Messages = messages,
            Input = input,
            Stop = stop,
            Progress = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(messages), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors }),
        };
        host.Progress.Profile.Width = 200;
        int code = new CommandLine(Verbs).Run(arguments, host);
        return new Said(code, result.ToString(), messages.ToString());
    }

    /// <summary>A copy of the model that a test may damage; it becomes the model of later runs.</summary>
    public string CopyModel()
    {
        string target = Path.Combine(Folder, "model");
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(Golden.Path("models", "smolvlm")))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }

        return Model = target;
    }

    /// <summary>Files of the folder that look like something half-written.</summary>
    public string[] Leftovers() => [.. Directory.GetFileSystemEntries(Folder, "*", SearchOption.AllDirectories).Where(f => Path.GetFileName(f).StartsWith('.'))];

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>What a command said.</summary>
internal sealed record Said(int Code, string Result, string Messages);
