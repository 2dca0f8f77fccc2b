using System.Globalization;
using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training;

/// <summary>Where a run stands beyond its tensors. Everything random is a function of the seed and the step, so no generator state is needed.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="TotalSteps">Steps of the whole run, which fix the schedule.</param>
/// <param name="ConsumedRows">Rows that training has consumed, not those read ahead.</param>
/// <param name="DataFingerprint">Identity of the training data's order.</param>
/// <param name="InstructionSet">The kernels' path, e.g. <c>avx512-bf16</c>: another path gives other bits, which is said on resume.</param>
/// <param name="BestMetric">Best value so far of what the best model is chosen by, or null.</param>
/// <param name="BestStep">Its step, or null.</param>
/// <param name="WithoutImprovement">Evaluations in a row that were no improvement; early stopping counts them.</param>
/// <param name="BestMetricName">What the best model is chosen by; null in checkpoints that know only the loss.</param>
/// <param name="OwesEvaluation">Whether the evaluation of this step was broken off, and has to be made up for.</param>
public sealed record RunState(
    int Step,
    int TotalSteps,
    long ConsumedRows,
    string DataFingerprint,
    string InstructionSet,
    double? BestMetric,
    int? BestStep,
    int WithoutImprovement = 0,
    string? BestMetricName = null,
    bool OwesEvaluation = false);

/// <summary>What goes into a checkpoint.</summary>
/// <param name="State">Where the run stands.</param>
/// <param name="Trainable">What trains.</param>
/// <param name="Optimizer">Its moments.</param>
/// <param name="Settings">The resolved run file.</param>
/// <param name="Base">The model that it was trained on.</param>
public sealed record CheckpointContents(RunState State, Trainable Trainable, AdamW Optimizer, string Settings, BaseIdentity Base);

/// <summary>
/// Checkpoints: directories <c>checkpoint-N</c> that appear whole or not at all (staging directory, fsync of every file, one
/// rename) with a manifest of sizes and hashes that is written last and checked before anything is loaded.
/// </summary>
public static class Checkpoint
{
    internal const string StateName = "trainer_state.json";
    internal const string TrainedName = "trained.safetensors";
    internal const string SettingsName = "run.yaml";
    private const string Prefix = "checkpoint-";
    private const string AsideSuffix = ".set-aside";
    private const string OptimizerName = "optimizer.safetensors";
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Directory of the checkpoint of a step.</summary>
    public static string PathOf(string outputDirectory, int step) =>
        Path.Combine(outputDirectory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step}"));

    /// <summary>Writes a checkpoint; an older one of the same step is replaced.</summary>
    /// <param name="outputDirectory">The run's directory.</param>
    /// <param name="contents">What to write.</param>
    /// <param name="reached">Told how far the write is; for tests.</param>
    /// <returns>The checkpoint's directory.</returns>
    /// <exception cref="IOException">It cannot be written (disk full, read-only, ...). The checkpoints before are as they were.</exception>
    public static string Save(string outputDirectory, CheckpointContents contents, Action<WritePoint>? reached = null)
    {
        string path = PathOf(outputDirectory, contents.State.Step);
        try
        {
            reached?.Invoke(WritePoint.BeforeStaging);
            using var directory = AtomicDirectory.Create(path, () => reached?.Invoke(WritePoint.BeforeRename), () => reached?.Invoke(WritePoint.AfterRename));
            WriteFiles(directory.StagingPath, contents, reached);
            reached?.Invoke(WritePoint.BeforeManifest);
            CheckpointManifest.Write(directory.StagingPath);
            directory.Commit(replace: true);
            return directory.TargetPath;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string last = List(outputDirectory).Select(c => c.Path).FirstOrDefault() is { } newest
                ? $"{Path.GetFileName(newest)} is the last one; make room and go on with --resume"
                : "there is none before it; make room and start again";
            throw new IOException($"{path}: the checkpoint cannot be written: {e.Message.TrimEnd('.')}. {last}.", e);
        }
    }

    /// <summary>Whether a directory is a checkpoint by its contents.</summary>
    public static bool Is(string directory) => File.Exists(Path.Combine(directory, StateName)) && File.Exists(Path.Combine(directory, CheckpointManifest.Name));

