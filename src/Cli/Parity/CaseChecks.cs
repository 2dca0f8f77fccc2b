using System.Globalization;
using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Cli.Parity;

/// <summary>Compares the quantities of one case with its golden file and dumps them.</summary>
internal sealed class CaseChecks(ParityRun run, GoldenCase golden)
{
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    public GoldenCase Golden { get; } = golden;

    private DumpFile? TensorDump => run.DumpOf("cases", Golden.Family, Golden.Name + ".safetensors");

    private DumpFile? JsonDump => run.DumpOf("cases", Golden.Family, Golden.Name + ".json");

    public CheckId Id(string area, string quantity) => new(area, Golden.Family, Golden.Name, quantity);

    /// <summary>Whether the golden has a tensor of this name.</summary>
    public bool Expects(string name)
    {
        _seen.Add(name);
        return Golden.Expected.Tensors.ContainsKey(name);
    }

    /// <summary>Names the tensors that nothing was compared with.</summary>
    public void SkipOthers(string area)
    {
        foreach (string name in Golden.Expected.Tensors.Keys.Where(n => !_seen.Contains(n)).Order(StringComparer.Ordinal))
        {
            run.Skip(Id(area, name), "a tensor that is not known here");
        }
    }

    /// <summary>A value of the case's JSON, exactly.</summary>
    public void Value<T>(string area, string key, T computed)
    {
        if (Golden.Json.TryGetProperty(key, out JsonElement wanted))
        {
            JsonElement value = JsonSerializer.SerializeToElement(computed);
            JsonDump?.Json(key, computed);
            run.Exact(Id(area, key), JsonElement.DeepEquals(value, wanted), GoldenItem.Difference(value, wanted));
        }
    }

    /// <summary>Largest difference over the largest expected value.</summary>
    public void Relative(string area, string name, float[] computed, double tolerance)
    {
        if (Expects(name))
        {
            TensorDump?.Add(name, computed, Golden.Expected.Info(name).Shape);
            run.Check(Id(area, name), Distance.Relative(computed, Golden.Expected.ReadF32(name)), tolerance);
        }
    }

    /// <summary>Largest difference.</summary>
    public void MaxAbs(string area, string name, float[] computed, long[] shape, double tolerance)
    {
        if (Expects(name))
        {
            TensorDump?.Add(name, computed, shape);
            run.Check(Id(area, name), Distance.MaxAbs(computed, Golden.Expected.ReadF32(name)), tolerance);
        }
    }

    /// <summary>Integers, exactly.</summary>
    public void Integers(string area, string name, long[] computed, long[] shape)
    {
        if (!Expects(name))
        {
            return;
        }

        if (Golden.Expected.Info(name).DType == SafeDType.U8)
        {
            TensorDump?.Add(name, Array.ConvertAll(computed, v => (byte)v), shape);
        }
        else
        {
            TensorDump?.Add(name, computed, shape);
        }

        long[] expected = Golden.Expected.ReadI64(name);
        run.Exact(Id(area, name), computed.AsSpan().SequenceEqual(expected), FirstDifference(computed, expected));
    }

    /// <summary>A mean loss, in the tensor file and in the JSON.</summary>
    public void Loss(string area, string name, double computed, double tolerance, string? jsonKey = null)
    {
        if (Expects(name))
        {
            TensorDump?.Add(name, [(float)computed], 1);
            JsonDump?.Json(jsonKey ?? name, computed);
            run.Check(Id(area, name), Math.Abs(computed - Golden.Expected.ReadF32(name)[0]), tolerance);
        }

        if (Golden.Json.TryGetProperty(jsonKey ?? name, out JsonElement value))
        {
            run.Check(Id(area, (jsonKey ?? name) + " (json)"), Math.Abs(computed - value.GetDouble()), tolerance);
        }
    }

