using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training;

/// <summary>What of a model trains: an adapter, or tensors of the model itself.</summary>
public sealed class Trainable
{
    private Trainable(AdapterSet? adapter, IReadOnlyList<TrainedTensor> tensors)
    {
        Adapter = adapter;
        Tensors = tensors;
    }

    /// <summary>The adapter, or null where the model's own tensors train.</summary>
    public AdapterSet? Adapter { get; }

    /// <summary>Everything that trains, in a fixed order.</summary>
    public IReadOnlyList<TrainedTensor> Tensors { get; }

    /// <summary>Number of trained values.</summary>
    public long Count => Tensors.Sum(t => t.Value.Count);

    /// <summary>Trains an attached adapter. All its tensors decay, as with PEFT under the Trainer's rule.</summary>
    public static Trainable Of(AdapterSet adapter) =>
        new(adapter, [.. adapter.Trained.Select(t => new TrainedTensor(t.Key, t.Value, !IsBias(t.Key)))]);

    /// <summary>Trains tensors of the model in f32. Biases and norms don't decay (the Trainer's rule).</summary>
    /// <param name="model">The model.</param>
    /// <param name="parameters">Where the f32 copies live.</param>
    /// <param name="chosen">Which parameters train, by name; constants that are stored with the model never do.</param>
    /// <exception cref="InvalidDataException">None is chosen.</exception>
    public static Trainable Of(VisionLanguageModel model, Parameters parameters, Func<string, bool> chosen)
    {
        Param[] trained = [.. model.Parts.Params.Where(p => !p.IsConstant && chosen(p.Name))];
        if (trained.Length == 0)
        {
            throw new InvalidDataException("nothing is left to train: no parameter of the model is chosen");
        }

        foreach (Param param in trained)
        {
            param.Train(parameters);
        }

        return new Trainable(null, [.. trained.Select(p => new TrainedTensor(p.Name, p.Value, !IsBiasOrNorm(p)))]);
    }

    /// <summary>The same tensors, all of them decaying, as PyTorch's AdamW without parameter groups has it.</summary>
    public Trainable WithDecayOnAll() => new(Adapter, [.. Tensors.Select(t => t with { Decays = true })]);

    /// <summary>Vectors named as a layer's weight are those of norms; others (class tokens, gates) decay like matrices.</summary>
    private static bool IsBiasOrNorm(Param p) => p.StoredShape.Rank == 1 && (IsBias(p.Name) || p.Name.EndsWith(".weight", StringComparison.Ordinal));

    private static bool IsBias(string key) => key.EndsWith(".bias", StringComparison.Ordinal);
}
