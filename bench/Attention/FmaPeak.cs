using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Bench.Attention;

/// <summary>The f32 rate of all threads on a tile product whose operands stay in the L1 cache.</summary>
internal sealed unsafe class FmaPeak(WorkPool pool, Clock clock)
{
    private const int Depth = 256, Times = 200;
    private readonly KernelSet _kernels = KernelSet.Create(KernelSet.Best(), bf16: false);
    private readonly nint _memory = (nint)NativeMemory.AlignedAlloc(1 << 22, 64);

    /// <summary>The last rate measured.</summary>
    public double Last { get; private set; }

    public double Measure()
    {
        int items = pool.Threads * 8;
        new Span<float>((void*)_memory, 1 << 20).Clear();
        double start = clock.Now();
        pool.For(items, Item);
        double work = 2.0 * _kernels.Rows * _kernels.Columns * Depth * Times * items;
        return Last = work / (clock.Now() - start);
    }

    private void Item(int index)
    {
        float* a = (float*)_memory, b = a + (_kernels.Rows * Depth), c = b + (_kernels.Columns * Depth) + (index * 1024);
        for (int i = 0; i < Times; i++)
        {
            _kernels.Tile(Depth, a, b, c, _kernels.Columns, 1, false);
        }
    }
}
