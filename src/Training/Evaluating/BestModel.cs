namespace Lorikeet.Training.Evaluating;

/// <summary>By what the best model is chosen, and when evaluations have got no better for too long.</summary>
public sealed record BestModelOptions
{
    /// <summary>The name of the evaluation's loss.</summary>
    public const string Loss = "loss";

    /// <summary>The figure: <see cref="Loss"/>, or the name of one of the evaluation's metrics.</summary>
    public string Metric { get; init; } = Loss;

    /// <summary>Whether larger values of it are better.</summary>
    public bool GreaterIsBetter { get; init; }

    /// <summary>Evaluations in a row without an improvement after which the run ends; null: never.</summary>
    public int? Patience { get; init; }

    /// <summary>How much better an evaluation must be to count as an improvement.</summary>
    public double Threshold { get; init; }

    /// <summary>Whether every new best state is saved, also between the usual checkpoints.</summary>
    public bool IsSaved { get; init; }
}

/// <summary>
/// The best evaluation so far, and how many there were since one that was better. The state is three numbers that checkpoints hold, so a
/// continued run decides as the uninterrupted one does. Source: transformers' <c>Trainer._determine_best_metric</c> and
/// <c>EarlyStoppingCallback</c>, whose threshold is compared with the best value of before, whether that was an improvement or not.
/// </summary>
/// <param name="options">By what it is chosen.</param>
/// <param name="start">Where the run starts.</param>
internal sealed class BestModel(BestModelOptions options, RunState start)
{
    /// <summary>The best value, or null.</summary>
    public double? Metric { get; private set; } = start.BestMetric;

    /// <summary>Its step, or null.</summary>
    public int? Step { get; private set; } = start.BestStep;

    /// <summary>Evaluations in a row that were no improvement.</summary>
    public int WithoutImprovement { get; private set; } = start.WithoutImprovement;

    /// <summary>Whether the run has to end.</summary>
    public bool IsOver => options.Patience is { } patience && WithoutImprovement >= patience;

    /// <summary>Takes the value of an evaluation.</summary>
    /// <returns>Whether it is the best so far.</returns>
    public bool Take(double value, int step)
    {
        bool isImprovement = double.IsFinite(value) && (Metric is not { } best || (IsBetter(value, best) && Math.Abs(value - best) > options.Threshold));
        WithoutImprovement = isImprovement ? 0 : WithoutImprovement + 1;
        if (!double.IsFinite(value) || (Metric is { } earlier && !IsBetter(value, earlier)))
        {
            return false;
        }

        (Metric, Step) = (value, step);
        return true;
    }

    private bool IsBetter(double value, double than) => options.GreaterIsBetter ? value > than : value < than;
}
