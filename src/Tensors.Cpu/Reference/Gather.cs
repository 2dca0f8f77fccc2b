using System.Globalization;

namespace Lorikeet.Tensors.Cpu.Reference;

public sealed unsafe partial class ReferenceKernels
{
    /// <inheritdoc/>
    public void GatherRows(Tensor table, Tensor ids, Tensor y)
    {
        double[] source = Read(table), result = new double[y.Count];
        Each(ids, table.Shape.Rows, table.Shape.Last, (from, to) => result[to] = source[from]);
        Write(y, result);
    }

    /// <inheritdoc/>
    public void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable)
    {
        double[] source = Read(x), result = Read(dTable);
        Each(ids, dTable.Shape.Rows, x.Shape.Last, (to, from) => result[to] += source[from]);
        Write(dTable, result);
    }

    /// <inheritdoc/>
    public void ScatterRows(Tensor x, Tensor ids, Tensor y)
    {
        double[] source = Read(x), result = Read(y);
        Each(ids, y.Shape.Rows, x.Shape.Last, (to, from) => result[to] = source[from]);
        Write(y, result);
    }

    /// <summary>For every element of every id: its place in the table and its place in the list.</summary>
    private void Each(Tensor ids, int rows, int C, Action<long, long> element)
    {
        ReadOnlySpan<int> list = Ints(ids);
        for (int i = 0; i < list.Length; i++)
        {
            if (list[i] < 0 || list[i] >= rows)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"id {list[i]} at position {i} is outside the table of {rows} rows"));
            }

            for (int j = 0; j < C; j++)
            {
                element(Index(list[i], j, C), Index(i, j, C));
            }
        }
    }
}
