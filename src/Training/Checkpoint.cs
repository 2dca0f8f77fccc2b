using System.Globalization;
using System.Security.Cryptography;
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
public sealed record RunState(
    int Step, int TotalSteps, long ConsumedRows, string DataFingerprint, string InstructionSet, double? BestMetric, int? BestStep, int WithoutImprovement = 0, string? BestMetricName = null);

/// <summary>
/// Checkpoints: directories <c>checkpoint-N</c> that appear whole or not at all (staging directory, fsync of every file, one
/// rename) with a manifest of sizes and hashes that is written last and checked before anything is loaded.
/// </summary>
public static class Checkpoint
{
    private const string Prefix = "checkpoint-";
    private const string ManifestName = "manifest.json";
    private const string StateName = "trainer_state.json";
    private const string OptimizerName = "optimizer.safetensors";
    private const string TrainedName = "trained.safetensors";
    private const string ConfigName = "run.yaml";
    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    /// <summary>Directory of the checkpoint of a step.</summary>
    public static string PathOf(string outputDirectory, int step) =>
        Path.Combine(outputDirectory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step}"));

    /// <summary>Writes a checkpoint; an older one of the same step is replaced.</summary>
    /// <param name="outputDirectory">The run's directory.</param>
    /// <param name="state">Where the run stands.</param>
    /// <param name="trainable">What trains.</param>
    /// <param name="optimizer">Its moments.</param>
    /// <param name="config">The resolved run file.</param>
    /// <returns>The checkpoint's directory.</returns>
    public static string Save(string outputDirectory, RunState state, Trainable trainable, AdamW optimizer, string config)
    {
        using AtomicDirectory directory = AtomicDirectory.Create(PathOf(outputDirectory, state.Step));
        string staging = directory.StagingPath;
        if (trainable.Adapter is { } adapter)
        {
            AdapterFile.Save(staging, adapter);
        }
        else
        {
            SafeTensorsWriter.Write(
                Path.Combine(staging, TrainedName),
                [.. trainable.Tensors.Select(t => TensorEntry.FromF32(t.Name, Dimensions(t.Value.Shape), t.Value.ToHost<float>()))]);
        }

        WriteOptimizer(Path.Combine(staging, OptimizerName), optimizer);
        AtomicFile.WriteText(Path.Combine(staging, StateName), JsonSerializer.Serialize(state, Json));
        AtomicFile.WriteText(Path.Combine(staging, ConfigName), config);
        WriteManifest(staging);
        directory.Commit(replace: true);
        return directory.TargetPath;
    }

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
    /// <param name="note">Told about every damaged one that is passed over.</param>
    public static string? FindNewestGood(string outputDirectory, Action<string> note)
    {
        foreach ((_, string path) in List(outputDirectory))
        {
            if (Damage(path) is not { } damage)
            {
                return path;
            }

            note($"{path} is damaged ({damage}); falling back to the one before");
        }

        return null;
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
            optimizer.Restore(new OptimizerState(name, moments.ReadF32(name + ".m"), moments.ReadF32(name + ".v"), (int)moments.ReadI64(name + ".steps")[0]));
        }

        return state;
    }

    /// <summary>Reads only where a run stood.</summary>
    public static RunState ReadState(string path)
    {
        string file = Path.Combine(path, StateName);
        try
        {
            return JsonSerializer.Deserialize<RunState>(File.ReadAllText(file), Json) ?? throw new InvalidDataException($"{file}: is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{file}: {e.Message}", e);
        }
    }

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
                Directory.Delete(path, recursive: true);
            }
        }
    }

    /// <summary>What is wrong with a checkpoint, or null.</summary>
    public static string? Damage(string path)
    {
        string manifest = Path.Combine(path, ManifestName);
        if (!File.Exists(manifest))
        {
            return $"{ManifestName} is missing";
        }

        try
        {
            var entries = JsonSerializer.Deserialize<Dictionary<string, ManifestEntry?>>(File.ReadAllText(manifest), Json) ?? [];
            foreach ((string name, ManifestEntry? entry) in entries)
            {
                if (entry is null)
                {
                    return $"{ManifestName} says nothing about {name}";
                }

                string file = Path.Combine(path, name);
                if (!File.Exists(file))
                {
                    return $"{name} is missing";
                }

                if (new FileInfo(file).Length != entry.Bytes || Hash(file) != entry.Sha256)
                {
                    return $"{name} does not match its recorded hash";
                }
            }

            return entries.Count == 0 ? $"{ManifestName} is empty" : null;
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            return $"{ManifestName}: {e.Message}";
        }
    }

    private static void WriteOptimizer(string path, AdamW optimizer)
    {
        var entries = new List<TensorEntry>();
        foreach (OptimizerState state in optimizer.State())
        {
            entries.Add(TensorEntry.FromF32(state.Name + ".m", [state.M.Length], state.M));
            entries.Add(TensorEntry.FromF32(state.Name + ".v", [state.V.Length], state.V));
            entries.Add(TensorEntry.FromI64(state.Name + ".steps", [1], new long[] { state.Steps }));
        }

        SafeTensorsWriter.Write(path, entries);
    }

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

    private static void WriteManifest(string staging)
    {
        var entries = new SortedDictionary<string, ManifestEntry>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(staging))
        {
            entries[Path.GetFileName(file)] = new ManifestEntry(new FileInfo(file).Length, Hash(file));
        }

        AtomicFile.WriteText(Path.Combine(staging, ManifestName), JsonSerializer.Serialize(entries, Json));
    }

    private static string Hash(string file)
    {
        using FileStream stream = File.OpenRead(file);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    private static long[] Dimensions(Shape shape) => [.. Enumerable.Range(0, shape.Rank).Select(i => (long)shape[i])];

    private sealed record ManifestEntry(long Bytes, string Sha256);
}
