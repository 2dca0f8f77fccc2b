using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cpu.Tests.Kernels;

public sealed class CopyTests
{
    private static readonly DType[] Types = [DType.F32, DType.BF16, DType.F16];

    /// <summary>Ties, carries, the ends of both 16-bit ranges, subnormals, infinities, NaN.</summary>
    private static readonly float[] Edges =
    [
        0f, -0f, 1f, -1f, 1.00390625f, 1.01171875f, 0.99999994f, 65504f, 65519.996f, 65520f, 65536f, -70000f, 6.1035156e-5f, 6.0975552e-5f, 5.9604645e-8f,
        2.9802322e-8f, 2.98023259e-8f, 8.9406967e-8f, 1e-10f, 1e-40f, 3.3895314e38f, 3.4e38f, float.MaxValue, float.PositiveInfinity, float.NegativeInfinity, float.NaN,
        1.0009765625f, 1.00048828125f, 1.00146484375f,
    ];

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Converting_between_float_types_rounds_like_the_reference(string device)
    {
        foreach (DType from in Types)
        {
            foreach (DType to in Types)
            {
                foreach (int n in KernelTest.Lengths)
                {
                    RequireSame(device, from, to, Values(n));
                }

                RequireSame(device, from, to, Edges);
            }
        }
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Every_half_and_every_bfloat16_widens_exactly(string device)
    {
        using var t = new TestScope(device);
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        foreach (DType type in (DType[])[DType.F16, DType.BF16])
        {
            Tensor x = t.Scope.From<ushort>(all, new Shape(all.Length), type), y = t.Scope.New(x.Shape), back = t.Scope.New(x.Shape, type);
            t.Kernels.Copy(x, y);
            t.Kernels.Copy(y, back);
            float[] wide = y.ToHost<float>();
            ushort[] narrow = back.ToHost<ushort>();
            for (int i = 0; i < all.Length; i++)
            {
                float expected = type == DType.F16 ? (float)BitConverter.UInt16BitsToHalf(all[i]) : BitConverter.Int32BitsToSingle(all[i] << 16);
                Assert.True(expected.Equals(wide[i]), $"{type} {i:X4}: expected {expected}, got {wide[i]}");
                Assert.True(narrow[i] == all[i] || float.IsNaN(expected), $"{type} {i:X4} came back as {narrow[i]:X4}");
            }
        }
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Fill_writes_every_float_type(string device)
    {
        using var t = new TestScope(device);
        foreach (DType type in Types)
        {
            Tensor x = t.Scope.New(new Shape(19), type), y = t.Scope.New(x.Shape);
            t.Kernels.Fill(x, 0.5f);
            t.Kernels.Copy(x, y);
            Assert.All(y.ToHost<float>(), v => Assert.Equal(0.5f, v));
        }
    }

    private static float[] Values(int n)
    {
        float[] values = new float[n];
        Rng.FillNormal(values, 2f, 5);
        return values;
    }

    private static void RequireSame(string device, DType from, DType to, float[] values)
    {
        ushort[][] results = [Run("reference", from, to, values), Run(device, from, to, values)];
        for (int i = 0; i < results[0].Length; i++)
        {
            bool nan = to != DType.F32 && IsNaN(results[0][i], to) && IsNaN(results[1][i], to);
            Assert.True(nan || results[0][i] == results[1][i], $"{from} to {to}, element {i} of {values.Length}: expected {results[0][i]:X4}, got {results[1][i]:X4}");
        }
    }

    private static bool IsNaN(ushort bits, DType type) =>
        type == DType.F16 ? Half.IsNaN(BitConverter.UInt16BitsToHalf(bits)) : float.IsNaN(BitConverter.Int32BitsToSingle(bits << 16));

    private static ushort[] Run(string device, DType from, DType to, float[] values)
    {
        using var t = new TestScope(device);
        Tensor x = t.From(values, new Shape(values.Length), from), y = t.Scope.New(x.Shape, to);
        t.Kernels.Copy(x, y);
        ushort[] bits = new ushort[y.Bytes / 2];
        y.CopyTo<ushort>(bits);
        return bits;
    }
}
