using Lorikeet.Tensors;

namespace Lorikeet.Training.Optim;

/// <summary>Settings of AdamW, named as in TrainingArguments.</summary>
public sealed record AdamWOptions
{
    /// <summary>Decay of the first moment.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the second moment.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Decoupled decay per step, times the learning rate.</summary>
    public double WeightDecay { get; init; }

    /// <summary>Largest global gradient norm; larger gradients are scaled down. Zero: no clipping.</summary>
    public double MaxGradNorm { get; init; } = 1.0;
}

/// <summary>AdamW over a model's trained tensors. A tensor without a gradient in a step is skipped entirely, not even decayed.</summary>
/// <remarks>Source: Loshchilov and Hutter 2019; arithmetic of <c>torch.optim.AdamW</c>.</remarks>
public sealed class AdamW : IDisposable
{
    private readonly Parameters _parameters;
    private readonly AdamWOptions _options;
    private readonly Slot[] _slots;
    private readonly Tensor _norm;

    /// <summary>Makes an optimizer; state is allocated at a tensor's first update.</summary>
    /// <param name="parameters">Where the state lives.</param>
    /// <param name="trained">The tensors with their names and whether they decay.</param>
    /// <param name="options">Settings.</param>
    public AdamW(Parameters parameters, IReadOnlyList<TrainedTensor> trained, AdamWOptions options)
    {
        _parameters = parameters;
        _options = options;
        _slots = [.. trained.Select(t => new Slot(t))];
        _norm = parameters.New(new Shape(1), DType.F32, MemoryUse.Optimizer);
    }

    /// <summary>The tensors that train.</summary>
    public IEnumerable<TrainedTensor> Trained => _slots.Select(s => s.Trained);

    /// <summary>[1]: the global gradient norm of the last step, before clipping.</summary>
    public Tensor Norm => _norm;

    /// <summary>Updates every tensor that has a gradient and forgets the gradients. The host does not wait for it.</summary>
    /// <param name="learningRate">Of this step.</param>
    public void Step(double learningRate)
    {
        Slot[] active = [.. _slots.Where(s => s.Trained.Value.Grad is not null)];
        IKernels kernels = _parameters.Device.Kernels;
        kernels.GlobalNorm([.. active.Select(s => s.Trained.Value.Grad!)], _norm);
        foreach (Slot slot in active)
        {
            slot.EnsureState(_parameters);
            slot.Steps++;
            var step = new AdamWStep(
                learningRate,
                _options.Beta1,
                _options.Beta2,
                _options.Epsilon,
                slot.Trained.Decays ? _options.WeightDecay : 0,
                _options.MaxGradNorm,
                slot.Steps);
            Tensor value = slot.Trained.Value;
            kernels.AdamW(new AdamWArgs(value, value.Grad!, slot.M!, slot.V!, _options.MaxGradNorm > 0 ? _norm : null, step));
        }

        ClearGradients();
    }

    /// <summary>Forgets all gradients.</summary>
    public void ClearGradients()
    {
        foreach (Slot slot in _slots)
        {
            Parameters.ClearGradient(slot.Trained.Value);
        }
    }

    /// <summary>The state for a checkpoint: per tensor its moments and count of updates; tensors never updated are left out.</summary>
    public IEnumerable<OptimizerState> State() =>
        _slots.Where(s => s.M is not null).Select(s => new OptimizerState(s.Trained.Name, s.M!.ToHost<float>(), s.V!.ToHost<float>(), s.Steps));

    /// <summary>Restores one tensor's state.</summary>
    /// <exception cref="InvalidDataException">No trained tensor has this name or size.</exception>
    public void Restore(OptimizerState state)
    {
        Slot slot = _slots.FirstOrDefault(s => s.Trained.Name == state.Name)
            ?? throw new InvalidDataException($"optimizer state: '{state.Name}' is not trained in this run");
        if (state.M.Length != slot.Trained.Value.Count || state.V.Length != state.M.Length)
        {
            throw new InvalidDataException($"optimizer state: '{state.Name}' has {state.M.Length} values, the tensor {slot.Trained.Value.Count}");
        }

        slot.EnsureState(_parameters);
        slot.M!.CopyFrom<float>(state.M);
        slot.V!.CopyFrom<float>(state.V);
        slot.Steps = state.Steps;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ClearGradients();
        Parameters.Free(_norm);
        foreach (Slot slot in _slots.Where(s => s.M is not null))
        {
            Parameters.Free(slot.M!);
            Parameters.Free(slot.V!);
        }
    }

    private sealed class Slot(TrainedTensor trained)
    {
        public TrainedTensor Trained { get; } = trained;

        public Tensor? M { get; private set; }

        public Tensor? V { get; private set; }

        public int Steps { get; set; }

        public void EnsureState(Parameters parameters)
        {
            if (M is null)
            {
                M = parameters.New(Trained.Value.Shape, DType.F32, MemoryUse.Optimizer);
                V = parameters.New(Trained.Value.Shape, DType.F32, MemoryUse.Optimizer);
                parameters.Device.Kernels.Fill(M, 0);
                parameters.Device.Kernels.Fill(V, 0);
            }
        }
    }
}

/// <summary>A tensor that trains.</summary>
/// <param name="Name">Its key in adapters and checkpoints.</param>
/// <param name="Value">The parameter.</param>
/// <param name="Decays">Whether weight decay applies (not to biases and norms in full training).</param>
public sealed record TrainedTensor(string Name, Tensor Value, bool Decays);

/// <summary>Moments of one tensor.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="M">First moment.</param>
/// <param name="V">Second moment.</param>
/// <param name="Steps">Number of updates so far.</param>
public sealed record OptimizerState(string Name, float[] M, float[] V, int Steps);