    /// <summary><c>logits</c> in full, or <c>logits_sub</c> at <c>logits_positions</c>; positions of padding are left out.</summary>
    public void Logits(string area, Tensor hidden, EncodedCase encoded, StepScope scope, LoadedModel loaded, double tolerance)
    {
        if (Expects("logits"))
        {
            AtPositions(area, "logits", [.. Enumerable.Range(0, encoded.Longest)], hidden, encoded, scope, loaded, tolerance);
        }

        if (Expects("logits_positions") & Expects("logits_sub"))
        {
            int[] positions = [.. Golden.Expected.ReadI64("logits_positions").Select(p => (int)p)];
            TensorDump?.Add("logits_positions", [.. positions.Select(p => (long)p)], positions.Length);
            AtPositions(area, "logits_sub", positions, hidden, encoded, scope, loaded, tolerance);
        }
    }

    /// <summary>The last eight tokens of every sample.</summary>
    public void LogitsTail(Tensor hidden, EncodedCase encoded, StepScope scope, LoadedModel loaded, double tolerance)
    {
        TensorInfo info = Golden.Expected.Info("lora.logits_tail");
        int n = (int)info.Shape[1];
        int[] starts = encoded.Batch.Tokens.Starts(), lengths = encoded.Batch.Tokens.Lengths;
        int[] rows = [.. starts.SelectMany((start, b) => Enumerable.Range(start + lengths[b] - n, n))];
        Relative("grads", "lora.logits_tail", LogitRows(hidden, rows, scope, loaded), tolerance);
    }

    /// <summary>Greedy tokens: exact up to the first place where the reference itself was undecided.</summary>
    public void Tokens(string name, long[] computed, string marginName, int steps)
    {
        if (!Expects(name))
        {
            return;
        }

        TensorDump?.Add(name, computed, Golden.Expected.Info(name).Shape);
        long[] expected = Golden.Expected.ReadI64(name);
        float[] margins = Golden.Expected.ReadF32(marginName);
        bool equal = computed.Length == expected.Length;
        for (int b = 0; equal && b < expected.Length / steps; b++)
        {
            for (int i = b * steps; i < (b + 1) * steps; i++)
            {
                if (computed[i] != expected[i])
                {
                    equal = margins[i] < run.MarginThatCounts && expected[i] >= 0;
                    break;
                }
            }
        }

        run.Exact(Id("forward", name), equal, FirstDifference(computed, expected));
    }

    /// <summary>Margins of the greedy tokens, as far as the tokens agree.</summary>
    public void Margins(string name, float[] computed, long[] tokens)
    {
        TensorDump?.Add(name, computed, Golden.Expected.Info(name).Shape);
        float[] expected = Golden.Expected.ReadF32(name);
        long[] expectedTokens = Golden.Expected.ReadI64("gen.tokens");
        double worst = 0, scale = expected.Where(float.IsFinite).Select(Math.Abs).DefaultIfEmpty(1).Max();
        for (int i = 0; i < expected.Length && i < computed.Length; i++)
        {
            if (tokens[i] != expectedTokens[i])
            {
                break;
            }

            worst = tokens[i] < 0 ? worst : Math.Max(worst, Math.Abs(computed[i] - expected[i]));
        }

        run.Check(Id("forward", name), worst / Math.Max(1, scale), 1e-4, parts: 2);
    }

    /// <summary>The generated tokens as JSON lists and text.</summary>
    public void Texts(Tokenizer tokenizer, long[] tokens, int steps)
    {
        int[][] rows = [.. tokens.Chunk(steps).Select(row => row.Where(t => t >= 0).Select(t => (int)t).ToArray())];
        if (!tokens.AsSpan().SequenceEqual(Golden.Expected.ReadI64("gen.tokens")))
        {
            return; // An undecided greedy choice: the texts differ with it.
        }

        Value("forward", "generated_tokens", tokens.Chunk(steps));
        Value("forward", "generated_text", rows.Select(r => tokenizer.Decode(r, skipSpecialTokens: false)));
        Value("forward", "generated_text_no_special", rows.Select(r => tokenizer.Decode(r, skipSpecialTokens: true)));
    }

