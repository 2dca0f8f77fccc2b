using System.Collections;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Testing;

/// <summary>
/// Theory data (<c>[ClassData(typeof(DeviceNames))]</c>): the CPU, the device that faults when host code follows an address, and
/// a GPU, emulated where there is none.
/// </summary>
public sealed class DeviceNames : IEnumerable<object[]>
{
    /// <summary>The names.</summary>
    public static string[] All => ["cpu", "fake", "cuda"];

    /// <inheritdoc/>
    public IEnumerator<object[]> GetEnumerator() => All.Select(name => new object[] { name }).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>Opens the devices that op tests run on.</summary>
public static class TestDevices
{
    /// <summary>Opens a device by name.</summary>
    /// <param name="name"><c>cpu</c>, <c>fake</c>, <c>cuda</c> or <c>reference</c>.</param>
    /// <param name="threads">Threads of its kernels, on the CPU.</param>
    public static IDevice Open(string name, int threads = 2) => name switch
    {
        "cpu" => new CpuDevice(new CpuOptions { Threads = threads }),
        "fake" => new CpuDevice(new CpuOptions { Threads = threads, PoisonHostAccess = true }),
        "cuda" => CudaEmulator.Open(),
        "reference" => new CpuDevice(new CpuOptions { Threads = 1, Reference = true }),
        _ => throw new ArgumentException($"no test device is called '{name}'"),
    };
}

/// <summary>A device with an allocator and one scope, and tensors of repeatable random values.</summary>
public sealed class TestScope : IDisposable
{
    /// <summary>Opens the device of a name.</summary>
    public TestScope(string device, int threads = 2, bool record = false, Compute compute = Compute.F32)
    {
        Device = TestDevices.Open(device, threads);
        Arena = new Arena(Device);
        Scope = new StepScope(Device, Arena, record) { Compute = compute };
    }

    /// <summary>The device.</summary>
    public IDevice Device { get; }

    /// <summary>Its kernels.</summary>
    public IKernels Kernels => Device.Kernels;

    /// <summary>The allocator.</summary>
    public Arena Arena { get; }

    /// <summary>The scope that owns the tensors.</summary>
    public StepScope Scope { get; }

    /// <summary>Normal values, the same for the same key on every device.</summary>
    public Tensor Normal(Shape shape, ulong key, float deviation = 1f, DType dtype = DType.F32)
    {
        float[] values = new float[shape.Count];
        Rng.FillNormal(values, deviation, key);
        return From(values, shape, dtype);
    }

    /// <summary>Uniform values in [low, high).</summary>
    public Tensor Uniform(Shape shape, ulong key, float low, float high)
    {
        float[] values = new float[shape.Count];
        Rng.FillUniform(values, low, high, key);
        return From(values, shape);
    }

    /// <summary>Given values, converted to a float type by the reference's rounding.</summary>
    public Tensor From(ReadOnlySpan<float> values, Shape shape, DType dtype = DType.F32)
    {
        switch (dtype)
        {
            case DType.F16:
                Half[] halves = new Half[values.Length];
                for (int i = 0; i < halves.Length; i++)
                {
                    halves[i] = (Half)values[i];
                }

                return Scope.From<Half>(halves, shape, dtype);
            case DType.BF16:
                ushort[] upper = new ushort[values.Length];
                for (int i = 0; i < upper.Length; i++)
                {
                    upper[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
                }

                return Scope.From<ushort>(upper, shape, dtype);
            default:
                return Scope.From(values, shape);
        }
    }

    /// <summary>Integers in [0, limit).</summary>
    public Tensor Ints(int count, int limit, ulong key)
    {
        int[] values = new int[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = (int)(Rng.Philox(key, (ulong)i, 7).X % (uint)limit);
        }

        return Scope.From(values);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Scope.Dispose();
        Arena.Dispose();
        Device.Dispose();
    }
}
