namespace Lorikeet.Tracking;

/// <summary>
/// The figures of an event under the names that transformers' Trainer gives them (<c>train/loss</c>, <c>eval/loss</c>), so that curves of
/// both lie on one another. What the Trainer has no name for is added beside: speed, memory, values of the objective.
/// </summary>
internal static class TrackedValues
{
    private const double GiB = 1L << 30;

    /// <summary>The figures of an event; none for events that have none.</summary>
    public static IEnumerable<(string Name, double Value)> Of(RunEvent happened) => happened switch
    {
        StepTaken step => OfStep(step),
        Evaluated evaluated => OfEvaluation(evaluated),
        RunFinished finished => [("train/train_runtime", finished.ElapsedS), ("train/train_tokens_per_second", finished.TokensPerS)],
        _ => [],
    };

    private static IEnumerable<(string Name, double Value)> OfStep(StepTaken step)
    {
        yield return ("train/loss", step.Loss);
        yield return ("train/grad_norm", step.GradNorm);
        yield return ("train/learning_rate", step.LearningRate);
        yield return ("train/epoch", step.Epoch);
        yield return ("train/tokens_per_second", step.TokensPerS);
        yield return ("memory/resident_gib", step.Memory.Resident / GiB);
        foreach (var (name, value) in step.Metrics ?? new Dictionary<string, double>())
        {
            yield return ("train/" + name, value);
        }
    }

    private static IEnumerable<(string Name, double Value)> OfEvaluation(Evaluated evaluated)
    {
        yield return ("eval/loss", evaluated.Loss);
        yield return ("eval/runtime", evaluated.Seconds);
        if (evaluated.Seconds > 0)
        {
            yield return ("eval/samples_per_second", evaluated.Samples / evaluated.Seconds);
        }

        yield return ("train/epoch", evaluated.Epoch);
        foreach (var (name, value) in evaluated.Metrics ?? new Dictionary<string, double>())
        {
            yield return ("eval/" + name, value);
        }
    }
}
