using System.Globalization;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>Checks of values: the range of each key, and what must hold between keys.</summary>
internal static class RunConfigChecks
{
    public static IReadOnlyList<ConfigProblem> All(RunConfig config) =>
        [.. Ranges(ConfigTree.Root, config, ""), .. Required(config), .. BetweenKeys(config), .. EvaluationChecks.All(config), .. Data(config.Data), .. Pictures(config.Data), .. Videos(config.Data), .. Schedule(config.Train), .. NotYet.Problems(config)];

    private static IEnumerable<ConfigProblem> Ranges(SectionValue section, object values, string prefix)
    {
        foreach (var key in section.Keys)
        {
            object? value = key.Get(values);
            if (ConfigTree.SectionOf(key) is { } inner && value is not null)
            {
                foreach (var problem in Ranges(inner, value, prefix + key.Name + "."))
                {
                    yield return problem;
                }
            }
            else if (value is not null && key.Bounds?.Complaint(Convert.ToDouble(value, CultureInfo.InvariantCulture)) is { } complaint)
            {
                yield return new ConfigProblem(prefix + key.Name, complaint);
            }
        }
    }

    private static IEnumerable<ConfigProblem> Required(RunConfig config)
    {
        if (config.Model.Path is null)
        {
            yield return new ConfigProblem("model.path", "is required: the directory of the base model");
        }

        if (config.Data.Train is null)
        {
            yield return new ConfigProblem("data.train", "is required: the file of training samples");
        }

        if (config.Method == TuningMethod.Freeze && config.Freeze.Train.Count == 0)
        {
            yield return new ConfigProblem("freeze.train", "is required with method freeze: the parts to train, for example [connector]");
        }
    }

    private static IEnumerable<ConfigProblem> Data(DataSection data)
    {
        if (data is { Eval: not null, ValidationSplit: not null })
        {
            yield return new ConfigProblem("data.validation_split", "holds out samples for evaluation, but data.eval names some; remove one of the two");
        }

        if (data is { AssistantOnlyLoss: false, LossOn: not null and not LossTokens.AllTokens })
        {
            yield return new ConfigProblem("data.loss_on", "says which tokens count, but assistant_only_loss: false says that all do; remove one of the two");
        }

        if (data.ValidationSplit is >= 1 and var count && count != Math.Floor(count))
        {
            yield return new ConfigProblem("data.validation_split", string.Create(CultureInfo.InvariantCulture, $"must be a share below 1 or a whole number of samples, found {count}"));
        }

        if (data is { Packing: true, Train: { } train } && train.Items.Any(item => item.Weight is not null))
        {
            yield return new ConfigProblem("data.packing", "makes packs that hold every row once; it cannot be combined with weights of sources");
        }

        if (data.Eval is { } eval && eval.Items.Any(item => item.Weight is not null))
        {
            yield return new ConfigProblem("data.eval", "gives a source a weight; every evaluation sample counts once");
        }
    }

    private static IEnumerable<ConfigProblem> BetweenKeys(RunConfig config)
    {
        var train = config.Train;
        if (train is { Bf16: true, Fp16: true })
        {
            yield return new ConfigProblem("train.fp16", "bf16 and fp16 cannot both be true");
        }

        if (train.Bf16 == true && config.Model.Compute is not (ComputeType.Auto or ComputeType.Bfloat16))
        {
            yield return new ConfigProblem("train.bf16", $"is true, but model.compute asks for {Word(config.Model.Compute)}; remove one of the two");
        }

        if (train.Bf16 == false && config.Model.Compute == ComputeType.Bfloat16)
        {
            yield return new ConfigProblem("train.bf16", "is false, but model.compute asks for bfloat16; remove one of the two");
        }

        if (config.Data is { Packing: true, MaxLength: null })
        {
            yield return new ConfigProblem("data.packing", "needs data.max_length, the number of tokens of a pack");
        }

        if (train.MaxSteps == 0)
        {
            yield return new ConfigProblem("train.max_steps", "must be at least 1, or -1 to train for num_train_epochs; found 0");
        }

        if (config.ReportTo.Contains(Reporter.None) && config.ReportTo.Count > 1)
        {
            yield return new ConfigProblem("report_to", "none stands alone");
        }
    }

