using System.Globalization;
using System.Text.Json;
using Lorikeet.Cli.Terminal;
using Lorikeet.Data;
using Lorikeet.Evaluation;
using Lorikeet.Generation;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training;
using Lorikeet.Training.Config;
using Spectre.Console;

namespace Lorikeet.Cli.Demo;

/// <summary>Settings of the demo.</summary>
/// <param name="Seed">Reshuffles everything.</param>
/// <param name="LearningRate">Peak learning rate.</param>
/// <param name="OutputDirectory">Where pictures and adapter go.</param>
internal sealed record DemoOptions(long Seed, double LearningRate, string OutputDirectory);

/// <summary>The whole way in one go: pictures and questions as files, a run file, LoRA training, answers before and after.</summary>
internal sealed class DemoRun(CliHost host, DemoOptions options)
{
    private const int TrainingPictures = 960;
    private const int HeldOutPictures = 240;
    private const int RowsShown = 10;
    private const int BatchSize = 48;

    /// <summary>The base model that the program brings along.</summary>
    public static string BaseModel => Path.Combine(AppContext.BaseDirectory, "assets", "demo-base");

    public int Run()
    {
        string output = Path.GetFullPath(options.OutputDirectory);
        string runFile = Prepare(output);
        RunConfig config = RunConfigReader.Load(runFile, []).Config;
        using var session = new ComputeSession(Compute.F32);
        using TrainingRun run = TrainingRun.Build(config, session.Environment(new ConsoleProgress(host), host), UsedDirectory.Overwrite);
        Sample[] samples = HeldOut(output);
        run.Trainable.Adapter!.Disable(true);
        string[] before = Answers(run, session, samples);
        run.Trainable.Adapter.Disable(false);
        TrainResult result = run.Execute(host.Stop.Token, CancellationToken.None);
        if (result.Interrupted)
        {
            return ExitCodes.Interrupted;
        }

        string[] after = Answers(run, session, samples);
        Close(config, samples, before, after);
        return ExitCodes.Done;
    }

    /// <summary>Draws the pictures, writes questions and the run file.</summary>
    private string Prepare(string output)
    {
        ulong seed = (ulong)options.Seed;
        var task = new BinTask(Rng.Key(seed, 10));
        WriteSet(Path.Combine(output, "data", "train"), TrainingPictures, task, Rng.Key(seed, 11));
        WriteSet(Path.Combine(output, "data", "held-out"), HeldOutPictures, task, Rng.Key(seed, 12));
        CopyBase(BaseOf(output));
        string runFile = Path.Combine(output, "demo.yaml");
        File.WriteAllText(runFile, string.Create(CultureInfo.InvariantCulture, $$"""
            # Written by the demo; run it again with: lorikeet train demo.yaml --overwrite
            model: { path: base }
            data:  { train: data/train/rows.jsonl, max_length: 256 }
            method: lora
            lora:  { r: 16, lora_alpha: 32 }
            train:
              output_dir: adapter
              num_train_epochs: 5
              per_device_train_batch_size: 16
              learning_rate: {{options.LearningRate:R}}
              lr_scheduler_type: cosine
              warmup_steps: 8
              save_strategy: "no"
              seed: {{options.Seed}}
            """) + "\n");
        return runFile;
    }

    /// <summary>The adapter's base lies beside it: a later build of the program doesn't take it away.</summary>
    private static void CopyBase(string directory)
    {
        Directory.CreateDirectory(directory);
        foreach (string file in Directory.EnumerateFiles(BaseModel))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)), overwrite: true);
        }
    }

    private static string BaseOf(string output) => Path.Combine(output, "base");

    private static void WriteSet(string directory, int count, BinTask task, ulong key)
    {
        Directory.CreateDirectory(directory);
        using StreamWriter rows = File.CreateText(Path.Combine(directory, "rows.jsonl"));
        for (int i = 0; i < count; i++)
        {
            ulong pictureKey = Rng.Key(key, (ulong)i);
            ShapePicture picture = ShapePictures.Draw(pictureKey);
            string name = string.Create(CultureInfo.InvariantCulture, $"{i:D4}.png");
            File.WriteAllBytes(Path.Combine(directory, name), ImageEncoder.EncodePng(picture.Picture));
            Question question = task.About(picture, new Dice(Rng.Key(pictureKey, 3)));
            rows.WriteLine(JsonSerializer.Serialize(new
            {
                messages = new object[]
                {
                    new { role = "user", content = new object[] { new { type = "image", image = name }, new { type = "text", text = question.Text } } },
                    new { role = "assistant", content = new object[] { new { type = "text", text = question.Answer } } },
                },
            }));
        }
    }

    private static Sample[] HeldOut(string output)
    {
        using Dataset dataset = Dataset.Open(new DatasetOptions { Path = Path.Combine(output, "data", "held-out", "rows.jsonl") });
        return [.. Enumerable.Range(0, (int)dataset.Count).Select(i => dataset.Read(i))];
    }

    private string[] Answers(TrainingRun run, ComputeSession session, Sample[] samples)
    {
        var generator = new Generator(run.Loaded, session.Parameters, run.Compute);
        var prompt = new EncodeOptions { Loss = LossOn.Nothing, AddGenerationPrompt = true };
        var answers = new List<string>();
        foreach (Sample[] batch in samples.Chunk(BatchSize))
        {
            EncodedSample[] prompts =
            [
                .. batch.Select(s => run.Loaded.Processor.Encode(new Conversation([.. s.Messages.SkipLast(1)], [.. s.Images.Select(i => i.Decode())]), prompt)),
            ];
            answers.AddRange(generator.Generate(prompts, new SamplingOptions { MaxNewTokens = 16 }, cancellation: host.Stop.Token).Select(a => a.Text.Trim()));
        }

        return [.. answers];
    }

    private void Close(RunConfig config, Sample[] samples, string[] before, string[] after)
    {
        string[] right = [.. samples.Select(s => s.Messages[^1].AllText)];
        var table = new Table { Border = TableBorder.Simple };
        foreach (string title in new[] { "picture", "question", "right answer", "before", "after" })
        {
            table.AddColumn(title);
        }

        for (int i = 0; i < RowsShown; i++)
        {
            table.AddRow(
                Markup.Escape(Path.GetFileName(samples[i].Images[0].FilePath!)),
                Markup.Escape(samples[i].Messages[^2].AllText),
                Markup.Escape(right[i]),
                Markup.Escape(before[i]),
                Markup.Escape(after[i]));
        }

        host.Progress.Write(table);
        string adapter = config.Train.OutputDir!;
        string example = samples[0].Images[0].FilePath!;
        host.Result.WriteLine($"adapter: {adapter}");
        host.Result.WriteLine($"chat with it: {host.CommandName} chat {config.Model.Path} --adapter {adapter} --image {example} --prompt \"{samples[0].Messages[^2].AllText}\"");
        host.Result.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"held-out exact match: before {ExactMatch.Percent(before, right):0.0} %, after {ExactMatch.Percent(after, right):0.0} % ({samples.Length} pictures)"));
    }
}
