namespace Lorikeet.Tracking;

/// <summary>
/// Picks the steps that trackers show, with the mean loss since the last multiple of <c>logging_steps</c> in place of the step's own, as
/// transformers' Trainer logs it: a curve of every tenth step would otherwise show the noise of single batches. The first step is shown
/// besides, and so is the last.
/// </summary>
/// <param name="every">logging_steps.</param>
internal sealed class LoggedSteps(long every)
{
    private double _sum;
    private long _count;

    /// <summary>Takes a step.</summary>
    /// <returns>The step as it is shown, or null if it isn't.</returns>
    public StepTaken? Take(StepTaken step)
    {
        _sum += step.Loss;
        _count++;
        if (!TrackedRun.IsLogged(step, every))
        {
            return null;
        }

        var shown = step with { Loss = _sum / _count };
        if (step.Step % every == 0)
        {
            (_sum, _count) = (0, 0);
        }

        return shown;
    }
}
