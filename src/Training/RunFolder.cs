using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tracking;
using Lorikeet.Tracking.TensorBoard;
using Lorikeet.Training.Batching;

namespace Lorikeet.Training;

/// <summary>The output directory of a run: whether it may be used, what it is cleared of, and what is left in it at the end.</summary>
/// <param name="path">The directory; it need not exist.</param>
/// <param name="used">What to do with a run that it already holds.</param>
internal sealed class RunFolder(string path, UsedDirectory used)
{
    /// <summary>Name of the file that keeps a second process out.</summary>
    public const string LockName = "run.lock";

    /// <summary>The directory.</summary>
    public string Path { get; } = path;

    /// <summary>
    /// Refuses a directory that another process trains into, that cannot be written to, or that holds a run, unless the user has said
    /// what to do with it. Nothing is changed or deleted before the new run can start.
    /// </summary>
    /// <exception cref="InvalidDataException">The directory cannot be used.</exception>
    public void RequireUsable()
    {
        FolderLock.RequireFree(In(LockName));
        bool isUsed = Checkpoint.List(Path).Count > 0 || File.Exists(In(AdapterFile.WeightsName)) || File.Exists(In("model.safetensors"));
        if (isUsed && used == UsedDirectory.Refuse)
        {
            throw new InvalidDataException($"{Path}: already holds a run. Continue it with --resume, replace it with --overwrite, or choose another train.output_dir.");
        }

        RequireWritable();
    }

    /// <summary>Keeps other processes out until disposal, and tidies up after one that was killed.</summary>
    /// <param name="owner">Who we are, for the others' message.</param>
    public IDisposable Lock(string owner)
    {
        Directory.CreateDirectory(Path);
        var held = FolderLock.Take(In(LockName), owner);
        AtomicDirectory.Recover(Path);
        return held;
    }

    /// <summary>The checkpoint to go on from, or null where the run starts from the beginning.</summary>
    /// <param name="note">Hears of damaged checkpoints.</param>
    /// <param name="needsBest">Whether the run returns to its best checkpoint.</param>
    public string? NewestGood(Action<string> note, bool needsBest)
    {
        if (used != UsedDirectory.Resume)
        {
            return null;
        }

        string? newest = Checkpoint.FindNewestGood(Path, note, needsBest);
        if (newest is null)
        {
            note(Checkpoint.List(Path).Count > 0
                ? $"no checkpoint is whole in {Path}: the run starts from the beginning"
                : $"no checkpoint in {Path}: the run starts from the beginning");
        }

        return newest;
    }

    /// <summary>Makes the directory ready once the run is sure to start, and writes the resolved run file into it.</summary>
    /// <param name="resolved">The run file.</param>
    /// <param name="step">The step that the run goes on from.</param>
    public void Begin(string resolved, int step)
    {
        if (used == UsedDirectory.Overwrite)
        {
            Clear();
        }

        Checkpoint.SetAside(Path, step);
        AtomicFile.WriteText(In("run.yaml"), resolved);
    }

    /// <summary>Writes what was trained: the adapter in PEFT's format, or the whole model. Every file appears whole or not at all.</summary>
    /// <param name="loaded">The model.</param>
    /// <param name="trainable">What was trained.</param>
    /// <param name="identity">The base that an adapter belongs to.</param>
    /// <param name="reached">Told how far the write is.</param>
    public void SaveFinal(LoadedModel loaded, Trainable trainable, BaseIdentity identity, Action<WritePoint>? reached)
    {
        reached?.Invoke(WritePoint.BeforeFinal);
        if (trainable.Adapter is { } adapter)
        {
            AdapterFile.WriteWeights(In(AdapterFile.WeightsName), adapter);
            reached?.Invoke(WritePoint.MidFinal);
            AdapterFile.Save(Path, adapter);
            identity.Save(Path);
        }
        else
        {
            SaveModel(loaded, reached);
        }

        reached?.Invoke(WritePoint.AfterFinal);
    }

    private void SaveModel(LoadedModel loaded, Action<WritePoint>? reached)
    {
        using var staging = AtomicDirectory.Create(In("model"));
        ModelWriter.Write(staging.StagingPath, loaded);
        string[] files = [.. Directory.GetFiles(staging.StagingPath).Order(StringComparer.Ordinal)];
        foreach (string file in files)
        {
            File.Move(file, In(System.IO.Path.GetFileName(file)), overwrite: true);
            reached?.Invoke(WritePoint.MidFinal);
        }
    }

    private void RequireWritable()
    {
        string folder = System.IO.Path.GetFullPath(Path);
        while (!Directory.Exists(folder) && System.IO.Path.GetDirectoryName(folder) is { } parent)
        {
            folder = parent;
        }

        try
        {
            if (folder != System.IO.Path.GetFullPath(Path) && File.Exists(Path))
            {
                throw new IOException("there is a file of this name");
            }

            string probe = System.IO.Path.Combine(folder, $".{Guid.NewGuid():N}{AtomicFile.TemporarySuffix}");
            using var file = new FileStream(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{Path}: cannot be written to: {e.Message.TrimEnd('.')}. Choose another train.output_dir.", e);
        }
    }

    private void Clear()
    {
        Checkpoint.DeleteAll(Path);

        // Offline runs of W&B stay: each stands for itself and may still wait for its upload.
        if (Directory.Exists(In(TensorBoardTracker.FolderName)))
        {
            Directory.Delete(In(TensorBoardTracker.FolderName), recursive: true);
        }

        string[] results = [AdapterFile.WeightsName, AdapterFile.ConfigName, BaseIdentity.FileName, RunEventFile.Name, Quarantine.FileName, SampleLengths.FileName];
        foreach (string file in results.Select(In).Concat(Directory.EnumerateFiles(Path, "model*.safetensors*")))
        {
            File.Delete(file);
        }
    }

    private string In(string name) => System.IO.Path.Combine(Path, name);
}
