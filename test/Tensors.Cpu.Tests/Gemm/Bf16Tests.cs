using System.Runtime.Intrinsics;

namespace Lorikeet.Tensors.Cpu.Tests;

public unsafe class Bf16Tests
{
    [Theory]
    [InlineData(0x3f800000u, 0x3f80)] // 1
    [InlineData(0x3f808000u, 0x3f80)] // tie, even below
    [InlineData(0x3f818000u, 0x3f82)] // tie, even above
    [InlineData(0x3f808001u, 0x3f81)] // just over a tie
    [InlineData(0x3f807fffu, 0x3f80)] // just under a tie
    [InlineData(0xbf808001u, 0xbf81)] // sign
    [InlineData(0x00000000u, 0x0000)]
    [InlineData(0x80000000u, 0x8000)] // -0
    [InlineData(0x7f800000u, 0x7f80)] // infinity
    [InlineData(0xff800000u, 0xff80)]
    [InlineData(0x7f7fffffu, 0x7f80)] // largest f32 overflows
    [InlineData(0x7f800001u, 0x7fc0)] // NaN whose payload would be lost: quiet, not infinity
    [InlineData(0x7fffffffu, 0x7fff)] // NaN that an addition would carry into the sign
    [InlineData(0xffffffffu, 0xffff)]
    [InlineData(0x00018000u, 0x0002)] // subnormal tie
    public void RoundsToNearestEven(uint bits, int expected)
    {
        float x = BitConverter.UInt32BitsToSingle(bits);
        uint rounded = (uint)expected << 16;
        Assert.Equal(rounded, BitConverter.SingleToUInt32Bits(Bf16.Round(x)));
        Assert.Equal(Vector128.Create(rounded), Bf16.Round(Vector128.Create(x)).AsUInt32());
        Assert.Equal(Vector256.Create(rounded), Bf16.Round(Vector256.Create(x)).AsUInt32());
        Assert.Equal(Vector512.Create(rounded), Bf16.Round(Vector512.Create(x)).AsUInt32());
    }

    [Fact]
    public void EveryHalfConvertsExactlyInEveryWidth()
    {
        Assert.SkipUnless(KernelSet.IsSupported(GemmPath.Avx512), "needs AVX-512");
        ushort* halves = stackalloc ushort[16];
        var view = new MatrixView(halves, 16);
        for (int start = 0; start < 65536; start += 16)
        {
            for (int i = 0; i < 16; i++)
            {
                halves[i] = (ushort)(start + i);
            }

            Vector512<float> wide = F16Loader.Load16(view, 0, 0);
            Vector256<float> low = F16Loader.Load8(view, 0, 0), high = F16Loader.Load8(view, 0, 8);
            for (int i = 0; i < 16; i++)
            {
                float expected = (float)BitConverter.UInt16BitsToHalf((ushort)(start + i));
                foreach (float actual in new[] { wide[i], i < 8 ? low[i] : high[i - 8], F16Loader.Load1(view, 0, i) })
                {
                    // NaNs: any NaN will do.
                    Assert.True(float.IsNaN(expected) ? float.IsNaN(actual) : BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(actual), $"half {start + i:x4}: {actual}, expected {expected}");
                }
            }
        }
    }
}
