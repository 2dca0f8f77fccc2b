using System.Text.Json;
using Lorikeet.Testing;
using Lorikeet.Training.Config;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training.Tests.Optim;

public sealed class LearningRateCurveTests
{
    private static readonly Lazy<JsonElement> Curves = new(() =>
        JsonDocument.Parse(File.ReadAllText(Golden.Path("schedules", "curves.json"))).RootElement.GetProperty("curves"));

    public static TheoryData<int, string> Cases
    {
        get
        {
            var data = new TheoryData<int, string>();
            for (var i = 0; i < Curves.Value.GetArrayLength(); i++)
            {
                data.Add(i, $"{Curves.Value[i].GetProperty("name")} {Curves.Value[i].GetProperty("kwargs").GetRawText().ReplaceLineEndings(" ")}");
            }

            return data;
        }
    }

    [Fact]
    public void All_curves_are_there() => Assert.True(Curves.Value.GetArrayLength() >= 45);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Curve_equals_the_reference_at_every_step(int index, string name)
    {
        var golden = Curves.Value[index];
        var rates = golden.GetProperty("lr_used_at_step").EnumerateArray().Select(r => r.GetDouble()).ToArray();
        var curve = Create(golden);
        for (var step = 0; step < rates.Length; step++)
        {
            var limit = Math.Max(1e-6 * rates[step], 1e-6 * 1e-9); // a rate that is 0 but for rounding has no relative error
            Assert.True(Math.Abs(curve.At(step) - rates[step]) <= limit, $"{name}, step {step}: {curve.At(step)} instead of {rates[step]}");
        }
    }

    private static LearningRateCurve Create(JsonElement golden)
    {
        var kwargs = golden.GetProperty("kwargs");
        double? Number(string key) => kwargs.TryGetProperty(key, out var value) ? value.GetDouble() : null;
        var schedule = golden.GetProperty("function").GetString() switch
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
            var other => throw new InvalidOperationException($"a schedule the tests don't know: {other}"),
        };
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
            schedule, golden.GetProperty("base_lr").GetDouble(), (int)(Number("num_warmup_steps") ?? 0), (int)(Number("num_training_steps") ?? 0), settings);
    }

    [Fact]
    public void Warm_up_is_given_in_steps_or_as_a_share_rounded_up()
    {
        Assert.Equal(7, LearningRateCurve.WarmupOf(7, 0.5, 100));
        Assert.Equal(4, LearningRateCurve.WarmupOf(0, 0.03, 101));
        Assert.Equal(0, LearningRateCurve.WarmupOf(0, 0, 100));
    }

    [Fact]
    public void A_training_section_gives_its_curve()
    {
        var train = new TrainSection { LearningRate = 2e-4, LrSchedulerType = LearningRateSchedule.Cosine, WarmupRatio = 0.1 };
        var curve = LearningRateCurve.From(train, 20);
        Assert.Equal(2, curve.WarmupSteps);
        Assert.Equal([0, 1e-4, 2e-4], Enumerable.Range(0, 3).Select(curve.At));
        Assert.Equal(1e-4, curve.At(11), 12);
    }

    [Fact]
    public void A_learning_rate_of_zero_stays_zero()
    {
        foreach (var schedule in Enum.GetValues<LearningRateSchedule>())
        {
            var settings = new ScheduleSettings { MinLr = schedule == LearningRateSchedule.CosineWithMinLr ? 0 : null, NumDecaySteps = 3 };
            var curve = LearningRateCurve.Create(schedule, 0, 2, 10, settings);
            Assert.All(Enumerable.Range(0, 12), step => Assert.Equal(0, curve.At(step)));
        }
    }

    [Fact]
    public void An_end_above_the_peak_is_refused_by_name()
    {
        var error = Assert.Throws<InvalidDataException>(
            () => LearningRateCurve.Create(LearningRateSchedule.Polynomial, 1e-8, 0, 10, new ScheduleSettings()));
        Assert.Equal("train.lr_scheduler_kwargs.lr_end: 1E-07 must be below learning_rate 1E-08", error.Message);
    }

    [Fact]
    public void Missing_settings_are_named()
    {
        var minimum = Assert.Throws<InvalidDataException>(
            () => LearningRateCurve.Create(LearningRateSchedule.CosineWithMinLr, 1, 0, 10, new ScheduleSettings()));
        Assert.Contains("min_lr", minimum.Message, StringComparison.Ordinal);
        var decay = Assert.Throws<InvalidDataException>(
            () => LearningRateCurve.Create(LearningRateSchedule.WarmupStableDecay, 1, 0, 10, new ScheduleSettings()));
        Assert.Contains("num_decay_steps", decay.Message, StringComparison.Ordinal);
    }
}
