using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Training.Objectives;

/// <summary>What training minimises. It returns sums and counts, never a mean: only the trainer divides.</summary>
public interface IObjective
{
    /// <summary>The name in configs and events.</summary>
    string Name { get; }

    /// <summary>Counts of the terms of a micro-batch, known from the labels before any forward pass, in the order of <see cref="Compute"/>.</summary>
    IReadOnlyList<long> Counts(ModelInput batch);

    /// <summary>The terms of a micro-batch.</summary>
    /// <param name="scope">The running micro-batch.</param>
    /// <param name="model">The model.</param>
    /// <param name="batch">Its input.</param>
    IReadOnlyList<LossTerm> Compute(StepScope scope, VisionLanguageModel model, ModelInput batch);
}

/// <summary>What a term is counted in.</summary>
public enum LossUnit
{
    /// <summary>Supervised tokens.</summary>
    Token,

    /// <summary>Sequences.</summary>
    Sequence,

    /// <summary>Pairs of answers.</summary>
    Pair,
}

/// <summary>One additive part of a loss.</summary>
/// <param name="Name">Name in events.</param>
/// <param name="Coefficient">Weight in the total.</param>
/// <param name="Sum">[1]: the sum over its units.</param>
/// <param name="Count">Number of units.</param>
/// <param name="Unit">What is counted.</param>
public sealed record LossTerm(string Name, double Coefficient, Tensor Sum, long Count, LossUnit Unit);