    private static IEnumerable<ConfigProblem> Pictures(DataSection data)
    {
        if (data is { MinPixels: { } least, MaxPixels: { } most } && least > most)
        {
            yield return new ConfigProblem("data.min_pixels", string.Create(CultureInfo.InvariantCulture, $"is {least}, above data.max_pixels {most}"));
        }

        if (data.Thumbnail is { } limit && (limit.Count is not (1 or 2) || limit.Any(n => n < 1)))
        {
            yield return new ConfigProblem("data.thumbnail", $"expected one or two numbers of pixels (width and height), at least 1; found [{string.Join(", ", limit)}]");
        }

        if (data is { Resample: not ImageFilter.Bicubic, ScaleFactor: null, Thumbnail: null })
        {
            yield return new ConfigProblem("data.resample", "has no effect without data.scale_factor or data.thumbnail");
        }

        foreach ((string key, string message) in data.Augment.Problems())
        {
            yield return new ConfigProblem("data.augment." + key, message);
        }
    }

    private static IEnumerable<ConfigProblem> Videos(DataSection data)
    {
        if (data is { VideoNframes: not null, VideoFps: not null })
        {
            yield return new ConfigProblem("data.video_nframes", "stands beside data.video_fps; one of them decides how many frames are taken, remove the other");
        }

        if (data.VideoNframes is not null && (data.VideoMinFrames ?? data.VideoMaxFrames) is not null)
        {
            yield return new ConfigProblem(data.VideoMinFrames is null ? "data.video_max_frames" : "data.video_min_frames", "has no effect beside data.video_nframes");
        }

        foreach ((string what, int? least, int? most) in new[] { ("frames", data.VideoMinFrames, data.VideoMaxFrames), ("pixels", data.VideoMinPixels, data.VideoMaxPixels) })
        {
            if (least > most)
            {
                yield return new ConfigProblem($"data.video_min_{what}", string.Create(CultureInfo.InvariantCulture, $"is {least}, above data.video_max_{what} {most}"));
            }
        }
    }

    private static IEnumerable<ConfigProblem> Schedule(TrainSection train)
    {
        const string Prefix = "train.lr_scheduler_kwargs.";
        var kind = train.LrSchedulerType;
        var settings = train.LrSchedulerKwargs;
        foreach (var (key, value, owners) in SettingsOf(settings))
        {
            if (value is not null && !owners.Contains(kind))
            {
                yield return new ConfigProblem(Prefix + key, $"has no effect on the schedule {Word(kind)}; it belongs to {string.Join(", ", owners.Select(Word))}");
            }
        }

        if (kind == LearningRateSchedule.CosineWithMinLr && settings.MinLr is null == settings.MinLrRate is null)
        {
            yield return new ConfigProblem(Prefix + "min_lr", "cosine_with_min_lr needs exactly one of min_lr and min_lr_rate");
        }

        if (kind == LearningRateSchedule.WarmupStableDecay && settings.NumDecaySteps is null)
        {
            yield return new ConfigProblem(Prefix + "num_decay_steps", "is required with the schedule warmup_stable_decay");
        }
    }

    private static (string Key, object? Value, LearningRateSchedule[] Owners)[] SettingsOf(ScheduleSettings s) =>
    [
        ("num_cycles", s.NumCycles, [LearningRateSchedule.Cosine, LearningRateSchedule.CosineWithRestarts, LearningRateSchedule.CosineWithMinLr, LearningRateSchedule.WarmupStableDecay]),
        ("power", s.Power, [LearningRateSchedule.Polynomial]),
        ("lr_end", s.LrEnd, [LearningRateSchedule.Polynomial]),
        ("min_lr", s.MinLr, [LearningRateSchedule.CosineWithMinLr]),
        ("min_lr_rate", s.MinLrRate, [LearningRateSchedule.CosineWithMinLr]),
        ("timescale", s.Timescale, [LearningRateSchedule.InverseSqrt]),
        ("num_decay_steps", s.NumDecaySteps, [LearningRateSchedule.WarmupStableDecay]),
        ("num_stable_steps", s.NumStableSteps, [LearningRateSchedule.WarmupStableDecay]),
        ("min_lr_ratio", s.MinLrRatio, [LearningRateSchedule.WarmupStableDecay]),
    ];

    private static string Word<T>(T value) where T : struct, Enum => SnakeCase.From(value.ToString());
}
