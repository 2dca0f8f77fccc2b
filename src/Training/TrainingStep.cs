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

/// <summary>Computes a loss on held-out data during a run.</summary>
public interface IEvaluation
{
    /// <summary>Mean loss per supervised token, and the number of samples.</summary>
    (double Loss, long Samples) Run(CancellationToken cancellation);
}

/// <summary>The loss or a gradient became infinite or not a number: the run stops, its last checkpoint is good.</summary>
public sealed class TrainingDivergedException : Exception
{
    /// <summary>Makes the exception.</summary>
    public TrainingDivergedException(string message)
        : base(message)
    {
    }
}