    /// <summary>All checkpoints of a run, newest first.</summary>
    public static IReadOnlyList<(int Step, string Path)> List(string outputDirectory)
    {
        if (!Directory.Exists(outputDirectory))
        {
            return [];
        }

        return
        [
            .. Directory.EnumerateDirectories(outputDirectory, Prefix + "*")
                .Select(path => (IsStep: int.TryParse(Path.GetFileName(path)[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int step), Step: step, Path: path))
                .Where(c => c.IsStep)
                .OrderByDescending(c => c.Step)
                .Select(c => (c.Step, c.Path)),
        ];
    }

    /// <summary>The newest checkpoint that is whole.</summary>
    /// <param name="outputDirectory">The run's directory.</param>
    /// <param name="note">Told about every one that is passed over.</param>
    /// <param name="needsBest">Whether the run returns to its best checkpoint, so that this must be whole as well.</param>
    public static string? FindNewestGood(string outputDirectory, Action<string> note, bool needsBest = false)
    {
        foreach ((int step, string path) in List(outputDirectory))
        {
            string? damage = Damage(path) is { } why ? $"is damaged ({why})" : needsBest ? BestDamage(outputDirectory, step, path) : null;
            if (damage is null)
            {
                return path;
            }

            note($"{path} {damage}; falling back to the one before. It is kept as {Path.GetFileName(path)}{AsideSuffix}");
        }

        return null;
    }

    /// <summary>Takes the checkpoints after a step, which <see cref="FindNewestGood"/> passed over, out of the way; they keep their contents.</summary>
    public static void SetAside(string outputDirectory, int afterStep)
    {
        foreach ((_, string path) in List(outputDirectory).Where(c => c.Step > afterStep))
        {
            if (Directory.Exists(path + AsideSuffix))
            {
                AtomicDirectory.Delete(path + AsideSuffix);
            }

            Directory.Move(path, path + AsideSuffix);
        }
    }

    /// <summary>Removes all checkpoints, those set aside included.</summary>
    public static void DeleteAll(string outputDirectory)
    {
        IEnumerable<string> damaged = Directory.GetDirectories(outputDirectory, Prefix + "*" + AsideSuffix);
        foreach (string path in List(outputDirectory).Select(c => c.Path).Concat(damaged))
        {
            AtomicDirectory.Delete(path);
        }
    }

    /// <summary>Restores tensors and moments.</summary>
    /// <returns>Where the run stood.</returns>
    /// <exception cref="InvalidDataException">The checkpoint belongs to another run or model.</exception>
    public static RunState Load(string path, Trainable trainable, AdamW optimizer)
    {
        RunState state = ReadState(path);
        if (trainable.Adapter is { } adapter)
        {
            using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(path, AdapterFile.WeightsName));
            AdapterFile.Fill(adapter, file);
        }
        else
        {
            FillTrained(Path.Combine(path, TrainedName), trainable);
        }

        using SafeTensorsFile moments = SafeTensorsFile.Open(Path.Combine(path, OptimizerName));
        foreach (string name in moments.Tensors.Keys.Where(k => k.EndsWith(".m", StringComparison.Ordinal)).Select(k => k[..^2]))
        {
            optimizer.Restore(new OptimizerState(name, moments.ReadF32(name + ".m"), moments.ReadF32(name + ".v"), StepsOf(moments, name)));
        }

        return state;
    }

