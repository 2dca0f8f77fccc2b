namespace Lorikeet.Tensors;

/// <summary>Makes tensors that outlive scopes: weights, trained parameters, optimizer state, caches.</summary>
/// <param name="Device">Where they live.</param>
/// <param name="Arena">Where their memory comes from.</param>
public sealed record Parameters(IDevice Device, Arena Arena)
{
    /// <summary>Element type of what is kept of activations between scopes: the caches of generation.</summary>
    public DType ActivationType { get; init; } = DType.F32;

    /// <summary>A long-lived uninitialised tensor.</summary>
    public Tensor New(Shape shape, DType dtype, MemoryUse use) => Make(shape, dtype, use, parameter: false);

    /// <summary>A trained parameter, f32, uninitialised; its gradient persists across scopes until <see cref="ClearGradient"/>.</summary>
    public Tensor NewTrained(Shape shape) => Make(shape, DType.F32, MemoryUse.Weights, parameter: true);

    /// <summary>A trained parameter with host values.</summary>
    public Tensor NewTrained(Shape shape, ReadOnlySpan<float> values)
    {
        Tensor x = NewTrained(shape);
        x.CopyFrom(values);
        return x;
    }

    /// <summary>A frozen tensor over memory that somebody else keeps alive (a mapped file), copied if the device can't reach it.</summary>
    /// <param name="hostAddress">Address of the first element on the host.</param>
    /// <param name="shape">Dimensions.</param>
    /// <param name="dtype">Element type.</param>
    public Tensor FromMapped(nint hostAddress, Shape shape, DType dtype)
    {
        long bytes = shape.Count * dtype.Size();
        nint mapped = Device.MapHost(hostAddress, bytes);
        if (mapped != 0)
        {
            Arena.Account.Add(MemoryUse.Weights, bytes);
            return new Tensor(new Memory(Device, mapped), shape, dtype);
        }

        Tensor x = New(shape, dtype, MemoryUse.Weights);
        Device.Upload(hostAddress, bytes, x.Address);
        return x;
    }

    /// <summary>Frees a tensor made here.</summary>
    public static void Free(Tensor x)
    {
        ClearGradient(x);
        x.Memory.Release();
    }

    /// <summary>Forgets a parameter's gradient: the next backward pass starts from nothing.</summary>
    public static void ClearGradient(Tensor parameter)
    {
        if (parameter is { IsParameter: true, Grad: { } grad })
        {
            parameter.Grad = null;
            grad.Memory.Release();
        }
    }

    internal Tensor NewGradient(Shape shape) => Make(shape, DType.F32, MemoryUse.Gradients, parameter: false);

    private Tensor Make(Shape shape, DType dtype, MemoryUse use, bool parameter)
    {
        var memory = new Memory(Device, Arena, Arena.Take(shape.Count * dtype.Size(), use));
        memory.Hold();
        return new Tensor(memory, shape, dtype) { IsParameter = parameter, NeedsGrad = parameter };
    }
}
