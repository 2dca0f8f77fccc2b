namespace Lorikeet.Tracking;

/// <summary>
/// Estimates how long a run still takes, from the wall-clock time of its recent steps; evaluations and checkpoints between them count
/// in. The first step is left out, because it also compiles and reads everything for the first time.
/// </summary>
public sealed class EtaEstimator
{
    private const int Window = 50;

    private readonly Queue<(long Step, double ElapsedS)> _recent = new();

    /// <summary>Takes note of a step.</summary>
    public void Add(StepTaken step)
    {
        ArgumentNullException.ThrowIfNull(step);
        _recent.Enqueue((step.Step, step.ElapsedS));
        if (_recent.Count > Window)
        {
            _recent.Dequeue();
        }
    }

    /// <summary>The time left until the given step has been taken; null before two steps are known.</summary>
    public TimeSpan? Until(long lastStep)
    {
        if (_recent.Count < 2)
        {
            return null;
        }

        var (firstStep, firstAt) = _recent.Peek();
        var (step, at) = _recent.Last();
        double seconds = (at - firstAt) / Math.Max(1, step - firstStep) * Math.Max(0, lastStep - step);
        return double.IsFinite(seconds) && seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(Math.Max(0, seconds)) : null;
    }
}
