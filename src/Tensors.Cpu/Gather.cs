using System.Globalization;
using System.Runtime.CompilerServices;

namespace Lorikeet.Tensors.Cpu;

public sealed unsafe partial class CpuKernels
{
    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">An id that is no row of the table.</exception>
    public void GatherRows(Tensor table, Tensor ids, Tensor y)
    {
        int N = (int)ids.Count, C = table.Shape.Last;
        int* rows = Ptr<int>(ids);
        RequireRows("gather", rows, N, table.Shape.Rows);
        switch (table.DType)
        {
            case DType.F32:
                Rows(N, C, new GatherBody<SingleType>(Ptr<byte>(table), rows, Ptr<float>(y), C));
                break;
            case DType.BF16:
                Rows(N, C, new GatherBody<BFloat16Type>(Ptr<byte>(table), rows, Ptr<float>(y), C));
                break;
            case DType.F16:
                Rows(N, C, new GatherBody<HalfType>(Ptr<byte>(table), rows, Ptr<float>(y), C));
                break;
            default:
                throw new ArgumentException($"gather: {table} is not of a float type");
        }
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">An id that is no row of the table.</exception>
    public void ScatterAddRows(Tensor x, Tensor ids, Tensor dTable)
    {
        int N = (int)ids.Count, C = x.Shape.Last;
        int* rows = Ptr<int>(ids);
        RequireRows("scatter add", rows, N, dTable.Shape.Rows);

        // Split by columns, so that rows with equal ids are added by one thread, in order.
        Ranges(C, ScatterAddBody.Tile, new ScatterAddBody(Ptr<float>(x), rows, Ptr<float>(dTable)) { N = N, C = C });
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">An id that is no row of the result.</exception>
    public void ScatterRows(Tensor x, Tensor ids, Tensor y)
    {
        int N = (int)ids.Count, C = x.Shape.Last;
        int* rows = Ptr<int>(ids);
        RequireRows("scatter", rows, N, y.Shape.Rows);
        Rows(N, C, new ScatterBody(Ptr<float>(x), rows, Ptr<float>(y), C));
    }

    private static void RequireRows(string what, int* ids, int n, int rows)
    {
        for (int i = 0; i < n; i++)
        {
            if ((uint)ids[i] >= (uint)rows)
            {
                string message = string.Create(CultureInfo.InvariantCulture, $"{what}: id {ids[i]} at position {i} is outside the table of {rows} rows; do tokenizer and model belong together?");
                throw new InvalidDataException(message);
            }
        }
    }

    private readonly struct GatherBody<TFrom>(byte* table, int* ids, float* y, int C) : IRangeBody
        where TFrom : struct, IFloatType
    {
        private readonly byte* _table = table;
        private readonly int* _ids = ids;
        private readonly float* _y = y;
        private readonly int _c = C;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                byte* row = _table + ((long)_ids[i] * _c * TFrom.Size);
                new ConvertBody<TFrom, SingleType>(row, (byte*)(_y + (i * _c))).Run(0, _c);
            }
        }
    }

    private readonly struct ScatterAddBody(float* x, int* ids, float* table) : IRangeBody
    {
        public const int Tile = 8 * Lanes.Width;
        private readonly float* _x = x, _table = table;
        private readonly int* _ids = ids;

        public int N { get; init; }

        public int C { get; init; }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = 0; i < N; i++)
            {
                float* target = _table + ((long)_ids[i] * C);
                new Map2Body<AddMap>(target, _x + (i * C), target, default).Run(start, end);
            }
        }
    }

    private readonly struct ScatterBody(float* x, int* ids, float* y, int C) : IRangeBody
    {
        private readonly float* _x = x, _y = y;
        private readonly int* _ids = ids;
        private readonly int _c = C;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(long start, long end)
        {
            for (long i = start; i < end; i++)
            {
                new ReadOnlySpan<float>(_x + (i * _c), _c).CopyTo(new Span<float>(_y + ((long)_ids[i] * _c), _c));
            }
        }
    }
}
