using Lorikeet.Models;

namespace Lorikeet.Training;

/// <summary>The input of one optimizer step.</summary>
/// <param name="MicroBatches">Its micro-batches, in order.</param>
/// <param name="Images">Pictures in all of them.</param>
/// <param name="Origins">Where each sample came from (file:line), micro-batch after micro-batch, for messages.</param>
public sealed record TrainingStep(IReadOnlyList<ModelInput> MicroBatches, int Images, IReadOnlyList<string> Origins)
{
    /// <summary>Tokens in all micro-batches.</summary>
    public long Tokens => MicroBatches.Sum(m => (long)m.Tokens.Count);
}

/// <summary>Delivers the input of each step in order, prepared ahead of time on other threads.</summary>
public interface ITrainingData
{
    /// <summary>The input of a 0-based step; steps are asked for in rising order.</summary>
    TrainingStep Next(int step, CancellationToken cancellation);
}

/// <summary>Looks at held-out data during a run.</summary>
public interface IEvaluation
{
    /// <summary>Evaluates the model as it is.</summary>
    /// <param name="step">The step after which it happens; 0 before training.</param>
    /// <param name="cancellation">Gives up.</param>
    EvaluationResult Run(int step, CancellationToken cancellation);
}

/// <summary>What an evaluation found.</summary>
/// <param name="Loss">Mean loss per supervised token.</param>
/// <param name="Samples">Number of samples.</param>
/// <param name="Seconds">Time for the loss.</param>
/// <param name="Metrics">Further values, by name; null if there are none.</param>
public sealed record EvaluationResult(double Loss, long Samples, double Seconds, IReadOnlyDictionary<string, double>? Metrics = null);

/// <summary>The loss or a gradient became infinite or not a number: the run stops, its last checkpoint is good.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Makes the exception.</summary>
    public TrainingDivergedException(string message)
        : base(message)
    {
    }
}
