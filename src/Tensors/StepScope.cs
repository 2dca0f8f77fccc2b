using System.Runtime.InteropServices;

namespace Lorikeet.Tensors;

/// <summary>Arithmetic of matrix products.</summary>
public enum Compute
{
    /// <summary>Single precision.</summary>
    F32,

    /// <summary>Operands rounded to bfloat16, sums in single precision.</summary>
    BF16,
}

/// <summary>
/// Owns every tensor made during one micro-batch (forward and backward) or one generation step, and records what the
/// backward pass needs. Nested frames free early what neither the result nor the tape keeps.
/// </summary>
public sealed class StepScope : IDisposable
{
    private readonly Stack<List<Memory>> _frames = new();
    private Tape? _tape;

    /// <summary>Opens a scope over an allocator.</summary>
    /// <param name="device">The device of all tensors of this scope.</param>
    /// <param name="arena">Where memory comes from and is accounted.</param>
    /// <param name="record">Whether ops record their backward pass.</param>
    public StepScope(IDevice device, Arena arena, bool record)
    {
        Device = device;
        Arena = arena;
        _tape = record ? new Tape() : null;
        _frames.Push([]);
    }

    /// <summary>The device of this scope.</summary>
    public IDevice Device { get; }

    /// <summary>The kernels of the device.</summary>
    public IKernels Kernels => Device.Kernels;

    /// <summary>The allocator.</summary>
    public Arena Arena { get; }

    /// <summary>Arithmetic of matrix products in this scope.</summary>
    public Compute Compute { get; init; }

    /// <summary>Element type of activations and their gradients in this scope.</summary>
    public DType ActivationType => Device.ActivationType(Compute);

    /// <summary>Arithmetic of thin products with f32 factors: f32 where activations are, else that of all products.</summary>
    public Compute ThinCompute => ActivationType == DType.F32 ? Compute.F32 : Compute;

    /// <summary>Whether dropout is active.</summary>
    public bool Training { get; init; }

    /// <summary>Cancels between ops and backward nodes.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Whether ops must record.</summary>
    public bool IsRecording => _tape is not null;

    /// <summary>
    /// Random keys of the rows now being processed, I64 [rows]: (seed, sample, epoch, token) mixed into 64 bits, so that
    /// dropout doesn't depend on how samples were batched. Null where a tower has none: dropout then refuses to run.
    /// </summary>
    public Tensor? RowKeys { get; set; }

    /// <summary>A new uninitialised tensor, owned by the innermost frame; of <see cref="ActivationType"/> unless another type is given.</summary>
    public Tensor New(Shape shape, DType? type = null, MemoryUse use = MemoryUse.Activations)
    {
        DType dtype = type ?? ActivationType;
        Cancellation.ThrowIfCancellationRequested();
        var memory = new Memory(Device, Arena, Arena.Take(shape.Count * dtype.Size(), use));
        memory.Hold();
        _frames.Peek().Add(memory);
        return new Tensor(memory, shape, dtype);
    }

    /// <summary>A new tensor of <see cref="ActivationType"/> filled with zeros.</summary>
    public Tensor Zeros(Shape shape)
    {
        Tensor x = New(shape);
        Kernels.Fill(x, 0);
        return x;
    }

    /// <summary>A new tensor with host values.</summary>
    public Tensor From<T>(ReadOnlySpan<T> values, Shape shape, DType dtype)
        where T : unmanaged
    {
        Tensor x = New(shape, dtype);
        x.CopyFrom(values);
        return x;
    }

    /// <summary>A new f32 tensor with host values.</summary>
    public Tensor From(ReadOnlySpan<float> values, Shape shape) => From(values, shape, DType.F32);

    /// <summary>A new I32 tensor [values] with host values.</summary>
    public Tensor From(ReadOnlySpan<int> values) => From(values, new Shape(values.Length), DType.I32);

    /// <summary>Runs a body in a frame of its own: of the tensors made inside, only the result and what the tape saved survive.</summary>
    public Tensor Frame(Func<Tensor> body)
    {
        _frames.Push([]);
        Tensor? result = null;
        try
        {
            result = body();
            return result;
        }
        finally
        {
            Pop(result);
        }
    }

    /// <summary>As <see cref="Frame(Func{Tensor})"/>, for a body without result.</summary>
    public void Frame(Action body)
    {
        _frames.Push([]);
        try
        {
            body();
        }
        finally
        {
            Pop(null);
        }
    }

    /// <summary>Gives up the innermost frame's hold on a tensor that nobody but the tape may still need. No effect on other tensors.</summary>
    public void Free(Tensor x)
    {
        List<Memory> frame = _frames.Peek();
        int index = frame.LastIndexOf(x.Memory);
        if (index >= 0)
        {
            frame.RemoveAt(index);
            x.Memory.Release();
        }
    }

    /// <summary>Records the backward step of an op whose <paramref name="output"/> depends on trained values.</summary>
    /// <param name="output">The op's result; its gradient is the argument of <paramref name="backward"/>.</param>
    /// <param name="backward">Adds to the inputs' gradients through <see cref="GradBuffer"/> or <see cref="ShareGrad"/>.</param>
    /// <param name="saved">Tensors the backward step reads; kept until it has run.</param>
    public void Record(Tensor output, Action<Tensor> backward, params ReadOnlySpan<Tensor> saved) =>
        _tape!.Add(output, backward, saved, inPlace: false);

    /// <summary>As <see cref="Record"/> for an op that added to <paramref name="output"/> in place: the gradient is passed on to the op before.</summary>
    public void RecordInPlace(Tensor output, Action<Tensor> backward, params ReadOnlySpan<Tensor> saved) =>
        _tape!.Add(output, backward, saved, inPlace: true);

