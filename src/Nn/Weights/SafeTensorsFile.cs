using Lorikeet.Nn.Weights.Interop;

namespace Lorikeet.Nn.Weights;

/// <summary>
/// A safetensors file, opened memory-mapped: nothing but the header is read until a tensor is touched. The header is checked completely
/// on opening; every violation is one <see cref="InvalidDataException"/> that names the file, the tensor, what was expected and found.
/// The file must not shrink while it is open.
/// </summary>
public sealed class SafeTensorsFile : IDisposable
{
    private readonly SafeTensorsHeader _header;
    private readonly MappedFile _map;

    private SafeTensorsFile(string path, SafeTensorsHeader header, MappedFile map)
    {
        Path = path;
        _header = header;
        _map = map;
    }

    /// <summary>The path as given to <see cref="Open"/>.</summary>
    public string Path { get; }

    /// <summary>The tensors by key.</summary>
    public IReadOnlyDictionary<string, TensorInfo> Tensors => _header.Tensors;

    /// <summary>The strings under <c>__metadata__</c>; empty when the file has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens and checks a file.</summary>
    /// <exception cref="InvalidDataException">The file is missing, unreadable, or violates the format.</exception>
    public static SafeTensorsFile Open(string path)
    {
        FileStream stream;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string reason = error is FileNotFoundException or DirectoryNotFoundException ? "the file does not exist" : error.Message;
            throw new InvalidDataException($"{path}: cannot open the safetensors file: {reason}.", error);
        }

        try
        {
            SafeTensorsHeader header = SafeTensorsHeader.Read(stream, path);
            return new SafeTensorsFile(path, header, new MappedFile(stream));
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The tensor's header entry.</summary>
    /// <exception cref="InvalidDataException">The file has no such tensor.</exception>
    public TensorInfo Info(string name) =>
        Tensors.TryGetValue(name, out TensorInfo? info)
            ? info
            : throw new InvalidDataException($"{Path}: tensor '{name}' is missing (the file has {Tensors.Count} tensors).");

    /// <summary>Lets the system take the memory back that a tensor's bytes occupy; what is read again comes from the file again.</summary>
    public void Forget(string name) => _map.Forget(_header.DataStart + Info(name).Begin, Info(name).ByteLength);

    /// <summary>
    /// Address of the tensor's first byte; <see cref="TensorInfo.ByteLength"/> bytes are readable there until <see cref="Dispose"/>.
    /// The format promises no alignment.
    /// </summary>
    public nint Pointer(string name) => _map.Address(_header.DataStart + Info(name).Begin);

    /// <summary>The tensor's raw little-endian bytes, valid until <see cref="Dispose"/>; for tensors below 2 GiB.</summary>
    public ReadOnlySpan<byte> Bytes(string name)
    {
        TensorInfo info = Info(name);
        return info.ByteLength <= int.MaxValue
            ? _map.Span(_header.DataStart + info.Begin, (int)info.ByteLength)
            : throw new InvalidOperationException($"{Path}: tensor '{name}' has {info.ByteLength} bytes, too many for a span; use {nameof(Pointer)}.");
    }

    /// <summary>A part of the tensor's raw bytes, whatever their number.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="offset">First byte, counted from the tensor's beginning.</param>
    /// <param name="length">How many; offset and length stay inside the tensor.</param>
    public ReadOnlySpan<byte> Bytes(string name, long offset, int length)
    {
        TensorInfo info = Info(name);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, info.ByteLength - length);
        return _map.Span(_header.DataStart + info.Begin + offset, length);
    }

    /// <summary>Writes the tensor's raw bytes to a stream, whatever their number.</summary>
    public void CopyTo(string name, Stream target)
    {
        ArgumentNullException.ThrowIfNull(target);
        TensorInfo info = Info(name);
        for (long done = 0; done < info.ByteLength;)
        {
            int n = (int)Math.Min(1 << 22, info.ByteLength - done);
            target.Write(_map.Span(_header.DataStart + info.Begin + done, n));
            done += n;
        }
    }

    /// <summary>A copy of the tensor's raw bytes.</summary>
    public byte[] ReadBytes(string name) => Bytes(name).ToArray();

    /// <summary>The tensor as singles, whatever real or integer type it is stored in.</summary>
    public float[] ReadF32(string name)
    {
        TensorInfo info = Info(name);
        float[] values = new float[Length(info)];
        for (int done = 0; done < values.Length;)
        {
            int n = Math.Min(1 << 20, values.Length - done);
            ScalarConversion.ToSingle(info, Chunk(info, done, n), values.AsSpan(done, n), Path);
            done += n;
        }

        return values;
    }

    /// <summary>An integer or boolean tensor as 64-bit integers; float types are refused.</summary>
    public long[] ReadI64(string name)
    {
        TensorInfo info = Info(name);
        long[] values = new long[Length(info)];
        for (int done = 0; done < values.Length;)
        {
            int n = Math.Min(1 << 20, values.Length - done);
            ScalarConversion.ToInt64(info, Chunk(info, done, n), values.AsSpan(done, n), Path);
            done += n;
        }

        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => _map.Dispose();

    private int Length(TensorInfo info) => info.Count <= Array.MaxLength
        ? (int)info.Count
        : throw new InvalidOperationException($"{Path}: tensor '{info.Name}' has {info.Count} elements, too many for an array; use {nameof(Pointer)}.");

    private ReadOnlySpan<byte> Chunk(TensorInfo info, long firstElement, int count)
    {
        int bits = info.DType.Bits();
        if (bits % 8 != 0)
        {
            throw new InvalidDataException($"{Path}: tensor '{info.Name}' is {info.DType.Name()}, which cannot be converted here.");
        }

        return _map.Span(_header.DataStart + info.Begin + (firstElement * bits / 8), count * bits / 8);
    }
}
