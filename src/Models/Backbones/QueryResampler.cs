using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Backbones;

/// <summary>Learned queries, a fixed number a picture, attend to its patches. Keys know their places, values don't.</summary>
/// <remarks>Source: Bai et al. 2023, "Qwen-VL", section 2.1, "position-aware vision-language adapter".</remarks>
public sealed class QueryResampler
{
    private const int Taps = 4;

    private readonly QueryResamplerConfig _config;
    private readonly Nn.Linear _input, _project, _output;
    private readonly Param _query, _positions;
    private readonly Nn.LayerNorm _queryNorm, _valueNorm;

    /// <summary>Builds the resampler.</summary>
    /// <param name="w">Its place in the module tree.</param>
    /// <param name="config">Sizes.</param>
    public QueryResampler(WeightScope w, QueryResamplerConfig config)
    {
        ArgumentNullException.ThrowIfNull(w);
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        int C = config.Width;
        _query = w.Param("query", new Shape(config.Queries, C));
        _positions = w.Constant("pos_embed", new Shape(config.Queries, C), () => SineTable(C, (int)Math.Sqrt(config.Queries)));
        _input = w["kv_proj"].Linear(config.InputWidth, C, bias: false);
        _queryNorm = w["ln_q"].LayerNorm(C, config.NormEps);
        _valueNorm = w["ln_kv"].LayerNorm(C, config.NormEps);

        // Parts of torch's attention, which LoRA never reaches: not registered as linear layers.
        WeightScope attention = w["attn"], output = attention["out_proj"];
        _project = new Nn.Linear(attention.Path, new DenseWeight(attention.Param("in_proj_weight", new Shape(3 * C, C))), attention.Param("in_proj_bias", new Shape(3 * C)));
        _output = new Nn.Linear(output.Path, new DenseWeight(output.Param("weight", new Shape(C, C))), output.Param("bias", new Shape(C)));
    }

