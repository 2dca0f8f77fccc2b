using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Tests;

/// <summary>The resampler against its definition, written out in loops.</summary>
public sealed class QueryResamplerTests : IDisposable
{
    private readonly CpuDevice _cpu = new(new CpuOptions { Threads = 1 });
    private readonly Arena _arena;
    private readonly Parameters _parameters;

    public QueryResamplerTests()
    {
        _arena = new Arena(_cpu);
        _parameters = new Parameters(_cpu, _arena);
    }

    // One head and several; as many patches as queries, more, and fewer.
    [Theory]
    [InlineData(4, 24, 1, 9, 2)]
    [InlineData(9, 24, 3, 16, 1)]
    [InlineData(16, 16, 2, 4, 3)]
    [InlineData(4, 8, 1, 4, 2)]
    public void Output_is_that_of_the_definition(int queries, int width, int heads, int patches, int pictures)
    {
        var root = new WeightScope(new RandomWeights(_parameters, 0.3f, 5, tied: false));
        var resampler = new QueryResampler(root, new QueryResamplerConfig(queries, width, heads, 7, 1e-6f));
        float[] x = new float[pictures * patches * 7];
        Rng.FillNormal(x, 1f, 9);
        using var scope = new StepScope(_cpu, _arena, record: false);
        float[] found = resampler.Forward(scope, scope.From(x, new Shape(pictures * patches, 7)), pictures).ToHost<float>();
        float[] expected = [.. Enumerable.Range(0, pictures).SelectMany(n => Loops(root.Parts, x[(n * patches * 7)..((n + 1) * patches * 7)], (queries, width, heads, patches)))];
        Assert.Equal(expected.Length, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-4f * expected.Max(Math.Abs)));
    }

    [Fact]
    public void The_table_of_positions_is_a_constant_that_random_weights_know()
    {
        var root = new WeightScope(new RandomWeights(_parameters, 0.3f, 5, tied: false));
        _ = new QueryResampler(root, new QueryResamplerConfig(9, 8, 1, 7, 1e-6f));
        Param table = root.Parts.Params.Single(p => p.Name == "pos_embed");
        Assert.True(table.IsConstant);
        float[] values = table.Value.ToHost<float>();

        // Row 1, column 2: columns first; frequencies 1 and 1/100.
        double[] expected = [Math.Sin(2), Math.Sin(0.02), Math.Cos(2), Math.Cos(0.02), Math.Sin(1), Math.Sin(0.01), Math.Cos(1), Math.Cos(0.01)];
        Assert.All(expected.Zip(values[(5 * 8)..(6 * 8)]), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        Assert.All(root.Parts.Params.Where(p => p != table), p => Assert.False(p.IsConstant));
    }

    public void Dispose()
    {
        _arena.Dispose();
        _cpu.Dispose();
    }

    private static double[] Normed(double[] row, float[] weight, float[] bias)
    {
        double mean = row.Average(), variance = row.Average(v => (v - mean) * (v - mean));
        return [.. row.Select((v, i) => ((v - mean) / Math.Sqrt(variance + 1e-6) * weight[i]) + bias[i])];
    }

    private static float[] Loops(ModelParts parts, float[] x, (int Queries, int Width, int Heads, int Patches) size)
    {
        float[] P(string name) => parts.Params.Single(p => p.Name == name).Value.ToHost<float>();
        (int Q, int C, int heads, int N) = size;
        double[] Row(string table, int row) => [.. P(table).Skip(row * C).Take(C).Select(v => (double)v)];
        double[] Times(string matrix, double[] v, int from, int count) =>
            [.. Enumerable.Range(from, count).Select(o => v.Select((value, i) => value * P(matrix)[(o * v.Length) + i]).Sum())];
        double[] Projected(double[] v, int part) => [.. Times("attn.in_proj_weight", v, part * C, C).Select((value, i) => value + P("attn.in_proj_bias")[(part * C) + i])];
        double[][] values = [.. Enumerable.Range(0, N).Select(n => Normed(Times("kv_proj.weight", [.. x.Skip(n * 7).Take(7).Select(v => (double)v)], 0, C), P("ln_kv.weight"), P("ln_kv.bias")))];
        double[][] places = Stretched(P("pos_embed"), Q, C, N);
        double[][] k = [.. values.Select((v, n) => Projected([.. v.Select((value, i) => value + places[n][i])], 1))], projected = [.. values.Select(v => Projected(v, 2))];
        var output = new List<float>();
        for (int i = 0; i < Q; i++)
        {
            double[] q = Projected([.. Normed(Row("query", i), P("ln_q.weight"), P("ln_q.bias")).Zip(Row("pos_embed", i), (a, b) => a + b)], 0);
            double[] mixed = new double[C];
            int D = C / heads;
            for (int h = 0; h < heads; h++)
            {
                double[] scores = [.. k.Select(key => Math.Exp(Enumerable.Range(h * D, D).Sum(c => q[c] * key[c]) / Math.Sqrt(D)))];
                for (int c = h * D; c < (h + 1) * D; c++)
                {
                    mixed[c] = scores.Select((s, n) => s * projected[n][c]).Sum() / scores.Sum();
                }
            }

            output.AddRange(Times("attn.out_proj.weight", mixed, 0, C).Select((v, c) => (float)(v + P("attn.out_proj.bias")[c])));
        }

        return [.. output];
    }

    /// <summary>A square table on a grid of another size: cubic convolution with a = -0.75, edges repeated.</summary>
    private static double[][] Stretched(float[] table, int rows, int width, int cells)
    {
        int from = (int)Math.Sqrt(rows), to = (int)Math.Sqrt(cells);
        static double Kernel(double x) => Math.Abs(x) switch
        {
            <= 1 and var d => (1.25 * d * d * d) - (2.25 * d * d) + 1,
            < 2 and var d => -0.75 * ((d * d * d) - (5 * d * d) + (8 * d) - 4),
            _ => 0,
        };
        double[] Cell(int row, int column)
        {
            double[] sum = new double[width];
            double y = ((row + 0.5) * from / to) - 0.5, x = ((column + 0.5) * from / to) - 0.5;
            for (int r = (int)Math.Floor(y) - 1; r <= Math.Floor(y) + 2; r++)
            {
                for (int c = (int)Math.Floor(x) - 1; c <= Math.Floor(x) + 2; c++)
                {
                    int at = ((Math.Clamp(r, 0, from - 1) * from) + Math.Clamp(c, 0, from - 1)) * width;
                    for (int i = 0; i < width; i++)
                    {
                        sum[i] += Kernel(y - r) * Kernel(x - c) * table[at + i];
                    }
                }
            }

            return sum;
        }

        return [.. Enumerable.Range(0, cells).Select(cell => Cell(cell / to, cell % to))];
    }
}
