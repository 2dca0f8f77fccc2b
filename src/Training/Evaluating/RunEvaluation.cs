using Lorikeet.Tracking;

namespace Lorikeet.Training.Evaluating;

/// <summary>What a run looks at every eval_steps: the loss over the evaluation data, then the replies to a few samples of it.</summary>
/// <param name="loss">The loss.</param>
/// <param name="replies">The replies, or null for none.</param>
/// <param name="listener">Hears the replies.</param>
/// <param name="clock">The clock.</param>
internal sealed class RunEvaluation(LossEvaluation loss, SampleReplies? replies, IRunListener listener, TimeProvider clock) : IEvaluation
{
    /// <inheritdoc/>
    public EvaluationResult Run(int step, CancellationToken cancellation)
    {
        long began = clock.GetTimestamp();
        (double mean, long samples) = loss.Run(cancellation);
        double seconds = clock.GetElapsedTime(began).TotalSeconds;
        return new EvaluationResult(mean, samples, seconds, replies?.Run(step, listener, cancellation));
    }
}
