using System.Text.Json.Nodes;

namespace Lorikeet.Models.Tests.Decoders;

/// <summary>The decoder of Llama and its kin in plain double arithmetic, written from the papers: one loop per sum, nothing shared with the library.</summary>
/// <param name="config">The text config.</param>
/// <param name="weights">Tensors by name.</param>
/// <param name="lengthAt">The length by which the token of a place turns; null for that of its sequence.</param>
internal sealed class ScalarDecoder(JsonObject config, IReadOnlyDictionary<string, double[]> weights, Func<int, int>? lengthAt = null)
{
    private readonly int _hidden = Int(config, "hidden_size"), _heads = Int(config, "num_attention_heads"), _keyHeads = Int(config, "num_key_value_heads");

    private int Width => config["head_dim"]?.GetValue<int>() ?? (_hidden / _heads);

    /// <summary>Final hidden states of one sequence of embeddings [T][C].</summary>
    public double[][] Run(double[][] x)
    {
        for (int layer = 0; layer < Int(config, "num_hidden_layers"); layer++)
        {
            string at = $"model.layers.{layer}.";
            double[][] attended = Attend([.. x.Select(row => Norm(row, at + "input_layernorm"))], at + "self_attn.", layer);
            x = [.. x.Zip(attended, Sum)];
            x = [.. x.Select(row => Sum(row, Mlp(Norm(row, at + "post_attention_layernorm"), at + "mlp.")))];
        }

        return [.. x.Select(row => Norm(row, "model.norm"))];
    }

    private static int Int(JsonObject json, string key) => json[key]!.GetValue<int>();

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (p, q) => p + q)];

    private double[] Norm(double[] x, string name)
    {
        double rms = Math.Sqrt(x.Average(v => v * v) + config["rms_norm_eps"]!.GetValue<double>());
        double[] weight = weights[name + ".weight"];
        return [.. x.Select((v, i) => v / rms * weight[i])];
    }

    private double[] Multiply(string name, double[] x)
    {
        double[] w = weights[name + ".weight"], bias = weights.GetValueOrDefault(name + ".bias", []);
        double[] y = new double[w.Length / x.Length];
        for (int o = 0; o < y.Length; o++)
        {
            y[o] = bias.Length == 0 ? 0 : bias[o];
            for (int i = 0; i < x.Length; i++)
            {
                y[o] += w[(o * x.Length) + i] * x[i];
            }
        }

        return y;
    }

    private double[] Mlp(double[] x, string at)
    {
        double[] both = weights.ContainsKey(at + "gate_up_proj.weight") ? Multiply(at + "gate_up_proj", x) : [.. Multiply(at + "gate_proj", x), .. Multiply(at + "up_proj", x)];
        int half = both.Length / 2;
        return Multiply(at + "down_proj", [.. Enumerable.Range(0, half).Select(i => both[i] / (1 + Math.Exp(-both[i])) * both[half + i])]);
    }

    private double[][] Attend(double[][] x, string at, int layer)
    {
        int T = x.Length, D = Width;
        double[][] all = [.. x.Select(row => weights.ContainsKey(at + "qkv_proj.weight")
            ? Multiply(at + "qkv_proj", row)
            : (double[])[.. Multiply(at + "q_proj", row), .. Multiply(at + "k_proj", row), .. Multiply(at + "v_proj", row)])];
        double[] Head(int t, int head, string? norm)
        {
            double[] part = all[t][(head * D)..((head + 1) * D)];
            return norm is null ? part : Turn(weights.ContainsKey(at + norm + ".weight") ? Norm(part, at + norm) : part, t, lengthAt?.Invoke(t) ?? T);
        }

        double[][] y = new double[T][];
        for (int t = 0; t < T; t++)
        {
            var row = new List<double>();
            for (int h = 0; h < _heads; h++)
            {
                int key = h * _keyHeads / _heads;
                double[] q = Head(t, h, "q_norm");
                int[] seen = [.. Enumerable.Range(0, t + 1).Where(s => Window(layer) is not { } window || t - s < window)];
                double[] scores = [.. seen.Select(s => q.Zip(Head(s, _heads + key, "k_norm"), (a, b) => a * b).Sum() / Math.Sqrt(D))];
                double largest = scores.Max(), total = scores.Sum(s => Math.Exp(s - largest));
                for (int d = 0; d < D; d++)
                {
                    row.Add(seen.Select((s, i) => Math.Exp(scores[i] - largest) / total * all[s][((_heads + _keyHeads + key) * D) + d]).Sum());
                }
            }

            y[t] = Multiply(at + "o_proj", [.. row]);
        }

        return y;
    }

    private int? Window(int layer)
    {
        if (config["sliding_window"] is not { } window || config["use_sliding_window"]?.GetValue<bool>() == false)
        {
            return null;
        }

        bool slides = config["layer_types"] is JsonArray types
            ? types[layer]!.GetValue<string>() == "sliding_attention"
            : config["max_window_layers"] is not { } first || layer >= first.GetValue<int>();
        return slides ? window.GetValue<int>() : null;
    }

    private double[] Turn(double[] x, int position, int length)
    {
        (double[] frequencies, double scale) = ScalarRope.Of(config, Width, length);
        double[] y = [.. x];
        int half = frequencies.Length;
        for (int i = 0; i < half; i++)
        {
            double c = Math.Cos(position * frequencies[i]) * scale, s = Math.Sin(position * frequencies[i]) * scale;
            y[i] = (x[i] * c) - (x[i + half] * s);
            y[i + half] = (x[i + half] * c) + (x[i] * s);
        }

        return y;
    }
}

