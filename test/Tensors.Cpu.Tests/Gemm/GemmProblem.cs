using System.Globalization;
using System.Numerics.Tensors;

namespace Lorikeet.Tensors.Cpu.Tests;

/// <summary>What one product looks like.</summary>
internal sealed record GemmShape(int M, int N, int K)
{
    public DType AType { get; init; }
    public DType BType { get; init; }
    public bool TransA { get; init; }
    public bool TransB { get; init; }
    public bool Bf16 { get; init; }
    public bool Accumulate { get; init; }
    public bool Bias { get; init; }
    public DType BiasType { get; init; }
    public float Alpha { get; init; } = 1;
    public int ExtraStride { get; init; }
}

/// <summary>Random operands between guard pages, and the product in double precision to compare with.</summary>
internal sealed unsafe class GemmProblem : IDisposable
{
    private readonly GuardedBuffer _a, _b, _c, _bias;
    private readonly double[] _valuesA, _valuesB, _valuesBias;
    private readonly float[] _initialC;

    public GemmProblem(GemmShape shape, int seed, bool atEnd)
    {
        Shape = shape;
        var random = new Random(seed);
        (int rowsA, int colsA) = shape.TransA ? (shape.K, shape.M) : (shape.M, shape.K);
        (int rowsB, int colsB) = shape.TransB ? (shape.N, shape.K) : (shape.K, shape.N);
        Lda = colsA + shape.ExtraStride;
        Ldb = colsB + shape.ExtraStride;
        Ldc = shape.N + shape.ExtraStride;
        // Only up to the last element: the padding of the last row is outside.
        long sizeA = Extent(rowsA, colsA, Lda), sizeB = Extent(rowsB, colsB, Ldb), sizeC = Extent(shape.M, shape.N, Ldc);
        _a = new GuardedBuffer(sizeA * Size(shape.AType), atEnd);
        _b = new GuardedBuffer(sizeB * Size(shape.BType), atEnd);
        _c = new GuardedBuffer(sizeC * 4, atEnd);
        _bias = new GuardedBuffer((long)shape.N * Size(shape.BiasType), atEnd);
        _valuesA = Fill(_a.Address, shape.AType, sizeA, random, shape.Bf16);
        _valuesB = Fill(_b.Address, shape.BType, sizeB, random, shape.Bf16);
        _initialC = new float[sizeC];
        for (int i = 0; i < sizeC; i++)
        {
            _c.Floats[i] = _initialC[i] = (float)(random.NextDouble() * 2 - 1);
        }

        _valuesBias = Fill(_bias.Address, shape.BiasType, shape.N, random, bf16: false);
    }

    public GemmShape Shape { get; }

    public nint Lda { get; }

    public nint Ldb { get; }

    public nint Ldc { get; }

    public GemmArgs Args => new()
    {
        A = _a.Address,
        AType = Shape.AType,
        Lda = Lda,
        TransA = Shape.TransA,
        B = _b.Address,
        BType = Shape.BType,
        Ldb = Ldb,
        TransB = Shape.TransB,
        C = _c.Floats,
        Ldc = Ldc,
        M = Shape.M,
        N = Shape.N,
        K = Shape.K,
        Alpha = Shape.Alpha,
        Accumulate = Shape.Accumulate,
        Bias = Shape.Bias ? _bias.Address : null,
        BiasType = Shape.BiasType,
        Bf16Compute = Shape.Bf16,
    };

    public float[] C => new Span<float>(_c.Floats, _initialC.Length).ToArray();

    public void ResetC() => _initialC.CopyTo(new Span<float>(_c.Floats, _initialC.Length));

