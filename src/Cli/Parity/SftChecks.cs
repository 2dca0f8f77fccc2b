using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;
using Lorikeet.Training.Optim;

namespace Lorikeet.Cli.Parity;

/// <summary>Compares a training run with its golden: every step, and the weights it ends with.</summary>
internal sealed class SftChecks(ParityRun run, CheckId id, JsonElement golden, SafeTensorsFile expected, SftRun sft)
{
    private const double Trajectory = 1e-3, RateTolerance = 1e-6, AdapterWeights = 1e-4, FullWeights = 1e-3;
    private const int FirstRows = 32;
    private readonly HashSet<string> _unknown = [.. expected.Tensors.Keys];

    private bool IsAdapter => golden.GetProperty("meta").TryGetProperty("peft", out _);

    private DumpFile? Dump => run.DumpOf(id.Area, id.Family, id.Case + ".safetensors");

    /// <summary>Repeats the adapter's first values in the dump.</summary>
    public void Start()
    {
        foreach (TrainedTensor tensor in sft.Tensors)
        {
            string key = "init." + tensor.Name;
            if (_unknown.Remove(key))
            {
                Dump?.Add(key, tensor.Value.ToHost<float>(), sft.ShapeOf(tensor));
            }
        }
    }

    /// <summary>Compares everything.</summary>
    public void Finish()
    {
        var whole = new GoldenItem(run, id, golden);
        whole.Sources("run", "family", "hyper", "reorder_noise", "meta");
        Steps(whole);
        whole.Computed["meta"] = Meta();
        whole.SkipOthers();
        run.DumpOf(id.Area, id.Family, id.Case + ".json")?.Json(whole.Computed);
        IReadOnlyDictionary<string, float[]> final = sft.Values();
        foreach (TrainedTensor tensor in sft.Tensors)
        {
            Weights("step2." + tensor.Name, tensor, sft.AfterTwo.GetValueOrDefault(tensor.Name) ?? []);
            Weights("final." + tensor.Name, tensor, final[tensor.Name]);
            Weights("final_rows32." + tensor.Name, tensor, final[tensor.Name]);
        }

        // What is expected of a tensor that doesn't train here is a difference in what trains.
        foreach (string key in _unknown.Order(StringComparer.Ordinal))
        {
            run.Exact(id with { Quantity = key }, false, "nothing of this name is trained");
        }
    }

    private void Steps(GoldenItem whole)
    {
        int index = 0;
        whole.List("steps", (item, source) =>
        {
            item.Sources("step", "microbatches");
            var step = sft.Steps[index++];
            item.Exact("num_items", step.SupervisedTokens);
            item.Relative("loss", step.Loss, Trajectory);
            item.Relative("grad_norm", step.GradNorm, Trajectory);
            item.Relative("lr", step.LearningRate, RateTolerance);
        });
    }

    private JsonObject Meta()
    {
        var meta = new GoldenItem(run, id with { Quantity = "meta" }, golden.GetProperty("meta"));
        meta.Sources("peft");
        meta.Relative("eval_losses_after", sft.Losses(), Trajectory);
        meta.SameNames("no_grad_parameters", sft.WithoutGradient());
        meta.SameNames("no_weight_decay_parameters", sft.Tensors.Where(t => !t.Decays).Select(t => t.Name));
        if (golden.GetProperty("meta").TryGetProperty("final_l2_norms", out JsonElement norms))
        {
            var item = new GoldenItem(run, id with { Quantity = "meta.final_l2_norms" }, norms);
            foreach (TrainedTensor tensor in sft.Tensors)
            {
                double norm = Math.Sqrt(tensor.Value.ToHost<float>().Sum(v => (double)v * v));
                item.Relative(tensor.Name, norm, Math.Max(Trajectory, Drift(tensor.Name) * Math.Sqrt(tensor.Value.Count) / Math.Max(norm, 1e-9)));
            }

            item.SkipOthers();
            meta.Add("final_l2_norms", item.Computed);
        }

        meta.SkipOthers();
        return meta.Computed;
    }

    private void Weights(string key, TrainedTensor tensor, float[] computed)
    {
        if (!_unknown.Remove(key))
        {
            return;
        }

        long[] shape = sft.ShapeOf(tensor);
        if (key.StartsWith("final_rows32.", StringComparison.Ordinal) && shape[0] > FirstRows)
        {
            computed = computed[..checked((int)(computed.Length / shape[0] * FirstRows))];
            shape[0] = FirstRows;
        }

        Dump?.Add(key, computed, shape);
        double tolerance = IsAdapter ? AdapterWeights : Math.Max(FullWeights, Drift(tensor.Name));
        run.Check(id with { Quantity = key }, Distance.MaxAbs(computed, expected.ReadF32(key)), tolerance);
    }

    /// <summary>
    /// How far a bias may go astray in full training: the gradient of key biases is zero but for rounding, which Adam makes into
    /// updates. The reference's own two runs tell such biases apart; they are compared loosely, everything else is not.
    /// </summary>
    private double Drift(string name) =>
        name.EndsWith(".bias", StringComparison.Ordinal)
        && golden.TryGetProperty("reorder_noise", out JsonElement noise) && noise.TryGetProperty("final", out JsonElement tensors)
        && tensors.TryGetProperty(name, out JsonElement value) && value.GetDouble() is > 1e-5 and var moved
            ? 100 * moved
            : 0;
}