    /// <summary>Features of pictures.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="x">[N P, InputWidth] patches.</param>
    /// <param name="pictures">N; P is a square number.</param>
    /// <returns>[N Q, C].</returns>
    public Tensor Forward(StepScope scope, Tensor x, int pictures)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(x);
        int C = _config.Width, heads = _config.Heads, D = C / heads, Q = _config.Queries, P = x.Shape[0] / pictures;
        Tensor values = _valueNorm.Forward(scope, _input.Forward(scope, x));
        Tensor keys = Add.Forward(scope, values, Positions(scope, _positions.Value, P, pictures));
        Tensor query = Add.Forward(scope, _queryNorm.Forward(scope, GatherRows.Forward(scope, _query.Value, scope.From([.. Enumerable.Range(0, Q)]))), Positions(scope, _positions.Value, Q, 1));
        Tensor Part(Tensor input, int part) =>
            Reshape.Forward(scope, Columns.Forward(scope, _project.Forward(scope, input), part * C, C), new Shape(input.Shape[0], heads, D));
        Tensor q = Columns.Forward(scope, _project.Forward(scope, query), 0, C);
        q = Reshape.Forward(scope, GatherRows.Forward(scope, q, scope.From([.. Enumerable.Range(0, Q * pictures).Select(i => i % Q)])), new Shape(Q * pictures, heads, D));
        var segments = new AttentionSegments([.. Enumerable.Range(0, pictures).Select(i => new AttentionSegment(i * Q, Q, i * P, P))], causal: false);
        Tensor y = Tensors.Ops.Attention.Forward(scope, q, Part(keys, 1), Part(values, 2), segments, new AttentionOptions(1f / MathF.Sqrt(D)));
        return _output.Forward(scope, Reshape.Forward(scope, y, new Shape(Q * pictures, C)));
    }

    /// <summary>Multiply-adds for pictures of some patches each.</summary>
    internal IEnumerable<FlopCount> Flops(int pictures, int patchesEach)
    {
        long patches = (long)pictures * patchesEach, queries = (long)pictures * _config.Queries;
        return
        [
            FlopCount.Of(_input, patches),
            FlopCount.Of(_project, _config.Queries + (2 * patches)),
            new FlopCount(_project.Path + ".attention", queries, (double)queries * patchesEach * 2 * _config.Width, null),
            FlopCount.Of(_output, queries),
        ];
    }

    /// <summary>
    /// A square table of positions as rows of a grid of another size, for each of some pictures: bicubic (a = -0.75), edges repeated, not
    /// smoothed where the grid is smaller. Source: torch's <c>interpolate</c>, <c>mode=bicubic, align_corners=False</c>.
    /// </summary>
    /// <param name="scope">The running step.</param>
    /// <param name="table">[rows, C].</param>
    /// <param name="cells">Cells of the grid, a square number.</param>
    /// <param name="pictures">Number of pictures.</param>
    /// <returns>[pictures cells, C].</returns>
    public static Tensor Positions(StepScope scope, Tensor table, int cells, int pictures)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(table);
        int rows = table.Shape[0];
        if (rows == cells)
        {
            return GatherRows.Forward(scope, table, scope.From([.. Enumerable.Range(0, cells * pictures).Select(i => i % cells)]));
        }

        int from = (int)Math.Sqrt(rows), to = (int)Math.Sqrt(cells);
        (int[] Ids, float[] Weights)[] axis = [.. Enumerable.Range(0, to).Select(i => Cubic(i, from, to))];
        Tensor? sum = null;
        for (int tap = 0; tap < Taps * Taps; tap++)
        {
            int[] ids = new int[cells];
            float[] weights = new float[cells];
            for (int i = 0; i < cells; i++)
            {
                ((int[] rowIds, float[] rowWeights), (int[] columnIds, float[] columnWeights)) = (axis[i / to], axis[i % to]);
                ids[i] = (rowIds[tap / Taps] * from) + columnIds[tap % Taps];
                weights[i] = rowWeights[tap / Taps] * columnWeights[tap % Taps];
            }

            Tensor part = ScaleRows.Forward(scope, GatherRows.Forward(scope, table, scope.From(ids)), scope.From(weights, new Shape(cells)));
            sum = sum is null ? part : Add.Forward(scope, sum, part);
        }

        return pictures == 1 ? sum! : GatherRows.Forward(scope, sum!, scope.From([.. Enumerable.Range(0, cells * pictures).Select(i => i % cells)]));
    }

    /// <summary>Positions of a square grid as sines and cosines: the first half of the columns of the grid's column, the second of its row.</summary>
    /// <param name="width">C, a multiple of four.</param>
    /// <param name="grid">Edge of the grid.</param>
    /// <returns>[grid grid, C].</returns>
    public static float[] SineTable(int width, int grid)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(width % 4, 0);
        int quarter = width / 4;
        float[] table = new float[grid * grid * width];
        for (int cell = 0; cell < grid * grid; cell++)
        {
            for (int k = 0; k < quarter; k++)
            {
                double frequency = Math.Pow(10000, -(double)k / quarter);
                (double columnSin, double columnCos) = Math.SinCos(cell % grid * frequency);
                (double rowSin, double rowCos) = Math.SinCos(cell / grid * frequency);
                int at = (cell * width) + k;
                (table[at], table[at + quarter], table[at + (2 * quarter)], table[at + (3 * quarter)]) = ((float)columnSin, (float)columnCos, (float)rowSin, (float)rowCos);
            }
        }

        return table;
    }

    private static (int[] Ids, float[] Weights) Cubic(int i, int from, int to)
    {
        const float A = -0.75f;
        float place = ((i + 0.5f) * ((float)from / to)) - 0.5f;
        int floor = (int)MathF.Floor(place);
        float t = place - floor;
        float Near(float x) => (((((A + 2) * x) - (A + 3)) * x) * x) + 1;
        float Far(float x) => (((((A * x) - (5 * A)) * x) + (8 * A)) * x) - (4 * A);
        return (
            [.. Enumerable.Range(floor - 1, Taps).Select(j => Math.Clamp(j, 0, from - 1))],
            [Far(t + 1), Near(t), Near(1 - t), Far(2 - t)]);
    }
}

/// <summary>Sizes of a <see cref="QueryResampler"/>.</summary>
/// <param name="Queries">Q, features a picture: a square number.</param>
/// <param name="Width">C.</param>
/// <param name="Heads">Heads of the attention, dividing C.</param>
/// <param name="InputWidth">Columns of the patches.</param>
/// <param name="NormEps">Of its norms.</param>
public sealed record QueryResamplerConfig(int Queries, int Width, int Heads, int InputWidth, float NormEps);
