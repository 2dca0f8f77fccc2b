using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu;

/// <summary>y = f(a), sixteen lanes at a time.</summary>
internal interface IMap1
{
    Vector512<float> Apply(Vector512<float> a);
}

/// <summary>y = f(a, b).</summary>
internal interface IMap2
{
    Vector512<float> Apply(Vector512<float> a, Vector512<float> b);
}

/// <summary>y = f(a, b, c).</summary>
internal interface IMap3
{
    Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> c);
}

/// <summary>Element-wise loops; the last, incomplete vector takes the same path, so a value never depends on its place.</summary>
internal readonly unsafe struct Map1Body<TMap>(float* a, float* y, TMap map) : IRangeBody
    where TMap : struct, IMap1
{
    private readonly float* _a = a, _y = y;
    private readonly TMap _map = map;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(long start, long end)
    {
        float* a = _a, y = _y;
        TMap map = _map;
        long i = start;
        for (; i <= end - Lanes.Width; i += Lanes.Width)
        {
            map.Apply(Vector512.Load(a + i)).Store(y + i);
        }

        int rest = (int)(end - i);
        if (rest > 0)
        {
            Lanes.StorePart(y + i, map.Apply(Lanes.LoadPart(a + i, rest)), rest);
        }
    }
}

/// <inheritdoc cref="Map1Body{TMap}"/>
internal readonly unsafe struct Map2Body<TMap>(float* a, float* b, float* y, TMap map) : IRangeBody
    where TMap : struct, IMap2
{
    private readonly float* _a = a, _b = b, _y = y;
    private readonly TMap _map = map;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(long start, long end)
    {
        float* a = _a, b = _b, y = _y;
        TMap map = _map;
        long i = start;
        for (; i <= end - Lanes.Width; i += Lanes.Width)
        {
            map.Apply(Vector512.Load(a + i), Vector512.Load(b + i)).Store(y + i);
        }

        int rest = (int)(end - i);
        if (rest > 0)
        {
            Lanes.StorePart(y + i, map.Apply(Lanes.LoadPart(a + i, rest), Lanes.LoadPart(b + i, rest)), rest);
        }
    }
}

/// <inheritdoc cref="Map1Body{TMap}"/>
internal readonly unsafe struct Map3Body<TMap>(float* a, float* b, float* c, float* y, TMap map) : IRangeBody
    where TMap : struct, IMap3
{
    private readonly float* _a = a, _b = b, _c = c, _y = y;
    private readonly TMap _map = map;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(long start, long end)
    {
        float* a = _a, b = _b, c = _c, y = _y;
        TMap map = _map;
        long i = start;
        for (; i <= end - Lanes.Width; i += Lanes.Width)
        {
            map.Apply(Vector512.Load(a + i), Vector512.Load(b + i), Vector512.Load(c + i)).Store(y + i);
        }

        int rest = (int)(end - i);
        if (rest > 0)
        {
            Vector512<float> last = map.Apply(Lanes.LoadPart(a + i, rest), Lanes.LoadPart(b + i, rest), Lanes.LoadPart(c + i, rest));
            Lanes.StorePart(y + i, last, rest);
        }
    }
}
