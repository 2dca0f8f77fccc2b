using System.Globalization;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Parity;

/// <summary>What to check, and where results go.</summary>
/// <param name="Root">A directory laid out like the golden data.</param>
/// <param name="Family">Only this directory under <c>cases/</c>, or null.</param>
/// <param name="Only">Only these areas, or empty.</param>
/// <param name="Compute">Arithmetic of matrix products.</param>
/// <param name="Dump">Where computed values are written, or null.</param>
internal sealed record ParityOptions(string Root, string? Family, IReadOnlyList<string> Only, Tensors.Compute Compute, string? Dump)
{
    /// <summary>What computes.</summary>
    public Training.Config.DeviceChoice Device { get; init; } = Training.Config.DeviceChoice.Cpu;
}

/// <summary>One named quantity of one case.</summary>
internal readonly record struct CheckId(string Area, string Family, string Case, string Quantity);

/// <summary>Collects and prints the checks of one run.</summary>
internal sealed class ParityRun(ParityOptions options, TextWriter output)
{
    /// <summary>
    /// What bfloat16 may cost a quantity that products go into, as a share of its size. Measured over all families: at most 3.6 %
    /// of a gradient, 2.5 % of logits, 1.3 % of a loss, with activations in bfloat16 too.
    /// </summary>
    private const double HalfTolerance = 5e-2;

    /// <summary>Tolerances of quantities that products go into begin here; smaller ones are those of tables, pixels and learning rates.</summary>
    private const double LeastOfProducts = 1e-4;

    private readonly Dictionary<string, DumpFile> _dumps = new(StringComparer.Ordinal);

    public ParityOptions Options { get; } = options;

    public int Passed { get; private set; }

    public int Failed { get; private set; }

    public int Skipped { get; private set; }

    /// <summary>Whether an area is asked for.</summary>
    public bool Wants(string area) => Options.Only.Count == 0 || Options.Only.Contains(area);

    /// <summary>Whether a family is asked for.</summary>
    public bool WantsFamily(string family) => Options.Family is null || Options.Family == family;

    /// <summary>Absolute path of a file of the golden directory.</summary>
    public string At(params string[] parts) => Path.Combine([Options.Root, .. parts]);

    /// <summary>The margin between the two best logits below which a greedy choice counts as undecided.</summary>
    public double MarginThatCounts => IsHalf ? 2 * HalfTolerance : 1e-3;

    private bool IsHalf => Options.Compute == Tensors.Compute.BF16;

    /// <summary>
    /// Records a measured error; NaN counts as a failure. The tolerance is that of f32; computing in bfloat16 widens those of
    /// quantities that products go into.
    /// </summary>
    /// <param name="id">What is checked.</param>
    /// <param name="error">How far off it is.</param>
    /// <param name="tolerance">How far off it may be.</param>
    /// <param name="parts">Quantities whose rounding adds up in it: two in a difference.</param>
    public void Check(CheckId id, double error, double tolerance, int parts = 1)
    {
        if (IsHalf && tolerance >= LeastOfProducts && id.Area is ("forward" or "grads" or "training" or "peft"))
        {
            tolerance = Math.Max(tolerance, parts * HalfTolerance);
        }

        bool ok = error <= tolerance;
        if (ok)
        {
            Passed++;
        }
        else
        {
            Failed++;
        }

        Line(id, string.Create(CultureInfo.InvariantCulture, $"{error:G3}"), string.Create(CultureInfo.InvariantCulture, $"{tolerance:G3}"), ok ? "ok" : "FAIL");
    }

    /// <summary>Records whether something is exactly as expected; the difference is named when it isn't.</summary>
    public void Exact(CheckId id, bool equal, string difference = "")
    {
        if (equal)
        {
            Passed++;
            Line(id, "0", "0", "ok");
        }
        else
        {
            Failed++;
            Line(id, "differs", "0", "FAIL " + difference);
        }
    }

    /// <summary>Records a failure to compute.</summary>
    public void Broken(CheckId id, Exception e)
    {
        Failed++;
        Line(id, "-", "-", $"FAIL {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}");
    }

    /// <summary>Runs one part of the checks; what goes wrong in it is a failure of that part alone.</summary>
    public void Guard(CheckId id, Action part)
    {
        try
        {
            part();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Broken(id, e);
        }
    }

    /// <summary>Records what was not checked, and why.</summary>
    public void Skip(CheckId id, string reason)
    {
        Skipped++;
        Line(id, "-", "-", $"skip {reason}");
    }

