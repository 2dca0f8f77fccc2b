using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lorikeet.Generation;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>sampling</c>: what each processor makes of the logits, and several in order.</summary>
internal sealed class SamplingArea(ParityRun run)
{
    private const string Area = "sampling", TensorsName = "processors.safetensors", ListName = "processors.json";

    /// <summary>Rounding of the last bit of a logit; a removed entry is removed in both or the error is infinite.</summary>
    private const double Tolerance = 1e-5, ProbabilityTolerance = 1e-6;

    public void Run() => run.Guard(new CheckId(Area, "", "", TensorsName), () =>
    {
        if (!File.Exists(run.At(Area, TensorsName)))
        {
            if (Directory.Exists(run.At(Area)))
            {
                run.Skip(new CheckId(Area, "", "", TensorsName), "the file is not here");
            }

            return;
        }

        using SafeTensorsFile golden = SafeTensorsFile.Open(run.At(Area, TensorsName));
        long[] shape = golden.Info("logits").Shape;
        int rows = (int)shape[0], V = (int)shape[1];
        long[] ids = golden.ReadI64("input_ids");
        var input = new Input(golden.ReadF32("logits"), [.. ids.Select(i => (int)i).Chunk(Math.Max(1, ids.Length / rows))], V);
        run.DumpOf(Area, TensorsName)?.Add("logits", input.Logits, shape);
        run.DumpOf(Area, TensorsName)?.Add("input_ids", ids, golden.Info("input_ids").Shape);
        foreach (string key in golden.Tensors.Keys.Where(k => k is not ("logits" or "input_ids" or "chain" or "chain_probs")))
        {
            var id = new CheckId(Area, "", key, "logits");
            run.Guard(id, () => One(id, input, golden));
        }

        run.Guard(new CheckId(Area, "", "chain", "logits"), () => Chain(input, golden));
    });

    private void One(CheckId id, Input input, SafeTensorsFile golden)
    {
        Match name = Regex.Match(id.Case, @"^(.+)_([0-9.e+-]+?)(?:_min(\d+))?$", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        int kept = name.Groups[3].Success ? int.Parse(name.Groups[3].Value, CultureInfo.InvariantCulture) : 1;
        if (!name.Success || Processor(name.Groups[1].Value, name.Groups[2].Value, kept) is not { } processor)
        {
            run.Skip(id, "a processor that is not known here");
            return;
        }

        Compare(id, golden, Apply(input, [processor]), Tolerance);
    }

    private void Chain(Input input, SafeTensorsFile golden)
    {
        if (!golden.Tensors.ContainsKey("chain") && !golden.Tensors.ContainsKey("chain_probs"))
        {
            return;
        }

        var id = new CheckId(Area, "", "chain", "logits");
        if (!File.Exists(run.At(Area, ListName)))
        {
            run.Skip(id, "processors.json is not here, so the order is unknown");
            return;
        }

        var processors = new List<ILogitsProcessor>();
        foreach (JsonElement step in JsonFile.Read(run.At(Area, ListName)).GetProperty("chain").EnumerateArray())
        {
            string[] words = step.GetString()!.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            processors.Add(Processor(words[0], words[^1], 1) ?? throw new InvalidDataException($"{run.At(Area, ListName)}: the processor '{step}' of the chain is not known"));
        }

        float[] logits = Apply(input, processors);
        if (golden.Tensors.ContainsKey("chain"))
        {
            Compare(id, golden, logits, Tolerance);
        }

        if (golden.Tensors.ContainsKey("chain_probs"))
        {
            float[] probabilities = [.. logits.Chunk(input.V).SelectMany(Softmax)];
            Compare(new CheckId(Area, "", "chain_probs", "probabilities"), golden, probabilities, ProbabilityTolerance);
        }
    }

    private void Compare(CheckId id, SafeTensorsFile golden, float[] computed, double tolerance)
    {
        run.DumpOf(Area, TensorsName)?.Add(id.Case, computed, golden.Info(id.Case).Shape);
        run.Check(id, Distance.MaxAbs(computed, golden.ReadF32(id.Case)), tolerance);
    }

    private static float[] Apply(Input input, IReadOnlyList<ILogitsProcessor> processors)
    {
        float[] logits = [.. input.Logits];
        for (int row = 0; row < input.Tokens.Length; row++)
        {
            foreach (ILogitsProcessor processor in processors)
            {
                processor.Apply(logits.AsSpan(row * input.V, input.V), input.Tokens[row]);
            }
        }

        return logits;
    }

    private static IEnumerable<float> Softmax(float[] logits)
    {
        double max = logits.Max(), sum = logits.Sum(l => Math.Exp(l - max));
        return logits.Select(l => (float)(Math.Exp(l - max) / sum));
    }

    private static ILogitsProcessor? Processor(string name, string text, int kept)
    {
        double value = double.Parse(text, CultureInfo.InvariantCulture);
        return name switch
        {
            "repetition" or "repetition_penalty" => new RepetitionPenalty(value),
            "no_repeat_ngram" or "no_repeat_ngram_size" => new NoRepeatNgram((int)value),
            "temperature" => new Temperature(value),
            "top_k" => new TopK((int)value, kept),
            "top_p" => new TopP(value, kept),
            "min_p" => new MinP(value, kept),
            "typical_p" or "typical" => new TypicalP(value, kept),
            "epsilon" or "epsilon_cutoff" => new EpsilonCutoff(value, kept),
            "eta" or "eta_cutoff" => new EtaCutoff(value, kept),
            _ => null,
        };
    }

    /// <param name="Logits">[rows, V].</param>
    /// <param name="Tokens">Tokens so far, per row.</param>
    /// <param name="V">Vocabulary.</param>
    private sealed record Input(float[] Logits, int[][] Tokens, int V);
}
