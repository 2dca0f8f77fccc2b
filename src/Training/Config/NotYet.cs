namespace Lorikeet.Training.Config;

/// <summary>
/// Options that a run file may name but that this version cannot honour. They are refused, never ignored. Whoever builds the feature
/// deletes its row.
/// </summary>
internal static class NotYet
{
    private static readonly (string Key, Func<RunConfig, bool> IsAsked, string What)[] Table =
    [
        ("model.compute", c => c.Model.Compute == ComputeType.Float16, "float16 arithmetic"),
        ("train.fp16", c => c.Train.Fp16 == true, "float16 arithmetic"),
        ("quantization", c => c.Quantization != new QuantizationSection(), "quantized base weights"),
        ("method", c => c.Method == TuningMethod.Adapter, "adapters other than LoRA"),
        ("lora.use_dora", c => c.Lora.UseDora, "DoRA"),
        ("lora.init_lora_weights", c => c.Lora.InitLoraWeights > LoraInitialization.Random, "this initialisation"),
        ("objective", c => c.Objective == TrainingObjective.Dpo, "preference optimisation"),
        ("train.optim", c => c.Train.Optim == OptimizerKind.Adamw8Bit, "optimizer state in eight bits"),
        ("cache.vision_features", c => c.Cache.VisionFeatures == CacheUse.On, "the cache of vision features"),
        ("cache.directory", c => c.Cache.Directory is not null, "the cache of vision features"),
        ("cache.max_bytes", c => c.Cache.MaxBytes is not null, "the cache of vision features"),
        ("report_to", c => c.ReportTo.Contains(Reporter.Mlflow), "reporting to MLflow"),
    ];

    public static IEnumerable<ConfigProblem> Problems(RunConfig config) =>
        Table.Where(row => row.IsAsked(config)).Select(row => new ConfigProblem(row.Key, $"{row.What}: not available yet in this version of Lorikeet"));
}
