namespace Lorikeet.Tensors.Cpu.Reference;

/// <summary>
/// The naive twin of every kernel: one element at a time in double precision, rounded once when stored. Slow; what the fast
/// kernels are compared with, and the plainest statement of what each op computes.
/// </summary>
public sealed unsafe partial class ReferenceKernels : IKernels
{
    private readonly CpuDevice _device;

    internal ReferenceKernels(CpuDevice device)
    {
        _device = device;
    }

    /// <summary>All elements of a tensor of a float type.</summary>
    private double[] Read(Tensor x)
    {
        double[] values = new double[x.Count];
        byte* p = _device.Pointer<byte>(x);
        for (long i = 0; i < values.LongLength; i++)
        {
            values[i] = x.DType switch
            {
                DType.F32 => ((float*)p)[i],
                DType.BF16 => BitConverter.Int32BitsToSingle(((ushort*)p)[i] << 16),
                DType.F16 => (double)((Half*)p)[i],
                _ => throw new ArgumentException($"{x} is not of a float type"),
            };
        }

        return values;
    }

    /// <summary>Writes all elements, rounded to the tensor's type; adds to what is there with <paramref name="accumulate"/>.</summary>
    private void Write(Tensor y, double[] values, bool accumulate = false)
    {
        byte* p = _device.Pointer<byte>(y);
        double[]? before = accumulate ? Read(y) : null;
        for (long i = 0; i < values.LongLength; i++)
        {
            double value = before is null ? values[i] : before[i] + values[i];
            switch (y.DType)
            {
                case DType.F32:
                    ((float*)p)[i] = (float)value;
                    break;
                case DType.BF16:
                    ((ushort*)p)[i] = (ushort)(BitConverter.SingleToInt32Bits(Bf16.Round((float)value)) >>> 16);
                    break;
                case DType.F16:
                    ((Half*)p)[i] = (Half)(float)value;
                    break;
                default:
                    throw new ArgumentException($"{y} is not of a float type");
            }
        }
    }

    private ReadOnlySpan<int> Ints(Tensor x) => new(_device.Pointer<int>(x), checked((int)x.Count));
}
