using System.Runtime.CompilerServices;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    public void Fill(Tensor x, float value)
    {
        byte* p = Ptr<byte>(x);
        switch (x.DType)
        {
            case DType.F32:
                Elements(x.Count, new FillBody<float>((float*)p, value));
                break;
            case DType.BF16:
                ushort bf16;
                Lanes.StoreBF16One(&bf16, value);
                Elements(x.Count, new FillBody<ushort>((ushort*)p, bf16));
                break;
            case DType.F16:
                Elements(x.Count, new FillBody<Half>((Half*)p, (Half)value));
                break;
            default:
                throw new ArgumentException($"fill: {x} is not of a float type");
        }
    }

    /// <inheritdoc/>
    public void Copy(Tensor x, Tensor y) => Convert(Ptr<byte>(x), x.DType, Ptr<byte>(y), y.DType, x.Count);

    private void Convert(byte* x, DType from, byte* y, DType to, long n)
    {
        if (from == to)
        {
            int size = from.Size();
            Ranges(n * size, Grain * sizeof(float), new CopyBody(x, y));
            return;
        }

        switch (from, to)
        {
            case (DType.F32, DType.BF16):
                Elements(n, new ConvertBody<SingleType, BFloat16Type>(x, y));
                break;
            case (DType.F32, DType.F16):
                Elements(n, new ConvertBody<SingleType, HalfType>(x, y));
                break;
            case (DType.BF16, DType.F32):
                Elements(n, new ConvertBody<BFloat16Type, SingleType>(x, y));
                break;
            case (DType.BF16, DType.F16):
                Elements(n, new ConvertBody<BFloat16Type, HalfType>(x, y));
                break;
            case (DType.F16, DType.F32):
                Elements(n, new ConvertBody<HalfType, SingleType>(x, y));
                break;
            case (DType.F16, DType.BF16):
                Elements(n, new ConvertBody<HalfType, BFloat16Type>(x, y));
                break;
            default:
                throw new ArgumentException($"copy: no conversion from {from} to {to}");
        }
    }

    private readonly struct FillBody<T>(T* x, T value) : IRangeBody
        where T : unmanaged
    {
        private readonly T* _x = x;
        private readonly T _value = value;

        public void Run(long start, long end) => new Span<T>(_x + start, (int)(end - start)).Fill(_value);
    }

    private readonly struct CopyBody(byte* x, byte* y) : IRangeBody
    {
        private readonly byte* _x = x, _y = y;

        public void Run(long start, long end) => Buffer.MemoryCopy(_x + start, _y + start, end - start, end - start);
    }

    private readonly struct ConvertBody<TFrom, TTo>(byte* x, byte* y) : IRangeBody
        where TFrom : struct, IFloatType
        where TTo : struct, IFloatType
    {
        private readonly byte* _x = x, _y = y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            byte* x = _x, y = _y;
            long i = start;
            for (; i <= end - Lanes.Width; i += Lanes.Width)
            {
                TTo.Store(y, i, TFrom.Load(x, i));
            }

            int rest = (int)(end - i);
            if (rest > 0)
            {
                TTo.StorePart(y, i, TFrom.LoadPart(x, i, rest), rest);
            }
        }
    }
}
