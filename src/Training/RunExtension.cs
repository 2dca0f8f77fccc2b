using System.Globalization;
using Lorikeet.Training.Config;
using Lorikeet.Training.Config.Binding;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training;

/// <summary>
/// A run that goes on from a checkpoint may be longer or shorter than it was planned to be, as long as no step's learning rate depends
/// on that: then the steps done are those that the run of the new length would have done.
/// </summary>
internal static class RunExtension
{
    /// <summary>Refuses a change of length that would make another run of it.</summary>
    /// <param name="checkpoint">The checkpoint's directory, for messages.</param>
    /// <param name="state">Where it stands.</param>
    /// <param name="train">The run file's section.</param>
    /// <param name="totalSteps">Steps of the run now.</param>
    /// <returns>What the user should know, or null if the length is the same.</returns>
    /// <exception cref="InvalidDataException">The schedule depends on the length, or the checkpoint is beyond the end.</exception>
    public static string? Require(string checkpoint, RunState state, TrainSection train, int totalSteps)
    {
        if (state.TotalSteps == totalSteps)
        {
            return null;
        }

        if (totalSteps < state.Step)
        {
            throw new InvalidDataException(string.Create(
                CultureInfo.InvariantCulture,
                $"{checkpoint}: is at step {state.Step}, but this run ends at step {totalSteps}. Raise train.max_steps or train.num_train_epochs, or start anew with --overwrite."));
        }

        LearningRateCurve before = LearningRateCurve.From(train, state.TotalSteps), after = LearningRateCurve.From(train, totalSteps);
        for (int step = 0; step < Math.Min(state.TotalSteps, totalSteps); step++)
        {
            double was = before.At(step), would = after.At(step);
            if (was != would)
            {
                throw new InvalidDataException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{checkpoint}: was made for a run of {state.TotalSteps} steps, this one has {totalSteps}, and lr_scheduler_type {SnakeCase.From(train.LrSchedulerType.ToString())} depends on that: the learning rate of step {step + 1} would be {would:G6} instead of {was:G6}. Resume with the same length, or start anew with --overwrite; runs that are to be extended later need a schedule that doesn't know their length (constant, or constant_with_warmup with warmup_steps)."));
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"the run now has {totalSteps} steps instead of {state.TotalSteps}; the learning rate of every step stays as it was");
    }
}
