using System.Runtime.InteropServices;

namespace Lorikeet.Tensors;

/// <summary>A dense row-major array on a device. Reading or writing values from the host is an explicit, synchronising call.</summary>
/// <remarks>Never disposed by users: a <see cref="StepScope"/> owns activations, a module owns its parameters.</remarks>
public sealed class Tensor
{
    internal Tensor(Memory memory, Shape shape, DType dtype, long byteOffset = 0)
    {
        Memory = memory;
        Shape = shape;
        DType = dtype;
        ByteOffset = byteOffset;
    }

    /// <summary>Dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>Element type.</summary>
    public DType DType { get; }

    /// <summary>Number of elements.</summary>
    public long Count => Shape.Count;

    /// <summary>Bytes of all elements.</summary>
    public long Bytes => Shape.Count * DType.Size();

    /// <summary>Device address of the first element; opaque outside the device's kernels.</summary>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(Memory.IsReleased, this);
            return Memory.Address + (nint)ByteOffset;
        }
    }

    /// <summary>The device that holds the elements.</summary>
    public IDevice Device => Memory.Device;

    /// <summary>Whether a gradient is wanted for this tensor: it is a trained parameter or depends on one.</summary>
    public bool NeedsGrad { get; internal set; }

    /// <summary>The gradient, same shape; f32 for a parameter, else of the tensor's own type; null until a backward pass has written it.</summary>
    public Tensor? Grad { get; internal set; }

    /// <summary>Whether this tensor is a parameter: it lives as long as its module and keeps its gradient across scopes.</summary>
    public bool IsParameter { get; internal init; }

    internal Memory Memory { get; }

    internal long ByteOffset { get; }

    /// <summary>The same elements under another shape of equal count. For tensors without gradient; ops use <c>Reshape</c>.</summary>
    public Tensor View(Shape shape)
    {
        if (shape.Count != Count)
        {
            throw new ArgumentException($"view: {Shape} and {shape} differ in their number of elements");
        }

        return new Tensor(Memory, shape, DType, ByteOffset);
    }

    /// <summary>Rows [start, start + count) of the first dimension as a tensor over the same memory.</summary>
    public Tensor Slice(int start, int count)
    {
        if (start < 0 || count < 0 || start + count > Shape[0])
        {
            throw new ArgumentOutOfRangeException(nameof(start), $"slice {start}..{start + count} of a tensor with {Shape[0]} rows");
        }

        long rowBytes = Shape[0] == 0 ? 0 : Bytes / Shape[0];
        Shape shape = Shape.Rank switch
        {
            1 => new Shape(count),
            2 => new Shape(count, Shape[1]),
            3 => new Shape(count, Shape[1], Shape[2]),
            _ => new Shape(count, Shape[1], Shape[2], Shape[3]),
        };
        return new Tensor(Memory, shape, DType, ByteOffset + (start * rowBytes));
    }

    /// <summary>
    /// Copies the elements to the host; waits for all earlier work on the device. Elements of 16-bit float types are widened
    /// where <typeparamref name="T"/> is <see cref="float"/>.
    /// </summary>
    public T[] ToHost<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float) && DType is DType.BF16 or DType.F16)
        {
            ushort[] bits = new ushort[Count];
            CopyTo<ushort>(bits);
            return (T[])(object)Array.ConvertAll<ushort, float>(bits, DType == DType.BF16 ? Widened : x => (float)BitConverter.UInt16BitsToHalf(x));
        }

        T[] values = new T[Count];
        CopyTo<T>(values);
        return values;
    }

    /// <summary>Copies the elements to a host span of equal size in bytes; waits for all earlier work on the device.</summary>
    public void CopyTo<T>(Span<T> destination)
        where T : unmanaged
    {
        Span<byte> bytes = MemoryMarshal.AsBytes(destination);
        RequireBytes(bytes.Length);
        Device.Download(Address, bytes);
    }

    /// <summary>Copies host elements of equal size in bytes into the tensor.</summary>
    public void CopyFrom<T>(ReadOnlySpan<T> source)
        where T : unmanaged
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(source);
        RequireBytes(bytes.Length);
        Device.Upload(bytes, Address);
    }

    /// <inheritdoc/>
    public override string ToString() => $"{DType} {Shape} on {Device.Name}";

    private static float Widened(ushort bf16) => BitConverter.UInt32BitsToSingle((uint)bf16 << 16);

    private void RequireBytes(long bytes)
    {
        if (bytes != Bytes)
        {
            throw new ArgumentException($"host copy: {this} has {Bytes} bytes, the span {bytes}");
        }
    }
}

/// <summary>Counted ownership of a block of device memory; tensors and their views share it.</summary>
internal sealed class Memory
{
    private readonly Arena? _arena;
    private readonly Arena.Block? _block;
    private readonly nint _address;
    private int _holds;

    public Memory(IDevice device, Arena arena, Arena.Block block)
    {
        Device = device;
        _arena = arena;
        _block = block;
    }

    /// <summary>Memory that somebody else owns (a mapped file): never given back here.</summary>
    public Memory(IDevice device, nint address)
    {
        Device = device;
        _address = address;
        _holds = 1;
    }

    public IDevice Device { get; }

    public nint Address => _block?.Address ?? _address;

    public bool IsReleased { get; private set; }

    /// <summary>Whether exactly one holder is left, which may therefore overwrite the contents.</summary>
    public bool IsExclusive => _holds == 1;

    public void Hold() => _holds++;

    public void Release()
    {
        if (--_holds == 0 && _arena is not null)
        {
            IsReleased = true;
            _arena.Give(_block!);
        }
    }
}
