using Lorikeet.Training.Batching;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Evaluating;

/// <summary>After which steps a run evaluates and saves. Whatever the rhythm, the last step is among them, so that a run ends evaluated and saved.</summary>
/// <param name="train">The run file's section.</param>
/// <param name="plan">The steps.</param>
internal sealed class Occasions(TrainSection train, StepPlan plan)
{
    /// <summary>Whether to evaluate after a number of steps.</summary>
    public bool EvaluateAt(int done) => train.EvalStrategy switch
    {
        Strategy.Steps => done == plan.TotalSteps || (done % train.EvalSteps == 0 && done >= train.EvalDelay),
        Strategy.Epoch => done == plan.TotalSteps || (done % plan.StepsPerEpoch == 0 && done >= train.EvalDelay * plan.StepsPerEpoch),
        _ => false,
    };

    /// <summary>Whether to save after a number of steps, however good the model is.</summary>
    public bool SaveAt(int done) => train.SaveStrategy switch
    {
        SaveStrategy.Steps => done == plan.TotalSteps || done % train.SaveSteps == 0,
        SaveStrategy.Epoch => done == plan.TotalSteps || done % plan.StepsPerEpoch == 0,
        _ => false,
    };
}
