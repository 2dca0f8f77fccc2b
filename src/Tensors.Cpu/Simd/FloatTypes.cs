using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>How sixteen elements of a float type are read and written as f32; one struct per type, so that loops are compiled for each.</summary>
internal unsafe interface IFloatType
{
    static abstract int Size { get; }

    static abstract Vector512<float> Load(byte* p, long index);

    static abstract void Store(byte* p, long index, Vector512<float> x);

    static abstract Vector512<float> LoadPart(byte* p, long index, int count);

    static abstract void StorePart(byte* p, long index, Vector512<float> x, int count);
}

/// <summary>f32.</summary>
internal readonly unsafe struct SingleType : IFloatType
{
    public static int Size => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p, long index) => Vector512.Load((float*)p + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, long index, Vector512<float> x) => x.Store((float*)p + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadPart(byte* p, long index, int count) => Lanes.LoadPart((float*)p + index, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePart(byte* p, long index, Vector512<float> x, int count) => Lanes.StorePart((float*)p + index, x, count);
}

/// <summary>bfloat16.</summary>
internal readonly unsafe struct BFloat16Type : IFloatType
{
    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p, long index) => Lanes.LoadBF16((ushort*)p + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, long index, Vector512<float> x) => Lanes.StoreBF16((ushort*)p + index, x);

    public static Vector512<float> LoadPart(byte* p, long index, int count)
    {
        ushort* buffer = stackalloc ushort[Lanes.Width];
        Unsafe.CopyBlockUnaligned(buffer, p + (2 * index), (uint)count * 2);
        return Lanes.LoadBF16(buffer);
    }

    public static void StorePart(byte* p, long index, Vector512<float> x, int count)
    {
        ushort* buffer = stackalloc ushort[Lanes.Width];
        Lanes.StoreBF16(buffer, x);
        Unsafe.CopyBlockUnaligned(p + (2 * index), buffer, (uint)count * 2);
    }
}

/// <summary>Half precision.</summary>
internal readonly unsafe struct HalfType : IFloatType
{
    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p, long index) => Lanes.LoadF16((ushort*)p + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, long index, Vector512<float> x) => Lanes.StoreF16((ushort*)p + index, x);

    public static Vector512<float> LoadPart(byte* p, long index, int count)
    {
        ushort* buffer = stackalloc ushort[Lanes.Width];
        Unsafe.CopyBlockUnaligned(buffer, p + (2 * index), (uint)count * 2);
        return Lanes.LoadF16(buffer);
    }

    public static void StorePart(byte* p, long index, Vector512<float> x, int count)
    {
        ushort* buffer = stackalloc ushort[Lanes.Width];
        Lanes.StoreF16(buffer, x);
        Unsafe.CopyBlockUnaligned(p + (2 * index), buffer, (uint)count * 2);
    }
}
