using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>Settings of objective dpo; the keys of TRL's DPOConfig.</summary>
public sealed record DpoSection
{
    /// <summary>How far the policy may move from the reference: larger keeps it closer.</summary>
    [Bounds(Above = 0)]
    public double Beta { get; init; } = 0.1;

    /// <summary>The loss of a pair.</summary>
    public DpoLoss LossType { get; init; } = DpoLoss.Sigmoid;

    /// <summary>Share of pairs that are assumed to be labelled the wrong way round.</summary>
    [Bounds(Min = 0, Below = 0.5)]
    public double LabelSmoothing { get; init; }
}

/// <summary>The loss of a pair of replies.</summary>
public enum DpoLoss
{
    /// <summary>Logistic loss of the margin.</summary>
    Sigmoid,

    /// <summary>Hinge loss of the margin.</summary>
    Hinge,

    /// <summary>Squared distance of the margin from 1 / (2 beta).</summary>
    Ipo,

    /// <summary>Logistic loss, unbiased under label_smoothing.</summary>
    Robust,
}