    /// <summary>
    /// Compares C with the product in double precision of the (rounded) inputs. The bound is that of any order of f32
    /// summation: each of the K products and sums, the scaling, bias and old C adds at most one relative rounding of
    /// 2^-24 (2^-23 for the dot product of bf16 pairs, which may truncate) to the sum of magnitudes.
    /// </summary>
    public void AssertC(string what)
    {
        double unit = Shape.Bf16 ? 1.0 / (1 << 23) : 1.0 / (1 << 24);
        double[][] a = Rows(_valuesA, Shape.M, Lda, Shape.TransA), b = Rows(_valuesB, Shape.N, Ldb, !Shape.TransB);
        double[][] sizesA = [.. a.Select(r => r.Select(Math.Abs).ToArray())], sizesB = [.. b.Select(r => r.Select(Math.Abs).ToArray())];
        for (int i = 0; i < Shape.M; i++)
        {
            for (int j = 0; j < Shape.N; j++)
            {
                double sum = TensorPrimitives.Dot<double>(a[i], b[j]), magnitude = TensorPrimitives.Dot<double>(sizesA[i], sizesB[j]);
                double old = Shape.Accumulate ? _initialC[i * Ldc + j] : 0;
                double bias = Shape.Bias ? _valuesBias[j] : 0;
                double expected = Shape.Alpha * sum + old + bias;
                magnitude = Math.Abs(Shape.Alpha) * magnitude + Math.Abs(old) + Math.Abs(bias);
                double actual = _c.Floats[i * Ldc + j];
                if (!(Math.Abs(actual - expected) <= (Shape.K + 8) * unit * magnitude + 1e-37))
                {
                    Assert.Fail(string.Create(CultureInfo.InvariantCulture, $"{what} {Shape}: C[{i},{j}] is {actual}, expected {expected}"));
                }
            }
        }

        AssertPaddingUntouched(what);
    }

    public void Dispose()
    {
        _a.Dispose();
        _b.Dispose();
        _c.Dispose();
        _bias.Dispose();
    }

    /// <summary>The matrix as rows along k.</summary>
    private double[][] Rows(double[] values, int count, nint stride, bool transposed) =>
        [.. Enumerable.Range(0, count).Select(i => Enumerable.Range(0, Shape.K).Select(k => values[transposed ? k * stride + i : i * stride + k]).ToArray())];

    private void AssertPaddingUntouched(string what)
    {
        for (int i = 0; i < _initialC.Length; i++)
        {
            if (i % Ldc >= Shape.N)
            {
                Assert.True(_initialC[i] == _c.Floats[i], $"{what} {Shape}: wrote to the padding at {i}");
            }
        }
    }

    private static long Extent(int rows, int cols, nint stride) => rows == 0 || cols == 0 ? 0 : (rows - 1) * (long)stride + cols;

    private static int Size(DType type) => type == DType.F32 ? 4 : 2;

    private static double[] Fill(byte* target, DType type, long count, Random random, bool bf16)
    {
        var values = new double[count];
        for (long i = 0; i < count; i++)
        {
            float value = (float)(random.NextDouble() * 2 - 1);
            switch (type)
            {
                case DType.F32:
                    ((float*)target)[i] = value;
                    break;
                case DType.BF16:
                    value = RoundBf16(value);
                    ((ushort*)target)[i] = (ushort)(BitConverter.SingleToUInt32Bits(value) >> 16);
                    break;
                default:
                    ((Half*)target)[i] = (Half)value;
                    value = (float)(Half)value;
                    break;
            }

            values[i] = bf16 ? RoundBf16(value) : value;
        }

        return values;
    }

    /// <summary>Nearest bf16, ties to even, by comparing both neighbours (independent of the code under test).</summary>
    private static float RoundBf16(float value)
    {
        uint down = BitConverter.SingleToUInt32Bits(value) & 0xffff0000;
        float low = BitConverter.UInt32BitsToSingle(down), high = BitConverter.UInt32BitsToSingle(down + 0x10000);
        double toLow = Math.Abs((double)value - low), toHigh = Math.Abs((double)high - value);
        return toLow < toHigh || (toLow == toHigh && (down & 0x10000) == 0) ? low : high;
    }
}
