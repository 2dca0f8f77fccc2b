using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The bf16 micro-kernel on VDPBF16PS, which .NET has no intrinsic for: about 1 KB of machine code that is emitted once
/// per process (System V calling convention, so Linux only) and called once per tile and K block, for some microseconds
/// at most, so that it never holds up a garbage collection for long (the call makes no GC transition).
/// <para>
/// The instruction treats subnormal inputs as zero, flushes subnormal results and rounds each pair's products and sum in
/// its own way: results agree with the managed kernel within the tolerance of f32 accumulation, not bit for bit.
/// </para>
/// </summary>
internal static unsafe class Bf16DotKernel
{
    /// <summary>Rows of a tile.</summary>
    public const int Rows = 12;

    /// <summary>Columns of a tile.</summary>
    public const int Columns = 32;

    /// <summary>Rows of a row group: partial tiles have kernels for one, two or three groups.</summary>
    public const int RowGroup = 4;

    private const int Rcx = 1, Rdx = 2, Rsi = 6, Rdi = 7, R8 = 8, R9 = 9, R10 = 10;

    // Row groups 1 to 3, each with one and two vectors of columns.
    private static readonly delegate* unmanaged[SuppressGCTransition]<float*, float*, float*, nint, nint, int, float, void>[] Code = MapAll();

    private static readonly delegate* unmanaged[SuppressGCTransition]<nint, void*, void> ProbeCode = (delegate* unmanaged[SuppressGCTransition]<nint, void*, void>)Map(EmitProbe());

    /// <summary>Why the kernel can't be used here, or null if it can.</summary>
    public static string? Unavailable { get; } = Explain();

    /// <summary>The kernel, with the arguments of <see cref="MicroKernels"/>; an element of a and b is a pair of bf16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Tile<TGroups, TVectors>(nint kc, float* a, float* b, float* c, nint ldc, float alpha, bool accumulate)
        where TGroups : ICount
        where TVectors : ICount =>
        Code[2 * TGroups.Value + TVectors.Value - 3](a, b, c, ldc * sizeof(float), kc, accumulate ? 1 : 0, alpha);

    /// <summary>FLOPs of one step of <see cref="Probe"/>: 2 per multiply-add, 32 multiply-adds per register.</summary>
    public const int ProbeFlopsPerStep = 2 * Rows * 32 * 2;

    /// <summary>Runs steps of the dot product on registers only.</summary>
    public static void Probe(nint steps)
    {
        // Ordinary values: zeros would draw less power and so flatter the clock.
        Vector512<ushort> inputs = Vector512.Create((ushort)0x3c5b);
        // In slices: a call that makes no GC transition must be short.
        for (; steps > 0; steps -= 10_000)
        {
            ProbeCode(Math.Min(steps, 10_000), &inputs);
        }
    }

    /// <summary>
    /// The kernel's code: <c>f(rdi = a, rsi = b, rdx = c, rcx = bytes per row of c, r8 = k, r9 = accumulate, xmm0 = alpha)</c>;
    /// zmm0-23 accumulate, 24-25 hold b, 26-30 take turns for the broadcast values of a, 31 is alpha.
    /// </summary>
    /// <param name="rows">Rows to compute, at most <see cref="Rows"/>; the panel's width stays.</param>
    /// <param name="vectors">Vectors of 16 columns to compute, 1 or 2; the panel's width stays.</param>
    internal static byte[] Emit(int rows, int vectors)
    {
        var e = new EvexEmitter();
        e.BroadcastRegister(31, 0);
        for (int zmm = 0; zmm < rows * vectors; zmm++)
        {
            e.Zero(zmm);
        }

        // C is wanted at the end; its rows are far apart, so it would be waited for.
        e.Move(R10, Rdx);
        for (int row = 0; row < rows; row++)
        {
            for (int v = 0; v < vectors; v++)
            {
                e.Prefetch(R10, (sbyte)(64 * v));
            }

            e.AddRegister(R10, Rcx);
        }

        int loop = e.Position;
        for (int v = 0; v < vectors; v++)
        {
            e.Load(24 + v, Rsi, 64 * v);
        }

        for (int row = 0; row < rows; row++)
        {
            int x = 26 + row % 5;
            e.Broadcast(x, Rdi, 4 * row);
            for (int v = 0; v < vectors; v++)
            {
                e.DotBf16(row * vectors + v, x, 24 + v);
            }
        }

        e.Add(Rdi, 4 * Rows);
        e.Add(Rsi, 4 * Columns);
        e.DecrementAndJumpIfNotZero(R8, loop);
        int overwrite = e.TestAndJumpIfZero(R9);
        EmitStores(e, rows, vectors, accumulate: true);
        e.SetJumpTarget(overwrite);
        EmitStores(e, rows, vectors, accumulate: false);
        return e.ToArray();
    }

    /// <summary>The probe's code: <c>f(rdi = steps, rsi = 64 bytes of inputs)</c>.</summary>
    private static byte[] EmitProbe()
    {
        var e = new EvexEmitter();
        for (int zmm = 0; zmm < 2 * Rows; zmm++)
        {
            e.Zero(zmm);
        }

        e.Load(2 * Rows, Rsi, 0);
        int loop = e.Position;
        for (int zmm = 0; zmm < 2 * Rows; zmm++)
        {
            e.DotBf16(zmm, 2 * Rows, 2 * Rows);
        }

        e.DecrementAndJumpIfNotZero(Rdi, loop);
        e.Return();
        return e.ToArray();
    }

    private static void EmitStores(EvexEmitter e, int rows, int vectors, bool accumulate)
    {
        for (int row = 0; row < rows; row++)
        {
            for (int v = 0; v < vectors; v++)
            {
                int zmm = row * vectors + v;
                if (accumulate)
                {
                    e.MultiplyAddMemory(zmm, 31, Rdx, 64 * v);
                }
                else
                {
                    e.Multiply(zmm, zmm, 31);
                }

                e.Store(zmm, Rdx, 64 * v);
            }

            e.AddRegister(Rdx, Rcx);
        }

        e.Return();
    }

    private static delegate* unmanaged[SuppressGCTransition]<float*, float*, float*, nint, nint, int, float, void>[] MapAll()
    {
        var code = new delegate* unmanaged[SuppressGCTransition]<float*, float*, float*, nint, nint, int, float, void>[6];
        for (int i = 0; i < code.Length; i++)
        {
            byte[] bytes = Emit(RowGroup * (i / 2 + 1), i % 2 + 1);
            code[i] = (delegate* unmanaged[SuppressGCTransition]<float*, float*, float*, nint, nint, int, float, void>)Map(bytes);
        }

        return code;
    }

    private static void* Map(byte[] code) => HasInstruction() ? ExecutableMemory.TryMap(code) : null;

    /// <summary>CPUID leaf 7.1, EAX bit 5. That the system saves the 512-bit registers (XCR0) is part of Avx512F.IsSupported.</summary>
    private static bool HasInstruction()
    {
        if (!Avx512BW.IsSupported || X86Base.CpuId(0, 0).Eax < 7 || X86Base.CpuId(7, 0).Eax < 1)
        {
            return false;
        }

        return (X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0;
    }

    private static string? Explain()
    {
        if (!HasInstruction())
        {
            return "the CPU has no avx512_bf16";
        }

        if (RuntimeInformation.ProcessArchitecture != Architecture.X64 || !OperatingSystem.IsLinux())
        {
            return "the emitted kernel follows the calling convention of x64 Linux";
        }

        return Code[^1] == null || ProbeCode == null ? "the system forbids executable pages" : null;
    }
}
