using Lorikeet.Testing;
using Lorikeet.Tracking;

namespace Lorikeet.Cli.Tests.Kills;

/// <summary>A run with everything random switched on, in a folder of its own, and what must be the same at its end.</summary>
internal sealed class KilledFolder : IDisposable
{
    /// <summary>Steps of the run.</summary>
    public const int Steps = 12;

    private static readonly string[] Pictures = ["landscape.png", "tiny.png", "square.png", "grey.png"];

    public KilledFolder(string settings)
    {
        Root = Directory.CreateTempSubdirectory("lorikeet-kill-").FullName;
        Directory.CreateDirectory(Path.Combine(Root, "images"));
        foreach (string name in Pictures)
        {
            File.Copy(Golden.Path("cases", "images", name), Path.Combine(Root, "images", name));
        }

        File.WriteAllLines(Path.Combine(Root, "train.jsonl"), Enumerable.Range(0, 11).Select(i => TinyCommands.Row(Pictures[i % Pictures.Length], string.Join(' ', Enumerable.Repeat("a thing", 1 + (i % 3))))));
        File.WriteAllLines(Path.Combine(Root, "eval.jsonl"), Pictures.Take(2).Select(p => TinyCommands.Row(p, "a thing")));
        File.WriteAllText(RunFile, $$"""
            model: { path: '{{Golden.Path("models", "smolvlm")}}', compute: float32 }
            data: { train: train.jsonl, eval: eval.jsonl, image_root: images, shuffle: true,
                    augment: { horizontal_flip: { probability: 0.5 }, randaugment: { num_ops: 2, magnitude: 5 }, color_jitter: { brightness: 0.2 } } }
            lora: { r: 4, lora_dropout: 0.1, target_modules: all-linear }
            train: { output_dir: out, max_steps: {{Steps}}, per_device_train_batch_size: 2, gradient_accumulation_steps: 2, learning_rate: 1.0e-3, warmup_steps: 2,
                     per_device_eval_batch_size: 2, eval_strategy: steps, eval_steps: 1, save_steps: 1, save_total_limit: 2, load_best_model_at_end: true, eval_generations: 1, seed: 11 }
            generation: { max_new_tokens: 4 }
            """);
        Arguments = ["train", RunFile, .. settings.Split(' ', StringSplitOptions.RemoveEmptyEntries)];
    }

    public string Root { get; }

    /// <summary>The command line without --resume.</summary>
    public string[] Arguments { get; }

    public string RunFile => Path.Combine(Root, "run.yaml");

    public string Output => Path.Combine(Root, "out");

    /// <summary>What the run has made: the bytes of its tensors and settings, losses by step, evaluations.</summary>
    public Outcome Read()
    {
        string[] files = [.. Directory.GetFiles(Output).Where(f => Path.GetFileName(f) is not ("events.jsonl" or "run.yaml")).Order(StringComparer.Ordinal)];
        RunHistory history = RunHistory.Read(Path.Combine(Output, "events.jsonl"));
        return new Outcome(
            [.. files.Select(f => $"{Path.GetFileName(f)} {Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))}")],
            [.. Directory.GetFileSystemEntries(Output).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)],
            [.. history.Events.OfType<StepTaken>().Select(e => (e.Step, e.Loss, e.GradNorm, e.LearningRate))],
            [.. history.Events.OfType<Evaluated>().Select(e => (e.Step, e.Loss, e.IsBest))],
            [.. history.Events.OfType<SampleGenerated>().Select(e => (e.Step, e.Reply))]);
    }

    /// <summary>Forgets the run, not what it is made of.</summary>
    public void Clear()
    {
        if (Directory.Exists(Output))
        {
            Directory.Delete(Output, recursive: true);
        }
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);

    internal sealed record Outcome(string[] Files, string[] Entries, (long Step, double Loss, double Norm, double Rate)[] Steps, (long Step, double Loss, bool Best)[] Evaluations, (long Step, string Reply)[] Replies)
    {
        public void MustEqual(Outcome other)
        {
            Assert.Equal(Files, other.Files);
            Assert.Equal(Entries, other.Entries);
            Assert.Equal(Steps, other.Steps);
            Assert.Equal(Evaluations, other.Evaluations);
            Assert.Equal(Replies, other.Replies);
        }
    }
}
