using System.Globalization;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Generation.Tests;

public sealed class LogitsProcessorTests
{
    private sealed record Goldens(Dictionary<string, float[]> Tensors, int[][] Tokens, int Rows, int Vocabulary);

    private static readonly Lazy<Goldens> Data = new(() =>
    {
        using var file = SafeTensorsFile.Open(Golden.Path("sampling", "processors.safetensors"));
        var tensors = file.Tensors.Keys.Where(k => k != "input_ids").ToDictionary(k => k, file.ReadF32);
        var ids = file.ReadI64("input_ids");
        var shape = file.Info("logits").Shape;
        var (rows, vocabulary) = ((int)shape[0], (int)shape[1]);
        return new Goldens(tensors, [.. ids.Select(i => (int)i).Chunk(ids.Length / rows)], rows, vocabulary);
    });

    public static TheoryData<string> Keys => [.. Data.Value.Tensors.Keys.Where(k => k is not ("logits" or "chain" or "chain_probs"))];

    [Theory]
    [MemberData(nameof(Keys))]
    public void Processor_equals_the_reference(string key) => Check(key, [Processor(key)]);

    [Fact]
    public void Chain_equals_the_reference()
    {
        var options = new SamplingOptions { RepetitionPenalty = 1.2, Temperature = 0.8, TopK = 20, TopP = 0.85, MinP = 0.02 };
        var probabilities = Check("chain", [.. Sampler.Processors(options)]).SelectMany(row => Candidates.Softmax(row)).ToArray();
        var expected = Data.Value.Tensors["chain_probs"];
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], probabilities[i], 1e-6f);
        }
    }

    private static List<float[]> Check(string key, IReadOnlyList<ILogitsProcessor> processors)
    {
        var data = Data.Value;
        var results = new List<float[]>();
        for (var row = 0; row < data.Rows; row++)
        {
            var logits = data.Tensors["logits"].AsSpan(row * data.Vocabulary, data.Vocabulary).ToArray();
            foreach (var processor in processors)
            {
                processor.Apply(logits, data.Tokens[row]);
            }

            Assert.Equal(data.Tensors[key].AsSpan(row * data.Vocabulary, data.Vocabulary).ToArray(), logits);
            results.Add(logits);
        }

        return results;
    }

    private static ILogitsProcessor Processor(string key)
    {
        var value = double.Parse(key[(key.LastIndexOf('_', key.Length - (key.EndsWith("min3", StringComparison.Ordinal) ? 6 : 1)) + 1)..].Replace("_min3", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
        return key[..key.IndexOf('_', StringComparison.Ordinal)] switch
        {
            "repetition" => new RepetitionPenalty(value),
            "no" => new NoRepeatNgram((int)value),
            "temperature" => new Temperature(value),
            "epsilon" => new EpsilonCutoff(value),
            "eta" => new EtaCutoff(value),
            "min" => new MinP(value),
            "typical" => new TypicalP(value),
            "top" when key.StartsWith("top_k", StringComparison.Ordinal) => new TopK((int)value),
            "top" => new TopP(value, key.EndsWith("_min3", StringComparison.Ordinal) ? 3 : 1),
            _ => throw new InvalidOperationException($"a processor the tests don't know: {key}"),
        };
    }
}