    /// <summary>Reads only where a run stood.</summary>
    public static RunState ReadState(string path)
    {
        string file = Path.Combine(path, StateName);
        try
        {
            return JsonSerializer.Deserialize<RunState>(File.ReadAllText(file), Json) is { DataFingerprint: not null, InstructionSet: not null, Step: >= 0 } state && state.Step <= state.TotalSteps
                ? state
                : throw new InvalidDataException($"{file}: expected the step, the steps in all, the data and the instruction set of a run");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>The resolved run file that a checkpoint was made with.</summary>
    public static string ReadSettings(string path) => File.ReadAllText(Path.Combine(path, SettingsName));

    /// <summary>
    /// Removes all but the newest checkpoints and the best one, which counts among the limit: as TrainingArguments' save_total_limit,
    /// 1 may leave two, the last and the best.
    /// </summary>
    /// <param name="outputDirectory">The run's directory.</param>
    /// <param name="limit">How many to keep.</param>
    /// <param name="best">The step of the best one, or null.</param>
    public static void Prune(string outputDirectory, int limit, int? best)
    {
        var all = List(outputDirectory);
        bool hasBest = all.Any(c => c.Step == best);
        int newest = Math.Max(1, all.Take(limit).Any(c => c.Step == best) || !hasBest ? limit : limit - 1);
        foreach ((int step, string path) in all.Skip(newest))
        {
            if (step != best)
            {
                AtomicDirectory.Delete(path);
            }
        }
    }

    /// <summary>What is wrong with a checkpoint, or null.</summary>
    public static string? Damage(string path) => CheckpointManifest.Damage(path, StateName, OptimizerName, SettingsName, BaseIdentity.FileName);

    private static string? BestDamage(string outputDirectory, int step, string path)
    {
        if (ReadState(path).BestStep is not { } best || best == step)
        {
            return null;
        }

        string bestPath = PathOf(outputDirectory, best);
        return Damage(bestPath) is { } damage ? $"needs {Path.GetFileName(bestPath)}, the best one, which is damaged ({damage})" : null;
    }

    private static void WriteFiles(string staging, CheckpointContents contents, Action<WritePoint>? reached)
    {
        if (contents.Trainable.Adapter is { } adapter)
        {
            AdapterFile.Save(staging, adapter);
        }
        else
        {
            SafeTensorsWriter.Write(
                Path.Combine(staging, TrainedName),
                [.. contents.Trainable.Tensors.Select(t => TensorEntry.FromF32(t.Name, Dimensions(t.Value.Shape), t.Value.ToHost<float>()))]);
        }

        WriteOptimizer(Path.Combine(staging, OptimizerName), contents.Optimizer, reached);
        contents.Base.Save(staging);
        AtomicFile.WriteText(Path.Combine(staging, StateName), JsonSerializer.Serialize(contents.State, Json));
        AtomicFile.WriteText(Path.Combine(staging, SettingsName), contents.Settings);
    }

    private static void WriteOptimizer(string path, AdamW optimizer, Action<WritePoint>? reached)
    {
        var entries = new List<TensorEntry>();
        foreach (OptimizerState state in optimizer.State())
        {
            entries.Add(TensorEntry.FromF32(state.Name + ".m", [state.M.Length], state.M));
            entries.Add(TensorEntry.FromF32(state.Name + ".v", [state.V.Length], state.V));
            entries.Add(TensorEntry.FromI64(state.Name + ".steps", [1], new long[] { state.Steps }));
        }

        if (reached is not null && entries.Count > 0)
        {
            int middle = entries.Count / 2;
            TensorEntry entry = entries[middle];
            entries[middle] = entry with
            {
                WriteTo = stream =>
                {
                    stream.Flush();
                    reached(WritePoint.MidFile);
                    entry.WriteTo(stream);
                },
            };
        }

        SafeTensorsWriter.Write(path, entries);
    }

    private static int StepsOf(SafeTensorsFile moments, string name) =>
        moments.ReadI64(name + ".steps") is [>= 0 and <= int.MaxValue and long steps]
            ? (int)steps
            : throw new InvalidDataException($"{moments.Path}: tensor '{name}.steps' must be one number of updates");

    private static void FillTrained(string path, Trainable trainable)
    {
        using SafeTensorsFile file = SafeTensorsFile.Open(path);
        foreach (TrainedTensor tensor in trainable.Tensors)
        {
            if (file.Info(tensor.Name).Count != tensor.Value.Count)
            {
                throw new InvalidDataException($"{path}: tensor '{tensor.Name}' is {file.Info(tensor.Name).Describe()}, this model needs {tensor.Value.Shape}");
            }

            tensor.Value.CopyFrom<float>(file.ReadF32(tensor.Name));
        }

        if (file.Tensors.Count != trainable.Tensors.Count)
        {
            throw new InvalidDataException($"{path}: has {file.Tensors.Count} tensors, this run trains {trainable.Tensors.Count}");
        }
    }

    private static long[] Dimensions(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])];
}
