using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Training.Config;
using Lorikeet.Training.Objectives;
using Lorikeet.Training.Optim;

namespace Lorikeet.Training;

/// <summary>A model made ready for a run as the run file says. Running and planning do it alike, here.</summary>
/// <param name="Loaded">The model.</param>
/// <param name="Trainable">What trains.</param>
/// <param name="Compute">Arithmetic of matrix products.</param>
internal sealed record RunModel(LoadedModel Loaded, Trainable Trainable, Compute Compute)
{
    /// <summary>Chooses the arithmetic and attaches what trains.</summary>
    /// <param name="config">The run file.</param>
    /// <param name="loaded">The model as it was loaded.</param>
    /// <param name="parameters">Where tensors live.</param>
    /// <param name="hasFastBf16">Whether products of bfloat16 run on hardware.</param>
    /// <exception cref="InvalidDataException">The run file doesn't fit the model.</exception>
    public static RunModel Prepare(RunConfig config, LoadedModel loaded, Parameters parameters, bool hasFastBf16)
    {
        VisionLanguageModel model = loaded.Model;
        StoredType.Require(config.Model.Dtype, model.Parts.Params.Select(p => (p.Name, p.StoredDType)));
        model.GradientCheckpointing = config.Train.GradientCheckpointing;
        Compute compute = config.EffectiveCompute switch
        {
            ComputeType.Bfloat16 => Compute.BF16,
            ComputeType.Auto when hasFastBf16 && model.LmHead.Weight.Bytes < 4L * model.LmHead.Weight.In * model.LmHead.Weight.Out => Compute.BF16,
            _ => Compute.F32,
        };
        Trainable trainable = config.Method switch
        {
            TuningMethod.Full => Trainable.Of(model, parameters, _ => true),
            TuningMethod.Freeze => Trainable.Of(model, parameters, TrainTargets.Freeze(config.Freeze, model)),
            _ => Trainable.Of(AdapterSet.Attach(model.Parts, model.LmHead, TrainTargets.Lora(config, loaded), parameters, (ulong)config.Train.Seed)),
        };
        return new RunModel(loaded, trainable, compute);
    }

    /// <summary>What is minimised.</summary>
    /// <param name="config">The run file.</param>
    public static IObjective Objective(RunConfig config) => config.Objective switch
    {
        TrainingObjective.Sft => new Sft(),
        _ => throw new InvalidDataException($"objective: {config.Objective} is not available yet"),
    };

    /// <summary>Settings of the optimizer.</summary>
    /// <param name="config">The run file.</param>
    public static AdamWOptions AdamOptions(RunConfig config) => new()
    {
        Beta1 = config.Train.AdamBeta1,
        Beta2 = config.Train.AdamBeta2,
        Epsilon = config.Train.AdamEpsilon,
        WeightDecay = config.Train.WeightDecay,
        MaxGradNorm = config.Train.MaxGradNorm,
    };
}
