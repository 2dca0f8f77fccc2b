using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    private const string Floats = "X=float Y=float";

    /// <inheritdoc/>
    public void Fill(Tensor x, float value)
    {
        nint p = Ptr(x);
        if (value == 0 && !float.IsNegative(value))
        {
            if (x.Bytes > 0)
            {
                _device.MakeCurrent();
                _device.Driver.SetBytes(p, 0, x.Bytes, _device.Stream);
            }

            return;
        }

        Elements(new KernelName("Elementwise", "fill", $"X=float Y={TypeName(x.DType)}"), x.Count, new FillParams(p, x.Count, value, Vector(4, p)));
    }

    /// <inheritdoc/>
    public void Copy(Tensor x, Tensor y)
    {
        if (x.DType != y.DType)
        {
            Convert(Ptr(x), x.DType, Ptr(y), y.DType, x.Count);
        }
        else if (x.Bytes > 0)
        {
            _device.MakeCurrent();
            _device.Driver.CopyWithin(Ptr(y), Ptr(x), x.Bytes, _device.Stream);
        }
    }

    /// <inheritdoc/>
    public void Add(Tensor a, Tensor b, Tensor y)
    {
        if (a.DType != b.DType)
        {
            Copy(a, y);
            AddScaled(b, 1f, y);
            return;
        }

        nint left = Ptr(a), right = Ptr(b), to = Ptr(y);
        Elements(new KernelName("Elementwise", "add", Types(a, y)), y.Count, new AddParams(left, right, to, y.Count, Vector(4, left, right, to)));
    }

    /// <inheritdoc/>
    public void AddScaled(Tensor x, float scale, Tensor y) => Scale(x, scale, y, accumulate: true);

    /// <inheritdoc/>
    public void Scale(Tensor x, float scale, Tensor y, bool accumulate) => Scale("scale", x, null, scale, y, accumulate);

    /// <inheritdoc/>
    public void ScaleRows(Tensor x, Tensor s, Tensor y, bool accumulate) => Scale("scale_rows", x, s, 0, y, accumulate);

    /// <inheritdoc/>
    public void ScaleColumns(Tensor x, Tensor s, Tensor y, bool accumulate) => Scale("scale_columns", x, s, 0, y, accumulate);

    /// <inheritdoc/>
    public void CopyColumns(Tensor x, int xStart, Tensor y, int yStart, int count, bool accumulate)
    {
        long n = (long)x.Shape.Rows * count;
        Elements(
            new KernelName("Elementwise", "copy_columns", Types(x, y)),
            n,
            new CopyColumnsParams(Ptr(x), Ptr(y), n, xStart, x.Shape.Last, yStart, y.Shape.Last, count, accumulate ? 1 : 0));
    }

    private void Scale(string kernel, Tensor x, Tensor? s, float scale, Tensor y, bool accumulate)
    {
        nint from = Ptr(x), to = Ptr(y);
        Elements(
            new KernelName("Elementwise", kernel, Types(x, y)),
            y.Count,
            new ScaleParams(from, PtrOrNull(s), to, y.Count, scale, Math.Max(1, x.Shape.Last), accumulate ? 1 : 0, Vector(4, from, to)));
    }

    private void Convert(nint x, DType from, nint y, DType to, long n) =>
        Elements(new KernelName("Elementwise", "convert", $"X={TypeName(from)} Y={TypeName(to)}"), n, new ConvertParams(x, y, n, Vector(4, x, y)));

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct FillParams(nint Y, long N, float Value, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct ConvertParams(nint X, nint Y, long N, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct AddParams(nint A, nint B, nint Y, long N, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct ScaleParams(nint X, nint S, nint Y, long N, float Scale, int Columns, int Accumulate, int Vector);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct CopyColumnsParams(nint X, nint Y, long N, int From, int FromColumns, int To, int ToColumns, int Count, int Accumulate);
}
