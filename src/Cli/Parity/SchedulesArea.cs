using System.Text.Json;
using Lorikeet.Nn.Weights;
using Lorikeet.Training.Config;
using Lorikeet.Training.Optim;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>schedules</c>: the learning rate of every step.</summary>
internal sealed class SchedulesArea(ParityRun run)
{
    private const string Area = "schedules", FileName = "curves.json";
    private const double Tolerance = 1e-6;

    public void Run() => run.Guard(new CheckId(Area, "", "", FileName), () =>
    {
        if (!File.Exists(run.At(Area, FileName)))
        {
            return;
        }

        var golden = new GoldenItem(run, new CheckId(Area, "", "", ""), JsonFile.Read(run.At(Area, FileName)));
        golden.Sources("note");
        golden.List("curves", Check);
        golden.SkipOthers();
        run.DumpOf(Area, FileName)?.Json(golden.Computed);
    });

    private static void Check(GoldenItem item, JsonElement source)
    {
        item.Sources("name", "function", "base_lr", "kwargs");
        int steps = source.GetProperty("lr_used_at_step").GetArrayLength();
        LearningRateCurve curve = Curve(source);
        double[] rates = [.. Enumerable.Range(0, steps).Select(curve.At)];
        // A rate that is zero but for rounding has no relative error.
        item.Relative("lr_used_at_step", rates, Tolerance, floor: 1e-6 * 1e-9);
    }

    private static LearningRateCurve Curve(JsonElement source)
    {
        JsonElement kwargs = source.GetProperty("kwargs");
        double? Number(string key) => kwargs.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
        var settings = new ScheduleSettings
        {
            NumCycles = Number("num_cycles"),
            Power = Number("power"),
            LrEnd = Number("lr_end"),
            MinLr = Number("min_lr"),
            MinLrRate = Number("min_lr_rate"),
            Timescale = (int?)Number("timescale"),
            NumDecaySteps = (int?)Number("num_decay_steps"),
            NumStableSteps = (int?)Number("num_stable_steps"),
            MinLrRatio = Number("min_lr_ratio"),
        };
        return LearningRateCurve.Create(
            Schedule(source.GetProperty("function").GetString()!),
            source.GetProperty("base_lr").GetDouble(),
            (int)(Number("num_warmup_steps") ?? 0),
            (int)(Number("num_training_steps") ?? 0),
            settings);
    }

    private static LearningRateSchedule Schedule(string function) => function switch
    {
        "get_linear_schedule_with_warmup" => LearningRateSchedule.Linear,
        "get_cosine_schedule_with_warmup" => LearningRateSchedule.Cosine,
        "get_cosine_with_hard_restarts_schedule_with_warmup" => LearningRateSchedule.CosineWithRestarts,
        "get_constant_schedule" => LearningRateSchedule.Constant,
        "get_constant_schedule_with_warmup" => LearningRateSchedule.ConstantWithWarmup,
        "get_polynomial_decay_schedule_with_warmup" => LearningRateSchedule.Polynomial,
        "get_inverse_sqrt_schedule" => LearningRateSchedule.InverseSqrt,
        "get_cosine_with_min_lr_schedule_with_warmup" => LearningRateSchedule.CosineWithMinLr,
        "get_wsd_schedule" => LearningRateSchedule.WarmupStableDecay,
        _ => throw new InvalidDataException($"the schedule '{function}' is not known"),
    };
}
