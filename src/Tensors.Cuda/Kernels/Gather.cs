using System.Runtime.InteropServices;
using Lorikeet.Tensors.Cuda.Driver;

namespace Lorikeet.Tensors.Cuda;

public sealed unsafe partial class CudaKernels
{
    /// <inheritdoc/>
    public void GatherRows(Tensor table, Tensor ids, Tensor y) => Rows("gather_rows", table, ids, y, table.Shape.Rows);

    /// <inheritdoc/>
    public void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable) => Rows("scatter_add_rows", x, ids, dTable, dTable.Shape.Rows);

    /// <inheritdoc/>
    public void ScatterRows(Tensor x, Tensor ids, Tensor y) => Rows("scatter_rows", x, ids, y, y.Shape.Rows);

    private void Rows(string kernel, Tensor x, Tensor ids, Tensor y, int limit)
    {
        nint from = Ptr(x), to = Ptr(y);
        int C = y.Shape.Last, count = (int)ids.Count;
        Launch(
            new KernelName("Gather", kernel, Types(x, y)),
            new LaunchShape(count, Block),
            new RowsParams(from, Ptr(ids), to, _device.Faults, count, limit, C, Vector(C, from, to)));
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct RowsParams(nint X, nint Ids, nint Y, nint Fault, int Count, int Limit, int Columns, int Vector);
}
