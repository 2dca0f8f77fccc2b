using System.Globalization;
using System.Text.Json;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Parity;

/// <summary>A case of a resampler alone: its output for given weights and patches, its tables of positions.</summary>
internal sealed class ResamplerChecks(ComputeSession session, CaseChecks check)
{
    private const string Area = "forward", WeightPrefix = "weight.", TablePrefix = "abs_pos.";
    private const double Tolerance = 1e-4, TableTolerance = 1e-5;

    private GoldenCase Golden => check.Golden;

    /// <summary>Whether a case is one.</summary>
    public static bool Is(GoldenCase golden) =>
        golden.Json.TryGetProperty("grid_size", out _) && golden.Json.TryGetProperty("num_heads", out _) && golden.Expected.Tensors.ContainsKey("input");

    public void Run()
    {
        using StepScope scope = session.Scope(record: false);
        foreach (string name in Golden.Expected.Tensors.Keys.Where(n => n.StartsWith(WeightPrefix, StringComparison.Ordinal)))
        {
            check.Expects(name);
        }

        check.Expects("input");
        Output(scope);
        Positions(scope);
        if (check.Expects("sincos"))
        {
            long[] shape = Golden.Expected.Info("sincos").Shape;
            float[] table = QueryResampler.SineTable((int)shape[1], (int)Math.Sqrt(shape[0]));
            check.MaxAbs(Area, "sincos", table, shape, TableTolerance);
        }
    }

    private void Output(StepScope scope)
    {
        int Number(string key) => Golden.Json.GetProperty(key).GetInt32();
        int grid = Number("grid_size");
        var config = new QueryResamplerConfig(grid * grid, Number("embed_dim"), Number("num_heads"), Number("kv_dim"), Golden.Json.GetProperty("norm_eps").GetSingle());
        var resampler = new QueryResampler(new WeightScope(new CaseWeights(Golden.Expected, session.Parameters)), config);
        long[] input = Golden.Expected.Info("input").Shape;
        Tensor x = scope.From(Golden.Expected.ReadF32("input"), new Shape((int)(input[0] * input[1]), (int)input[2]));
        check.Relative(Area, "output", resampler.Forward(scope, x, (int)input[0]).ToHost<float>(), Tolerance);
    }

    /// <summary>The table of the case, and the same on grids of other sizes.</summary>
    private void Positions(StepScope outer)
    {
        // A table, not a product: compared in f32 whatever the products compute in.
        using var scope = new StepScope(outer.Device, outer.Arena, record: false) { Compute = Compute.F32 };
        (string Name, int Cells)[] tables = [.. Golden.Expected.Tensors.Keys.Where(n => n.StartsWith(TablePrefix, StringComparison.Ordinal))
            .Select(n => (n, int.Parse(n.AsSpan(TablePrefix.Length), CultureInfo.InvariantCulture)))];
        if (tables.Length == 0 || Source(tables) is not { } source)
        {
            return;
        }

        long[] shape = Golden.Expected.Info(source).Shape;
        Tensor table = scope.From(Golden.Expected.ReadF32(source), new Shape((int)shape[0], (int)shape[1]));
        foreach ((string name, int cells) in tables)
        {
            check.MaxAbs(Area, name, QueryResampler.Positions(scope, table, cells, 1).ToHost<float>(), [cells, shape[1]], TableTolerance);
        }
    }

    /// <summary>The table that the others are made from: the one that the case's description names first.</summary>
    private string? Source((string Name, int Cells)[] tables)
    {
        string description = Golden.Json.TryGetProperty("abs_pos", out JsonElement text) ? text.GetString()! : "";
        return tables.OrderByDescending(t => t.Name.Length).Where(t => description.Contains(t.Name, StringComparison.Ordinal)).Select(t => t.Name).FirstOrDefault();
    }

    /// <summary>The case's weights.</summary>
    private sealed class CaseWeights(SafeTensorsFile file, Parameters parameters) : IWeightSource
    {
        public bool Contains(string name) => file.Tensors.ContainsKey(WeightPrefix + name);

        public Tensor Read(string name, Shape shape)
        {
            float[] values = file.ReadF32(WeightPrefix + name);
            if (values.Length != shape.Count)
            {
                throw new InvalidDataException($"{file.Path}: {WeightPrefix}{name} has {values.Length} values; expected the shape {shape}");
            }

            Tensor x = parameters.New(shape, DType.F32, MemoryUse.Weights);
            x.CopyFrom<float>(values);
            return x;
        }
    }
}
