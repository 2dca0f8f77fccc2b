using System.Globalization;
using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

/// <remarks>
/// cuBLASLt multiplies column-major matrices, so a row-major c = op(a) op(b) is asked for as c^T = op(b)^T op(a)^T. Operands are
/// brought to one type first: bfloat16 with <see cref="Compute.BF16"/>, else f32 (never TF32). Few rows against a matrix of
/// weights go to a kernel of our own, which reads the weights as they are stored.
/// </remarks>
public sealed unsafe partial class CudaKernels
{
    private const int MostSkinnyRows = 8;

    /// <inheritdoc/>
    public void MatMul(in MatMulArgs args)
    {
        Shape a = args.A.Shape;
        int M = args.C.Shape.Rows, N = args.C.Shape.Last, K = args.TransposeA ? a.Rows : a.Last;
        if (M == 0 || N == 0)
        {
            return;
        }

        if (K == 0)
        {
            EmptyProduct(args);
        }
        else if (M <= MostSkinnyRows && !args.TransposeA && args.TransposeB)
        {
            Skinny(args, M, N, K);
        }
        else
        {
            Multiply(args, M, N, K);
        }
    }

    private void Multiply(in MatMulArgs args, int M, int N, int K)
    {
        DType type = args.Compute == Compute.BF16 ? DType.BF16 : DType.F32;
        nint left = Operand(args.A, type, _left), right = ReferenceEquals(args.A, args.B) ? left : Operand(args.B, type, _right);
        nint bias = args.Bias is null ? 0 : Operand(args.Bias, args.C.DType, _bias);
        nint c = Ptr(args.C);
        var key = new ProductKey(N, M, K, args.TransposeB, args.TransposeA, NameOf(type), NameOf(args.C.DType), bias != 0)
        {
            AlignmentA = ProductKey.AlignmentOf(right),
            AlignmentB = ProductKey.AlignmentOf(left),
            AlignmentD = ProductKey.AlignmentOf(c),
        };
        var product = new Product(right, left, c, bias, args.Alpha, args.Accumulate ? 1f : 0f, key);
        nint workspace = _workspace.Take(CublasLt.WorkspaceBytes);
        _device.MakeCurrent();
        if (!_products.TryMultiply(product, workspace, _device.Stream))
        {
            _products.TryMultiply(product with { Bias = 0, Key = key with { HasBias = false } }, workspace, _device.Stream);
            AddBias(args.C, args.Bias!);
        }

        Launches++;
    }

    private void Skinny(in MatMulArgs args, int M, int N, int K)
    {
        nint a = Ptr(args.A), b = Ptr(args.B), bias = args.Bias is null ? 0 : AsFloats(args.Bias, _bias);
        int rows = M <= 2 ? M : M <= 4 ? 4 : 8;
        string defines = string.Create(
            CultureInfo.InvariantCulture, $"{Types(args.A, args.C)} W={TypeName(args.B.DType)} ROWS={rows} BF16={(args.Compute == Compute.BF16 ? 1 : 0)}");
        const int Columns = 8;
        Launch(
            new KernelName("Skinny", "skinny", defines),
            new LaunchShape(Ceil(N, Columns), Block),
            new SkinnyParams(a, b, bias, Ptr(args.C), args.Alpha, M, N, K, args.Accumulate ? 1 : 0, Vector(K, a, b)));
    }

    private static CudaType NameOf(DType type) => type switch
    {
        DType.F32 => CudaType.F32,
        DType.BF16 => CudaType.BF16,
        _ => throw new ArgumentException($"a matrix product does not give {type}"),
    };

    /// <summary>A matrix in the given type: itself, or converted into the scratch memory.</summary>
    private nint Operand(Tensor x, DType type, Scratch scratch)
    {
        if (x.DType == type)
        {
            return Ptr(x);
        }

        nint y = scratch.Take(x.Count * type.Size());
        Convert(Ptr(x), x.DType, y, type, x.Count);
        return y;
    }

    /// <summary>A sum of no products: zero, plus what was there, plus the bias.</summary>
    private void EmptyProduct(in MatMulArgs args)
    {
        if (!args.Accumulate)
        {
            Fill(args.C, 0);
        }

        if (args.Bias is not null)
        {
            AddBias(args.C, args.Bias);
        }
    }

    /// <summary>c[i, j] += bias[j].</summary>
    private void AddBias(Tensor c, Tensor bias) => Elements(
        new KernelName("Elementwise", "add_bias", $"X=float Y={TypeName(c.DType)}"), c.Count, new ScaleParams(AsFloats(bias, _bias), 0, Ptr(c), c.Count, 1, c.Shape.Last, 1, 0));

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct SkinnyParams(nint A, nint B, nint Bias, nint C, float Alpha, int Rows, int N, int K, int Accumulate, int Vector);
}
