using System.Text.Json;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Tracking;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Real runs on the tiny reference model with pictures, in a folder of their own.</summary>
internal sealed class TinyRun : IDisposable
{
    private static readonly string[] Pictures = ["landscape.png", "portrait.png", "tiny.png", "square.png", "grey.png", "wide.png", "photo.jpg"];

    public TinyRun(string? model = null)
    {
        Folder = Directory.CreateTempSubdirectory("lorikeet-tiny-").FullName;
        Model = model ?? Golden.Path("models", "smolvlm");
        File.WriteAllLines(Path.Combine(Folder, "train.jsonl"), Pictures.Select((p, i) => Row(p, $"Question {i}?", string.Concat(Enumerable.Repeat("an answer ", 1 + (i % 3))))));
        File.WriteAllLines(Path.Combine(Folder, "eval.jsonl"), Pictures.Take(3).Select(p => Row(p, "What is it?", "A thing.")));
    }

    public string Folder { get; }

    public string Model { get; }

    public string Output => Path.Combine(Folder, "out");

    /// <summary>Name of the device that computes; see <see cref="TestDevices"/>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Hears of every event, with the device.</summary>
    public Action<RunEvent, IDevice>? Heard { get; set; }

    /// <summary>An event at which runs are asked to stop.</summary>
    public Func<RunEvent, bool>? StopAt { get; set; }

    /// <summary>The last step that the run in progress took.</summary>
    public long LastStep { get; private set; }

    public string AdapterPath => Path.Combine(Output, "adapter_model.safetensors");

    public static string Row(string picture, string question, string answer) => JsonSerializer.Serialize(new
    {
        messages = new object[]
        {
            new { role = "user", content = new object[] { new { type = "image", image = picture }, new { type = "text", text = question } } },
            new { role = "assistant", content = new object[] { new { type = "text", text = answer } } },
        },
    });

    /// <summary>Two epochs of two steps each (7 rows, batches of 2, accumulation 2), dropout and evaluation on.</summary>
    public RunConfig Config(params string[] settings)
    {
        string file = Path.Combine(Folder, "run.yaml");
        File.WriteAllText(file, $$"""
            model: { path: '{{Model}}', compute: float32 }
            data: { train: train.jsonl, eval: eval.jsonl, image_root: '{{Golden.Path("cases", "images")}}' }
            lora: { r: 4, lora_alpha: 8, lora_dropout: 0.1, target_modules: all-linear }
            train: { output_dir: out, num_train_epochs: 2, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, learning_rate: 1.0e-3,
                     per_device_eval_batch_size: 2, eval_strategy: steps, eval_steps: 2, save_steps: 2, seed: 7 }
            generation: { max_new_tokens: 6 }
            """);
        return RunConfigReader.Load(file, settings).Config;
    }

    /// <summary>Builds and runs.</summary>
    public Outcome Train(UsedDirectory used = UsedDirectory.Refuse, int threads = 2, int stopAfter = int.MaxValue, Action<WritePoint>? reached = null, params string[] settings)
    {
        using IDevice device = TestDevices.Open(Device, threads);
        using var arena = new Arena(device);
        using var stop = new CancellationTokenSource();
        var heard = new Recorder(happened =>
        {
            LastStep = happened is RunStarted ? 0 : happened is StepTaken { Step: var number } ? number : LastStep;
            Heard?.Invoke(happened, device);
            if ((happened is StepTaken step && step.Step == stopAfter) || StopAt?.Invoke(happened) == true)
            {
                stop.Cancel();
            }
        });
        var environment = new RunEnvironment { Parameters = new Parameters(device, arena), Listener = heard, InstructionSet = "test", Reached = reached };
        TrainResult result;
        using (TrainingRun run = TrainingRun.Build(Config(settings), environment, used))
        {
            result = run.Execute(stop.Token, CancellationToken.None);
        }

        return new Outcome(result, heard.Events);
    }

    /// <summary>Builds the run and hands over what it trains, without training.</summary>
    public void WithTrainable(Action<Trainable, Parameters> use)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        var environment = new RunEnvironment { Parameters = new Parameters(device, arena), Listener = new Recorder(), InstructionSet = "test" };
        using TrainingRun run = TrainingRun.Build(Config(), environment, UsedDirectory.Resume);
        use(run.Trainable, environment.Parameters);
    }

    /// <summary>A copy of the model with one weight that is no number.</summary>
    public static string ModelWithNaN(string folder)
    {
        string target = Path.Combine(folder, "nan-model");
        Directory.CreateDirectory(target);
        foreach (string file in Directory.GetFiles(Golden.Path("models", "smolvlm")))
        {
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)));
        }

        string weights = Path.Combine(target, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(weights);
        long at;
        using (SafeTensorsFile file = SafeTensorsFile.Open(weights))
        {
            byte[] tensor = file.Bytes("model.text_model.norm.weight")[..64].ToArray();
            at = bytes.AsSpan().IndexOf(tensor);
        }

        BitConverter.TryWriteBytes(bytes.AsSpan((int)at), float.NaN);
        File.WriteAllBytes(weights, bytes);
        return target;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}

/// <summary>What a run did and said.</summary>
internal sealed record Outcome(TrainResult Result, IReadOnlyList<RunEvent> Events)
{
    public IEnumerable<StepTaken> Steps => Events.OfType<StepTaken>();

    public string Notes => string.Join('\n', Events.OfType<Noted>().Select(n => n.Message));
}

internal sealed class Recorder(Action<RunEvent>? also = null) : IRunListener
{
    public List<RunEvent> Events { get; } = [];

    public void On(RunEvent happened)
    {
        Events.Add(happened);
        also?.Invoke(happened);
    }
}
