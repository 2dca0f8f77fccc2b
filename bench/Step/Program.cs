using System.Globalization;
using Lorikeet.Adapters;
using Lorikeet.Bench.Step;
using Lorikeet.Models;
using Lorikeet.Models.Families;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Ops;

// Where the processor time of a LoRA step goes, kernel by kernel, on a SmolVLM-256M shape with random weights:
// dotnet run -c Release --project bench/Step -- [tiles] [bf16|f32] [freeze|all] [steps]
int tiles = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1;
Compute compute = args.Length > 1 && args[1] == "f32" ? Compute.F32 : Compute.BF16;
bool frozen = args.Length <= 2 || args[2] == "freeze";
int steps = args.Length > 3 ? int.Parse(args[3], CultureInfo.InvariantCulture) : 3;

TimedKernels? timed = null;
using var device = new CpuDevice(new CpuOptions { Threads = 1, Wrap = kernels => timed = new TimedKernels(kernels) });
using var arena = new Arena(device);
var parameters = new Parameters(device, arena);
using SmolVlm model = RandomModel.Make(parameters);
var config = new LoraConfig
{
    R = 8,
    LoraAlpha = 16,
    InitLoraWeights = LoraInit.Gaussian,
    TargetModules = ModuleMatch.OfPattern((frozen ? @"model\.text_model" : "model") + @"\..*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"),
};
AdapterSet adapters = AdapterSet.Attach(model.Parts, model.LmHead, config, parameters, seed: 1);
ModelInput batch = RandomModel.Batch(2, tiles, 80);
(int[] rows, int[] labels) = batch.Tokens.Supervised();
double flops = Flops.OfStep(model, batch);
for (int step = 0; step < steps; step++)
{
    timed!.Reset();
    double start = Environment.CpuUsage.TotalTime.TotalSeconds;
    using (var scope = new StepScope(device, arena, record: true) { Compute = compute, Training = true })
    {
        Tensor hidden = model.Hidden(scope, batch);
        Tensor losses = LinearCrossEntropy.Forward(scope, hidden, model.LmHead.Weight, scope.From(rows), scope.From(labels));
        scope.Backward((Sum.Forward(scope, losses), 1f / rows.Length));
    }

    double seconds = Environment.CpuUsage.TotalTime.TotalSeconds - start;
    foreach ((_, Tensor value) in adapters.Trained)
    {
        Parameters.ClearGradient(value);
    }

    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"step {step}: {seconds:f2} s of one core, {flops / seconds / 1e9:f0} GFLOP/s, peak {arena.Account.Peak >> 20} MiB, {batch.Tokens.Count} tokens"));
    if (step == steps - 1)
    {
        Console.WriteLine("| kernel | calls | ms | share |");
        Console.WriteLine("|---|---|---|---|");
        timed.Print(seconds);
    }
}

namespace Lorikeet.Bench.Step
{
    /// <summary>What the mathematics of a step needs.</summary>
    internal static class Flops
    {
        /// <summary>2 per multiply-add: forward everywhere, input gradients from the first trained layer on, low-rank factors not counted.</summary>
        public static double OfStep(VisionLanguageModel model, ModelInput batch)
        {
            double sum = 0;
            foreach (FlopCount count in model.Flops(batch))
            {
                Nn.Linear? layer = count.Layer;
                bool back = layer is null ? count.Path.Contains("text", StringComparison.Ordinal) : model.TowerOf(layer.Path) is Tower.Language or Tower.Head;
                sum += 2 * count.MultiplyAdds * (back ? layer is null ? 3 : 2 : 1);
            }

            return sum;
        }
    }
}