    /// <summary>All LoRA gradients: the largest difference over the largest gradient of the file, and the global norm.</summary>
    public void Grads(AdapterSet adapter, double tolerance)
    {
        double squares = 0;
        foreach ((_, Tensor value) in adapter.Trained)
        {
            squares += value.Grad?.ToHost<float>().Sum(g => (double)g * g) ?? 0;
        }

        if (Expects("lora.grad_norm"))
        {
            float norm = (float)Math.Sqrt(squares);
            TensorDump?.Add("lora.grad_norm", [norm], 1);
            run.Check(Id("grads", "lora.grad_norm"), Distance.Relative(norm, Golden.Expected.ReadF32("lora.grad_norm")[0]), tolerance);
        }

        string file = run.At("cases", Golden.Family, Golden.Name + ".lora_grads.safetensors");
        if (!File.Exists(file))
        {
            return;
        }

        using SafeTensorsFile expected = SafeTensorsFile.Open(file);
        double scale = expected.Tensors.Keys.Max(key => expected.ReadF32(key).Max(v => Math.Abs((double)v)));
        DumpFile? dump = run.DumpOf("cases", Golden.Family, Golden.Name + ".lora_grads.safetensors");
        foreach ((string key, Tensor value) in adapter.Trained)
        {
            string name = "grad." + key;
            float[] computed = value.Grad?.ToHost<float>() ?? new float[value.Count];
            dump?.Add(name, computed, value.Shape[0], value.Shape[1]);
            if (!expected.Tensors.ContainsKey(name))
            {
                run.Exact(Id("grads", name), false, "the golden file has no such gradient");
                continue;
            }

            run.Check(Id("grads", name.Replace("base_model.model.model.", "", StringComparison.Ordinal)), Distance.MaxAbs(computed, expected.ReadF32(name)) / scale, tolerance);
        }

        int missing = expected.Tensors.Count - adapter.Trained.Count;
        if (missing != 0)
        {
            run.Exact(Id("grads", "number of gradients"), false, string.Create(CultureInfo.InvariantCulture, $"{adapter.Trained.Count} computed, {expected.Tensors.Count} expected"));
        }
    }

    private void AtPositions(string area, string name, int[] positions, Tensor hidden, EncodedCase encoded, StepScope scope, LoadedModel loaded, double tolerance)
    {
        int[] starts = encoded.Batch.Tokens.Starts(), lengths = encoded.Batch.Tokens.Lengths;
        int V = loaded.Model.VocabularySize;
        (int Sample, int Index)[] real = [.. Enumerable.Range(0, starts.Length).SelectMany(b => positions.Select((p, i) => (b, i)).Where(x => positions[x.i] < lengths[x.b]))];
        float[] rows = LogitRows(hidden, [.. real.Select(r => starts[r.Sample] + positions[r.Index])], scope, loaded);
        float[] padded = new float[(long)starts.Length * positions.Length * V];
        float[] expected = Golden.Expected.ReadF32(name), wanted = new float[rows.Length];
        for (int i = 0; i < real.Length; i++)
        {
            int at = ((real[i].Sample * positions.Length) + real[i].Index) * V;
            rows.AsSpan(i * V, V).CopyTo(padded.AsSpan(at));
            if (at + V <= expected.Length)
            {
                expected.AsSpan(at, V).CopyTo(wanted.AsSpan(i * V));
            }
        }

        TensorDump?.Add(name, padded, starts.Length, positions.Length, V);
        double error = padded.Length == expected.Length ? Distance.Relative(rows, wanted) : double.PositiveInfinity;
        run.Check(Id(area, name), error, tolerance);
    }

    private static float[] LogitRows(Tensor hidden, int[] rows, StepScope scope, LoadedModel loaded) =>
        loaded.Model.LmHead.Forward(scope, GatherRows.Forward(scope, hidden, scope.From(rows))).ToHost<float>();

    private static string FirstDifference(long[] computed, long[] expected)
    {
        if (computed.Length != expected.Length)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{computed.Length} values, {expected.Length} expected");
        }

        for (int i = 0; i < computed.Length; i++)
        {
            if (computed[i] != expected[i])
            {
                return string.Create(CultureInfo.InvariantCulture, $"at {i}: {computed[i]}, expected {expected[i]}");
            }
        }

        return "";
    }
}
