using System.Buffers.Binary;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// Encodes the few x86-64 instructions that the bf16 micro-kernel needs, all vectors being 512 bits wide.
/// Source: Intel SDM vol. 2, section 2.7 (EVEX encoding); general registers have their hardware numbers (rdi = 7, ...).
/// </summary>
internal sealed class EvexEmitter
{
    private readonly List<byte> _code = [];

    /// <summary>Opcode maps (EVEX mmm).</summary>
    private enum Map
    {
        M0F = 1,
        M0F38 = 2,
    }

    /// <summary>Mandatory prefixes (EVEX pp).</summary>
    private enum Prefix
    {
        None = 0,
        P66 = 1,
        PF3 = 2,
    }

    /// <summary>Position of the next instruction, for backward jumps.</summary>
    public int Position => _code.Count;

    /// <summary>The code so far.</summary>
    public byte[] ToArray() => [.. _code];

    /// <summary>vpxord zmm, zmm, zmm: sets a register to zero.</summary>
    public void Zero(int zmm) => Registers(Map.M0F, Prefix.P66, 0xEF, zmm, zmm, zmm);

    /// <summary>vmovups zmm, [base + disp].</summary>
    public void Load(int zmm, int baseRegister, int disp) => Memory(Map.M0F, Prefix.None, 0x10, zmm, 0, baseRegister, disp, 64);

    /// <summary>vmovups [base + disp], zmm.</summary>
    public void Store(int zmm, int baseRegister, int disp) => Memory(Map.M0F, Prefix.None, 0x11, zmm, 0, baseRegister, disp, 64);

    /// <summary>vbroadcastss zmm, dword [base + disp].</summary>
    public void Broadcast(int zmm, int baseRegister, int disp) => Memory(Map.M0F38, Prefix.P66, 0x18, zmm, 0, baseRegister, disp, 4);

    /// <summary>vbroadcastss zmm, xmm.</summary>
    public void BroadcastRegister(int zmm, int xmm) => Registers(Map.M0F38, Prefix.P66, 0x18, zmm, 0, xmm);

    /// <summary>vdpbf16ps acc, x, y: acc += x.even * y.even + x.odd * y.odd per 32-bit lane.</summary>
    public void DotBf16(int acc, int x, int y) => Registers(Map.M0F38, Prefix.PF3, 0x52, acc, x, y);

    /// <summary>vmulps dst, x, y.</summary>
    public void Multiply(int dst, int x, int y) => Registers(Map.M0F, Prefix.None, 0x59, dst, x, y);

    /// <summary>vfmadd213ps dst, x, [base + disp]: dst = x * dst + memory.</summary>
    public void MultiplyAddMemory(int dst, int x, int baseRegister, int disp) =>
        Memory(Map.M0F38, Prefix.P66, 0xA8, dst, x, baseRegister, disp, 64);

    /// <summary>add r64, imm32.</summary>
    public void Add(int register, int value)
    {
        Bytes(register < 8 ? 0x48 : 0x49, 0x81, 0xC0 | (register & 7));
        Int32(value);
    }

    /// <summary>add r64, r64.</summary>
    public void AddRegister(int register, int other) =>
        Bytes(0x48 | (other >> 3 << 2) | (register >> 3), 0x01, 0xC0 | ((other & 7) << 3) | (register & 7));

    /// <summary>mov r64, r64.</summary>
    public void Move(int register, int other) =>
        Bytes(0x48 | (other >> 3 << 2) | (register >> 3), 0x89, 0xC0 | ((other & 7) << 3) | (register & 7));

    /// <summary>prefetcht0 [base + disp], disp from -128 to 127.</summary>
    public void Prefetch(int baseRegister, sbyte disp)
    {
        if (baseRegister >= 8)
        {
            Bytes(0x41);
        }

        Bytes(0x0F, 0x18, 0x48 | (baseRegister & 7), (byte)disp);
    }

    /// <summary>dec r64; jnz target.</summary>
    public void DecrementAndJumpIfNotZero(int register, int target)
    {
        Bytes(register < 8 ? 0x48 : 0x49, 0xFF, 0xC8 | (register & 7), 0x0F, 0x85);
        Int32(target - (Position + 4));
    }

    /// <summary>test r32, r32; jz to a place set later by <see cref="SetJumpTarget"/>; returns the jump's handle.</summary>
    public int TestAndJumpIfZero(int register)
    {
        if (register >= 8)
        {
            Bytes(0x45);
        }

        Bytes(0x85, 0xC0 | ((register & 7) << 3) | (register & 7), 0x0F, 0x84);
        Int32(0);
        return Position;
    }

    /// <summary>Makes the jump <paramref name="handle"/> go to the current position.</summary>
    public void SetJumpTarget(int handle)
    {
        Span<byte> distance = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(distance, Position - handle);
        for (int i = 0; i < 4; i++)
        {
            _code[handle - 4 + i] = distance[i];
        }
    }

    /// <summary>vzeroupper; ret.</summary>
    public void Return() => Bytes(0xC5, 0xF8, 0x77, 0xC3);

    private void Registers(Map map, Prefix prefix, int opcode, int reg, int vvvv, int rm)
    {
        Evex(map, prefix, reg, vvvv, (rm >> 3) & 1, (rm >> 4) & 1);
        Bytes(opcode, 0xC0 | ((reg & 7) << 3) | (rm & 7));
    }

    private void Memory(Map map, Prefix prefix, int opcode, int reg, int vvvv, int baseRegister, int disp, int operandBytes)
    {
        if ((baseRegister & 7) == 4)
        {
            throw new ArgumentException("rsp and r12 as base need a SIB byte, which this emitter doesn't write.", nameof(baseRegister));
        }

        Evex(map, prefix, reg, vvvv, baseRegister >> 3, 0);
        // The 8-bit displacement counts operands, not bytes (disp8*N).
        bool shortForm = disp % operandBytes == 0 && disp / operandBytes is >= -128 and <= 127;
        Bytes(opcode, (shortForm ? 0x40 : 0x80) | ((reg & 7) << 3) | (baseRegister & 7));
        if (shortForm)
        {
            Bytes(disp / operandBytes & 0xFF);
        }
        else
        {
            Int32(disp);
        }
    }

    /// <summary>The four prefix bytes; register extension bits are stored inverted.</summary>
    private void Evex(Map map, Prefix prefix, int reg, int vvvv, int rmBit3, int rmBit4)
    {
        int p0 = (~reg >> 3 & 1) << 7 | (rmBit4 ^ 1) << 6 | (rmBit3 ^ 1) << 5 | (~reg >> 4 & 1) << 4 | (int)map;
        int p1 = (~vvvv & 15) << 3 | 4 | (int)prefix;
        int p2 = 2 << 5 | (~vvvv >> 4 & 1) << 3;
        Bytes(0x62, p0, p1, p2);
    }

    private void Bytes(params ReadOnlySpan<int> values)
    {
        foreach (int value in values)
        {
            _code.Add((byte)value);
        }
    }

    private void Int32(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        _code.AddRange(bytes);
    }
}