/// <summary>Rotary frequencies by the formulas of the papers, in double.</summary>
internal static class ScalarRope
{
    public static (double[] Frequencies, double Scale) Of(JsonObject config, int headWidth, int length)
    {
        JsonObject settings = (config["rope_parameters"] ?? config["rope_scaling"]) as JsonObject ?? [];
        double Get(string key, double otherwise) => settings[key]?.GetValue<double>() ?? config[key]?.GetValue<double>() ?? otherwise;
        double theta = Get("rope_theta", 10000), most = config["max_position_embeddings"]?.GetValue<double>() ?? 0;
        int D = (int)(headWidth * Get("partial_rotary_factor", 1));
        string type = (settings["rope_type"] ?? settings["type"])?.GetValue<string>() ?? "default";
        double original = config["original_max_position_embeddings"]?.GetValue<double>() ?? settings["original_max_position_embeddings"]?.GetValue<double>() ?? most;
        double factor = settings["factor"]?.GetValue<double>() ?? (most / original);
        double[] Plain(double b) => [.. Enumerable.Range(0, D / 2).Select(i => Math.Pow(b, -2.0 * i / D))];
        switch (type)
        {
            case "linear":
                return ([.. Plain(theta).Select(f => f / factor)], 1);
            case "dynamic":
                double s = Math.Max(1, length / most);
                return (Plain(theta * Math.Pow((factor * s) - (factor - 1), D / (D - 2.0))), 1);
            case "yarn":
                double slow = settings["beta_slow"]?.GetValue<double>() ?? 1, fast = settings["beta_fast"]?.GetValue<double>() ?? 32;
                double At(double turns) => D * Math.Log(original / (2 * Math.PI * turns)) / (2 * Math.Log(theta));
                double low = Math.Max(0, Math.Floor(At(fast))), high = Math.Min(D - 1, Math.Ceiling(At(slow)));
                double scale = settings["attention_factor"]?.GetValue<double>() ?? ((0.1 * Math.Log(factor)) + 1);
                return ([.. Plain(theta).Select((f, i) =>
                {
                    double gamma = Math.Clamp((i - low) / (high - low), 0, 1);
                    return (gamma * f / factor) + ((1 - gamma) * f);
                })], scale);
            case "longrope":
                JsonArray factors = settings[length > original ? "long_factor" : "short_factor"]!.AsArray();
                return ([.. Plain(theta).Select((f, i) => f / factors[i]!.GetValue<double>())], Math.Sqrt(1 + (Math.Log(factor) / Math.Log(original))));
            case "default":
                return (Plain(theta), 1);
            default:
                throw new NotSupportedException(type);
        }
    }
}
