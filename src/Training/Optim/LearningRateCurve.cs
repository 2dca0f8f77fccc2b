using Lorikeet.Training.Config;

namespace Lorikeet.Training.Optim;

/// <summary>
/// The learning rate of every optimizer step, as a pure function of the step: resuming needs no state.
/// Source: transformers <c>optimization.py</c>; the numbers are those that its optimizer uses at step 0, 1, 2, ...
/// (with a warm-up the first step has rate 0).
/// </summary>
public sealed class LearningRateCurve
{
    private readonly Func<double, double> _factor;

    private LearningRateCurve(double peak, int warmupSteps, Func<double, double> factor)
    {
        (Peak, WarmupSteps, _factor) = (peak, warmupSteps, factor);
    }

    /// <summary>The learning rate after the warm-up.</summary>
    public double Peak { get; }

    /// <summary>Steps of the warm-up.</summary>
    public int WarmupSteps { get; }

    /// <summary>The learning rate of optimizer step <paramref name="step"/> (0-based); steps past the end are allowed.</summary>
    public double At(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return Peak * _factor(step);
    }

    /// <summary>The curve that a run file asks for.</summary>
    /// <param name="train">The run's training section.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run.</param>
    /// <exception cref="InvalidDataException">A setting does not fit the schedule.</exception>
    public static LearningRateCurve From(TrainSection train, int totalSteps) =>
        Create(train.LrSchedulerType, train.LearningRate, WarmupOf(train.WarmupSteps, train.WarmupRatio, totalSteps), totalSteps, train.LrSchedulerKwargs);

    /// <summary>Steps of the warm-up: <paramref name="warmupSteps"/> if given, else the share of all steps, rounded up.</summary>
    public static int WarmupOf(int warmupSteps, double warmupRatio, int totalSteps) =>
        warmupSteps > 0 ? warmupSteps : (int)Math.Ceiling(totalSteps * warmupRatio);

    /// <summary>A curve from its parts.</summary>
    /// <param name="schedule">The shape.</param>
    /// <param name="peak">The learning rate after the warm-up.</param>
    /// <param name="warmupSteps">Steps that climb from 0 to the peak; <c>constant</c> has none.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run.</param>
    /// <param name="settings">Further settings; those that are null take the schedule's defaults.</param>
    /// <exception cref="InvalidDataException">A setting is missing or does not fit the schedule.</exception>
    public static LearningRateCurve Create(
        LearningRateSchedule schedule, double peak, int warmupSteps, int totalSteps, ScheduleSettings settings)
    {
        Func<double, double> after = schedule switch
        {
            LearningRateSchedule.Linear => Linear(warmupSteps, totalSteps),
            LearningRateSchedule.Cosine => Cosine(warmupSteps, totalSteps, settings.NumCycles ?? 0.5, lowest: 0),
            LearningRateSchedule.CosineWithRestarts => Restarts(warmupSteps, totalSteps, settings.NumCycles ?? 1),
            LearningRateSchedule.Polynomial => Polynomial(warmupSteps, totalSteps, peak, settings.LrEnd ?? 1e-7, settings.Power ?? 1),
            LearningRateSchedule.Constant or LearningRateSchedule.ConstantWithWarmup => _ => 1,
            LearningRateSchedule.InverseSqrt => InverseSqrt(warmupSteps, settings.Timescale),
            LearningRateSchedule.CosineWithMinLr =>
                Cosine(warmupSteps, totalSteps, settings.NumCycles ?? 0.5, LowestOf(peak, settings)),
            LearningRateSchedule.WarmupStableDecay => StableDecay(warmupSteps, totalSteps, settings),
            _ => throw new InvalidDataException($"train.lr_scheduler_type: {schedule} is not a known schedule"),
        };
        return schedule switch
        {
            LearningRateSchedule.Constant => new LearningRateCurve(peak, 0, after),
            LearningRateSchedule.WarmupStableDecay => WithWarmup(peak, warmupSteps, settings.MinLrRatio ?? 0, after),
            _ => WithWarmup(peak, warmupSteps, 0, after),
        };
    }

    private static LearningRateCurve WithWarmup(double peak, int warmup, double lowest, Func<double, double> after) => new(
        peak, warmup, step => step < warmup ? Math.Max(0, step / Math.Max(1, warmup) * (1 - lowest) + lowest) : after(step));

    private static Func<double, double> Linear(int warmup, int total) => step => Math.Max(0, (total - step) / Math.Max(1, total - warmup));

    private static Func<double, double> Cosine(int warmup, int total, double cycles, double lowest) => step =>
    {
        var progress = (step - warmup) / Math.Max(1, total - warmup);
        var factor = 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * progress));
        return Math.Max(0, factor * (1 - lowest) + lowest);
    };

    private static Func<double, double> Restarts(int warmup, int total, double cycles) => step =>
    {
        var progress = (step - warmup) / Math.Max(1, total - warmup);
        return progress >= 1 ? 0 : Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (cycles * progress % 1))));
    };

    private static Func<double, double> Polynomial(int warmup, int total, double peak, double end, double power)
    {
        if (peak == 0)
        {
            return _ => 0; // a run with learning rate 0 changes nothing, whatever the end
        }

        if (end >= peak)
        {
            throw new InvalidDataException(
                FormattableString.Invariant($"train.lr_scheduler_kwargs.lr_end: {end} must be below learning_rate {peak}"));
        }

        return step => step > total || total <= warmup
            ? end / peak
            : ((peak - end) * Math.Pow(1 - (step - warmup) / (total - warmup), power) + end) / peak;
    }

    private static Func<double, double> InverseSqrt(int warmup, int? timescale)
    {
        double scale = timescale ?? (warmup > 0 ? warmup : 10_000);
        return step => 1 / Math.Sqrt((step + scale - warmup) / scale);
    }

    private static double LowestOf(double peak, ScheduleSettings settings) => (settings.MinLr, settings.MinLrRate) switch
    {
        ({ } rate, null) => peak == 0 ? 0 : rate / peak,
        (null, { } share) => share,
        _ => throw new InvalidDataException("train.lr_scheduler_kwargs: cosine_with_min_lr needs either min_lr or min_lr_rate"),
    };

    private static Func<double, double> StableDecay(int warmup, int total, ScheduleSettings settings)
    {
        var decay = settings.NumDecaySteps
            ?? throw new InvalidDataException("train.lr_scheduler_kwargs: warmup_stable_decay needs num_decay_steps");
        var decayStart = warmup + (settings.NumStableSteps ?? total - warmup - decay);
        var lowest = settings.MinLrRatio ?? 0;
        var cycles = settings.NumCycles ?? 0.5;
        return step =>
        {
            if (step < decayStart)
            {
                return 1;
            }

            if (step >= decayStart + decay)
            {
                return lowest;
            }

            var factor = 0.5 * (1 + Math.Cos(Math.PI * cycles * 2 * ((step - decayStart) / Math.Max(1, decay))));
            return Math.Max(0, factor * (1 - lowest) + lowest);
        };
    }
}
