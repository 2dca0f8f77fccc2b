using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;
using Lorikeet.Training.Config;

namespace Lorikeet.Training;

/// <summary>
/// Checkpoints of runs that train tensors of the model itself, opened to be used: they hold those tensors alone, the rest is the base's.
/// Checkpoints of adapters need no such thing: they are adapter directories.
/// </summary>
public static class FullCheckpoint
{
    /// <summary>Whether a directory is one.</summary>
    public static bool Is(string directory) => File.Exists(Path.Combine(directory, Checkpoint.TrainedName)) && File.Exists(Path.Combine(directory, Checkpoint.StateName));

    /// <summary>The file of the trained tensors; null where a directory is no such checkpoint.</summary>
    public static string? TensorsOf(string directory) => Is(directory) ? Path.Combine(directory, Checkpoint.TrainedName) : null;

    /// <summary>The base of the run that made a checkpoint: a directory, or a repository of the hub.</summary>
    /// <exception cref="InvalidDataException">The checkpoint is damaged.</exception>
    public static string BaseOf(string directory)
    {
        if (Checkpoint.Damage(directory) is { } damage)
        {
            throw new InvalidDataException($"{directory}: the checkpoint is damaged ({damage}). Use another one.");
        }

        string settings = Path.Combine(directory, Checkpoint.SettingsName);
        return RunConfigReader.Load(settings, []).Config.Model.Path ?? throw new InvalidDataException($"{settings}: model.path is missing, so the checkpoint's base is unknown");
    }

    /// <summary>Puts the trained tensors in the place of the base's.</summary>
    /// <param name="directory">The checkpoint.</param>
    /// <param name="loaded">Its base.</param>
    /// <param name="parameters">Where the tensors go.</param>
    /// <returns>What has changed about the base since, in words.</returns>
    /// <exception cref="InvalidDataException">The checkpoint was made from another base.</exception>
    public static IReadOnlyList<string> Fill(string directory, LoadedModel loaded, Parameters parameters)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        ArgumentNullException.ThrowIfNull(parameters);
        IReadOnlyList<string> notes = BaseIdentity.Require(directory, loaded);
        var byName = loaded.Model.Parts.Params.ToDictionary(p => p.Name, StringComparer.Ordinal);
        using SafeTensorsFile file = SafeTensorsFile.Open(Path.Combine(directory, Checkpoint.TrainedName));
        foreach ((string name, TensorInfo info) in file.Tensors)
        {
            if (!byName.TryGetValue(name, out Param? param) || info.Count != param.Value.Count)
            {
                throw new InvalidDataException($"{file.Path}: tensor '{name}' is {info.Describe()}; the base has {(param is null ? "no such tensor" : param.Value.Shape.ToString())}");
            }

            Tensor value = parameters.New(param.Value.Shape, DType.F32, MemoryUse.Weights);
            value.CopyFrom<float>(file.ReadF32(name));
            param.Replace(value);
        }

        return notes;
    }
}
