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
    /// <summary>The directory.</summary>
    public string Path { get; } = path;

    /// <summary>Refuses a directory that holds a run unless the user has said what to do with it. Nothing is deleted before the new run can start.</summary>
    /// <exception cref="InvalidDataException">The directory holds a run.</exception>
    public void RequireUsable()
    {
        bool isUsed = Checkpoint.List(Path).Count > 0 || File.Exists(In(AdapterFile.WeightsName)) || File.Exists(In("model.safetensors"));
        if (isUsed && used == UsedDirectory.Refuse)
        {
            throw new InvalidDataException($"{Path}: already holds a run. Continue it with --resume, replace it with --overwrite, or choose another train.output_dir.");
        }
    }

    /// <summary>Makes the directory ready and writes the resolved run file into it.</summary>
    public void Begin(string resolved)
    {
        Directory.CreateDirectory(Path);
        if (used == UsedDirectory.Overwrite)
        {
            Clear();
        }

        AtomicDirectory.DeleteStale(Path);
        AtomicFile.WriteText(In("run.yaml"), resolved);
    }

    /// <summary>The checkpoint to go on from, or null where the run starts from the beginning.</summary>
    /// <param name="note">Hears of damaged checkpoints.</param>
    public string? NewestGood(Action<string> note)
    {
        if (used != UsedDirectory.Resume)
        {
            return null;
        }

        string? newest = Checkpoint.FindNewestGood(Path, note);
        if (newest is null && Checkpoint.List(Path).Count > 0)
        {
            note($"no checkpoint is whole in {Path}: the run starts from the beginning");
        }

        return newest;
    }

    /// <summary>Writes what was trained: the adapter in PEFT's format, or the whole model.</summary>
    public void SaveFinal(LoadedModel loaded, Trainable trainable)
    {
        if (trainable.Adapter is { } adapter)
        {
            AdapterFile.Save(Path, adapter);
            BaseIdentity.Of(loaded).Save(Path);
        }
        else
        {
            File.Delete(In("model.safetensors"));
            ModelWriter.Write(Path, loaded);
        }
    }

    private void Clear()
    {
        foreach ((_, string checkpoint) in Checkpoint.List(Path))
        {
            Directory.Delete(checkpoint, recursive: true);
        }

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