    /// <summary>The dump of a golden file, by its path relative to the root; null where nothing is dumped.</summary>
    public DumpFile? DumpOf(params string[] relative)
    {
        if (Options.Dump is null)
        {
            return null;
        }

        string key = Path.Combine(relative);
        if (!_dumps.TryGetValue(key, out DumpFile? dump))
        {
            _dumps[key] = dump = new DumpFile();
        }

        return dump;
    }

    /// <summary>Writes what was collected so far.</summary>
    public void FlushDumps()
    {
        foreach ((string relative, DumpFile dump) in _dumps)
        {
            dump.Write(Path.Combine(Options.Dump!, relative));
        }

        _dumps.Clear();
    }

    /// <summary>Prints the closing line.</summary>
    public void Close() => output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Passed} passed, {Failed} failed, {Skipped} skipped"));

    private void Line(CheckId id, string error, string tolerance, string verdict) =>
        output.WriteLine($"{id.Area,-11} {Dash(id.Family),-18} {Dash(id.Case),-24} {id.Quantity,-44} {error,-10} {tolerance,-8} {verdict}");

    private static string Dash(string text) => text.Length == 0 ? "-" : text;
}

/// <summary>Computed values under a golden file's names: a safetensors file, or JSON.</summary>
internal sealed class DumpFile
{
    private readonly List<TensorEntry> _tensors = [];
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly System.Text.Json.Nodes.JsonObject _json = [];

    public void Add(string name, float[] values, params long[] shape) => Add(TensorEntry.FromF32(name, shape, values));

    public void Add(string name, long[] values, params long[] shape) => Add(TensorEntry.FromI64(name, shape, values));

    public void Add(string name, byte[] values, params long[] shape) => Add(TensorEntry.FromBytes(name, SafeDType.U8, shape, values));

    public void Add(string name, int[] values, params long[] shape) =>
        Add(TensorEntry.FromBytes(name, SafeDType.I32, shape, System.Runtime.InteropServices.MemoryMarshal.AsBytes<int>(values).ToArray()));

    public void Json(string name, object? value) => _json[name] = System.Text.Json.JsonSerializer.SerializeToNode(value);

    /// <summary>Takes over all keys of an object.</summary>
    public void Json(System.Text.Json.Nodes.JsonObject values)
    {
        foreach ((string key, System.Text.Json.Nodes.JsonNode? value) in values)
        {
            _json[key] = value?.DeepClone();
        }
    }

    public void Write(string path)
    {
        if (_tensors.Count == 0 && _json.Count == 0)
        {
            return;
        }

        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        if (path.EndsWith(".json", StringComparison.Ordinal))
        {
            File.WriteAllText(path, _json.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true }) + "\n");
        }
        else
        {
            SafeTensorsWriter.Write(path, _tensors);
        }
    }

    private void Add(TensorEntry entry)
    {
        if (_names.Add(entry.Name))
        {
            _tensors.Add(entry);
        }
    }
}

/// <summary>Distances between computed and expected values.</summary>
internal static class Distance
{
    /// <summary>Largest absolute difference; infinite where the sizes differ or a value is not a number.</summary>
    public static double MaxAbs(ReadOnlySpan<float> computed, ReadOnlySpan<float> expected)
    {
        if (computed.Length != expected.Length)
        {
            return double.PositiveInfinity;
        }

        double worst = 0;
        for (int i = 0; i < computed.Length; i++)
        {
            double difference = computed[i] == expected[i] ? 0 : Math.Abs((double)computed[i] - expected[i]);
            if (double.IsNaN(difference))
            {
                return double.PositiveInfinity;
            }

            worst = Math.Max(worst, difference);
        }

        return worst;
    }

    /// <summary>Largest absolute difference over the largest absolute expected value.</summary>
    public static double Relative(ReadOnlySpan<float> computed, ReadOnlySpan<float> expected)
    {
        double scale = 0;
        foreach (float value in expected)
        {
            scale = Math.Max(scale, Math.Abs(value));
        }

        double worst = MaxAbs(computed, expected);
        return worst == 0 ? 0 : worst / scale;
    }

    /// <summary>Relative difference of two numbers.</summary>
    public static double Relative(double computed, double expected) =>
        computed == expected ? 0 : double.IsFinite(computed) ? Math.Abs(computed - expected) / Math.Abs(expected) : double.PositiveInfinity;
}