    /// <summary>Whether an op with these inputs must record.</summary>
    public bool Wants(params ReadOnlySpan<Tensor?> inputs)
    {
        if (_tape is null)
        {
            return false;
        }

        foreach (Tensor? input in inputs)
        {
            if (input is { NeedsGrad: true })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The buffer into which a backward step writes the gradient of <paramref name="x"/>; when <paramref name="accumulate"/>
    /// is true it holds an earlier contribution, to which the step adds.
    /// </summary>
    public Tensor GradBuffer(Tensor x, out bool accumulate)
    {
        if (x.IsParameter)
        {
            accumulate = x.Grad is not null;
            x.Grad ??= new Parameters(Device, Arena).NewGradient(x.Shape);
            return x.Grad;
        }

        accumulate = x.Grad is not null;
        if (x.Grad is null)
        {
            SetGrad(x, New(x.Shape, x.DType));
        }
        else if (!x.Grad.Memory.IsExclusive)
        {
            // Somebody else still reads this gradient (a residual branch): continue on a copy.
            Tensor copy = New(x.Shape, x.DType);
            Kernels.Copy(x.Grad, copy);
            DropGrad(x);
            SetGrad(x, copy);
        }

        return x.Grad!;
    }

    /// <summary>Passes a gradient on unchanged (residual sums, reshapes): shared when it is the first contribution, added otherwise.</summary>
    public void ShareGrad(Tensor x, Tensor dX)
    {
        if (!x.NeedsGrad)
        {
            return;
        }

        if (x.Grad is null && !x.IsParameter && x.DType == dX.DType)
        {
            SetGrad(x, dX.View(x.Shape));
            return;
        }

        Tensor buffer = GradBuffer(x, out bool accumulate);
        if (accumulate)
        {
            Kernels.AddScaled(dX.View(x.Shape), 1f, buffer);
        }
        else
        {
            Kernels.Copy(dX.View(x.Shape), buffer);
        }
    }

    /// <summary>Runs the backward pass from scalar results, each with its dLoss/dResult. Only once per scope.</summary>
    public void Backward(params ReadOnlySpan<(Tensor Result, float Seed)> results)
    {
        foreach ((Tensor result, float seed) in results)
        {
            if (!result.NeedsGrad)
            {
                throw new InvalidOperationException("backward: a result does not depend on any trained parameter");
            }

            Tensor dResult = New(result.Shape, result.DType);
            Kernels.Fill(dResult, seed);
            SetGrad(result, dResult);
        }

        Tape tape = _tape ?? throw new InvalidOperationException("backward: this scope does not record");
        _tape = null;
        tape.Run(this);
    }

    /// <summary>
    /// Runs a block without keeping its activations; the backward pass computes them again from the inputs.
    /// The block must be a pure function of its inputs, parameters and row keys.
    /// </summary>
    /// <param name="block">Maps the inputs to one result.</param>
    /// <param name="trains">Whether the block holds trained parameters.</param>
    /// <param name="inputs">Tensors whose gradients flow through the block.</param>
    /// <remarks>Source: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".</remarks>
    public Tensor Checkpoint(Func<Tensor[], Tensor> block, bool trains, params Tensor[] inputs)
    {
        if (_tape is null || !(trains || Wants(inputs)))
        {
            return Frame(() => block(inputs));
        }

        Tape tape = _tape;
        Tensor? keys = RowKeys;
        Tensor y;
        _tape = null;
        try
        {
            y = Frame(() => block(inputs));
        }
        finally
        {
            _tape = tape;
        }

        // The keys are kept as the inputs are: the frame that made them may be gone when the block runs again.
        tape.Add(y, dY => Recompute(block, inputs, keys, dY), keys is null ? inputs : [.. inputs, keys], inPlace: false);
        return y;
    }

    /// <summary>Frees everything the scope still owns.</summary>
    public void Dispose()
    {
        _tape?.Drop();
        _tape = null;
        while (_frames.Count > 0)
        {
            Pop(null);
        }
    }

    internal static void SetGrad(Tensor x, Tensor grad)
    {
        grad.Memory.Hold();
        x.Grad = grad;
    }

    internal static void DropGrad(Tensor x)
    {
        if (x.Grad is { } grad && !x.IsParameter)
        {
            x.Grad = null;
            grad.Memory.Release();
        }
    }

    private void Recompute(Func<Tensor[], Tensor> block, Tensor[] inputs, Tensor? keys, Tensor dY)
    {
        Tensor? outerKeys = RowKeys;
        RowKeys = keys;
        Tensor[] copies = Array.ConvertAll(inputs, x => new Tensor(x.Memory, x.Shape, x.DType, x.ByteOffset) { NeedsGrad = x.NeedsGrad });
        var inner = new Tape();
        _tape = inner;
        Tensor y = block(copies);
        _tape = null;
        SetGrad(y, dY);
        inner.Run(this);
        for (int i = 0; i < inputs.Length; i++)
        {
            if (copies[i].Grad is { } dX)
            {
                ShareGrad(inputs[i], dX);
                DropGrad(copies[i]);
            }
        }

        RowKeys = outerKeys;
    }

    private void Pop(Tensor? keep)
    {
        List<Memory> frame = _frames.Pop();
        foreach (Memory memory in CollectionsMarshal.AsSpan(frame))
        {
            if (keep is not null && ReferenceEquals(memory, keep.Memory))
            {
                _frames.Peek().Add(memory);
            }
            else
            {
                memory.Release();
            }
        }
    }
}
