using System.CommandLine;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Bench;
using Lorikeet.Cli.Devices;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Commands;

/// <summary>bench: times training and generation, and writes the models and data to do it on.</summary>
internal static class BenchCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var command = new Command("bench", "Measure speed and memory; each measurement is one line of JSON on standard output")
        {
            Train(host), Generate(host), MakeModel(host), MakeData(host),
        };
        return new Verb(command);
    }

    private static Command Train(CliHost host)
    {
        Argument<string> model = Directory("model", "MODEL_DIR", "A model directory");
        Argument<string> data = Directory("data", "DATA_DIR", "A directory with train.jsonl in messages format and the pictures that it names");
        Option<int> steps = Number("--steps", 6, "Steps; medians leave the first one out"), batch = Number("--batch", 4, "Rows per step, in file order");
        Option<int> rank = Number("--r", 8, "Rank of the adapters; alpha is twice as much"), threads = Number("--threads", 0, "Threads; 0 means all");
        var rate = new Option<double>("--lr") { Description = "Constant learning rate", DefaultValueFactory = _ => 1e-4 };
        var adapter = new Option<string?>("--adapter") { HelpName = "DIR", Description = "Start from this PEFT directory, whose rank and targets then hold" };
        Option<bool> full = Flag("--full", "Train the model's own tensors instead of adapters");
        Option<bool> checkpointing = Flag("--checkpointing", "Compute blocks again in the backward pass instead of keeping their activations");
        Option<bool> freeze = Flag("--freeze-vision", "Adapt the text model only");
        Option<bool> dora = Flag("--dora", "Not available yet"), nf4 = Flag("--nf4", "Not available yet");
        Option<bool> noCache = Flag("--no-cache", "Compute a frozen vision tower in every step; this version always does");
        Option<string> compute = ComputeOption();
        Option<string?> device = DeviceOption.Create();
        Option<bool> phases = Flag("--phases", "On a GPU: wait for it between the parts of a step, so that each can be timed; steps then take a little longer");
        var command = new Command("train", "Time real training steps from raw files: reading, decoding, forward, backward, update")
        {
            model, data, steps, batch, rank, dora, nf4, full, checkpointing, freeze, compute, noCache, rate, adapter, threads, device, phases,
        };
        command.SetAction(parsed =>
        {
            Refuse(parsed.GetValue(dora), "--dora: DoRA is not available yet");
            Refuse(parsed.GetValue(nf4), "--nf4: 4-bit weights are not available yet");
            Refuse(parsed.GetValue(full) && parsed.GetValue(adapter) is not null, "--full and --adapter exclude each other");
            return Print(host, new TrainBench(host, new TrainBenchOptions(parsed.GetValue(model)!, parsed.GetValue(data)!)
            {
                Steps = AtLeast(1, steps, parsed),
                Batch = AtLeast(1, batch, parsed),
                Rank = AtLeast(1, rank, parsed),
                Threads = AtLeast(0, threads, parsed),
                Full = parsed.GetValue(full),
                Checkpointing = parsed.GetValue(checkpointing),
                FreezeVision = parsed.GetValue(freeze),
                Compute = ComputeOf(parsed.GetValue(compute)!),
                LearningRate = parsed.GetValue(rate),
                Adapter = parsed.GetValue(adapter),
                Device = DeviceOption.Parse(parsed.GetValue(device)),
                Phases = parsed.GetValue(phases),
            }).Run());
        });
        return command;
    }

    private static Command Generate(CliHost host)
    {
        Argument<string> model = Directory("model", "MODEL_DIR", "A model directory");
        Option<int> prompt = Number("--prompt-tokens", 512, "Tokens of each prompt"), tokens = Number("--new-tokens", 64, "Tokens generated for each prompt");
        Option<int> batch = Number("--batch", 1, "Prompts answered at the same time"), threads = Number("--threads", 0, "Threads; 0 means all");
        Option<string> compute = ComputeOption();
        Option<string?> device = DeviceOption.Create();
        var command = new Command("generate", "Time reading a prompt and writing token after token, against the machine's peak and its memory's rate")
        {
            model, prompt, tokens, batch, compute, threads, device,
        };
        command.SetAction(parsed => Print(host, new GenerateBench(host, new GenerateBenchOptions(parsed.GetValue(model)!)
        {
            PromptTokens = AtLeast(1, prompt, parsed),
            NewTokens = AtLeast(1, tokens, parsed),
            Batch = AtLeast(1, batch, parsed),
            Threads = AtLeast(0, threads, parsed),
            Compute = ComputeOf(parsed.GetValue(compute)!),
            Device = DeviceOption.Parse(parsed.GetValue(device)),
        }).Run()));
        return command;
    }

    private static Command MakeModel(CliHost host)
    {
        var shape = new Argument<string>("shape") { HelpName = "SHAPE", Description = string.Join(", ", BenchModel.Names) };
        Argument<string> directory = Directory("directory", "DIR", "Where to");
        var edge = new Option<int?>("--longest-edge") { Description = "Longest edge of pictures in pixels, a multiple of the tile's edge: more of it makes more tiles (2048: 17 tiles of a square picture). Default: one tile" };
        Option<long> seed = Seed();
        var command = new Command("make-model", "Write a model directory of a public model's real shape with random weights in bf16") { shape, directory, edge, seed };
        command.SetAction(parsed =>
        {
            string target = parsed.GetValue(directory)!;
            Refuse(parsed.GetValue(edge) is < 1, $"--longest-edge: expected at least 1, found {parsed.GetValue(edge)}");
            Refuse(System.IO.Directory.Exists(target) && System.IO.Directory.EnumerateFileSystemEntries(target).Any(), $"{target}: is not empty; name a new directory");
            long count = BenchModel.Named(parsed.GetValue(shape)!).Write(target, parsed.GetValue(edge), (ulong)parsed.GetValue(seed));
            return Print(host, new JsonObject { ["shape"] = parsed.GetValue(shape), ["parameters"] = count });
        });
        return command;
    }

    private static Command MakeData(CliHost host)
    {
        Argument<string> directory = Directory("directory", "DIR", "Where to");
        Option<int> samples = Number("--n", 64, "Rows and pictures"), pixels = Number("--px", 512, "Edge of the square pictures");
        Option<long> seed = Seed();
        var command = new Command("make-data", "Write a small synthetic set of pictures and captions") { directory, samples, pixels, seed };
        command.SetAction(parsed =>
        {
            BenchData.Write(parsed.GetValue(directory)!, AtLeast(1, samples, parsed), AtLeast(8, pixels, parsed), (ulong)parsed.GetValue(seed));
            return Print(host, new JsonObject { ["rows"] = parsed.GetValue(samples) });
        });
        return command;
    }

    private static int Print(CliHost host, JsonObject? figures)
    {
        if (figures is null)
        {
            host.Messages.WriteLine("interrupted");
            return ExitCodes.Interrupted;
        }

        host.Result.WriteLine(figures.ToJsonString());
        return ExitCodes.Done;
    }

    private static Argument<string> Directory(string name, string shown, string description) => new(name) { HelpName = shown, Description = description };

    private static Option<int> Number(string name, int otherwise, string description) => new(name) { Description = description, DefaultValueFactory = _ => otherwise };

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static Option<long> Seed() => new("--seed") { Description = "Of everything random", DefaultValueFactory = _ => 0 };

    private static Option<string> ComputeOption() => new("--compute") { HelpName = "bf16|f32", Description = "Arithmetic of matrix products", DefaultValueFactory = _ => "bf16" };

    private static Compute ComputeOf(string compute) => compute switch
    {
        "bf16" => Compute.BF16,
        "f32" => Compute.F32,
        _ => throw new InvalidDataException($"--compute: expected bf16 or f32, found '{compute}'"),
    };

    private static int AtLeast(int least, Option<int> option, ParseResult parsed)
    {
        int value = parsed.GetValue(option);
        return value >= least ? value : throw new InvalidDataException($"{option.Name}: expected at least {least}, found {value}");
    }

    private static void Refuse(bool condition, string message)
    {
        if (condition)
        {
            throw new InvalidDataException(message);
        }
    }
}
