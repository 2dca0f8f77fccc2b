using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;

namespace Lorikeet.Models.Tests.Decoders;

/// <summary>A small decoder of a text config with random weights, beside its twin in plain arithmetic.</summary>
internal sealed class TinyDecoder : IDisposable
{
    public const int Vocabulary = 16;

    private readonly CpuDevice _device = new(new CpuOptions { Threads = 2 });
    private readonly Arena _arena;
    private readonly JsonObject _config;
    private readonly Dictionary<string, double[]> _weights;

    public TinyDecoder(string json)
    {
        _arena = new Arena(_device);
        Parameters = new Parameters(_device, _arena);
        _config = Config(json);
        DecoderConfig read = DecoderConfig.From(ConfigSection.From("config.json", JsonDocument.Parse(_config.ToJsonString()).RootElement));
        var scope = new WeightScope(new SeededWeights(Parameters));
        Decoder = new Decoder(scope["model"], read);
        _weights = scope.Parts.Params.ToDictionary(p => p.Name, p => Array.ConvertAll(p.Value.ToHost<float>(), x => (double)x));
        Hidden = read.Hidden;
    }

    public Parameters Parameters { get; }

    public Decoder Decoder { get; }

    /// <summary>C.</summary>
    public int Hidden { get; }

    /// <summary>The sizes that the tests share, and what the argument adds or changes.</summary>
    public static JsonObject Config(string json)
    {
        JsonObject config = JsonNode.Parse("""
            {"model_type":"llama","hidden_size":32,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,
             "vocab_size":16,"rms_norm_eps":1e-5,"max_position_embeddings":16}
            """)!.AsObject();
        foreach ((string key, JsonNode? value) in JsonNode.Parse(json)!.AsObject())
        {
            config[key] = value?.DeepClone();
        }

        return config;
    }

    /// <summary>Embeddings of some sequences, one behind the other.</summary>
    public float[] Draw(int[] lengths, ulong seed = 5)
    {
        float[] x = new float[lengths.Sum() * Hidden];
        Rng.FillNormal(x, 1f, seed);
        return x;
    }

    public static TokenBatch Tokens(int[] lengths)
    {
        int[] ids = new int[lengths.Sum()];
        return new TokenBatch(ids, ids, lengths, []);
    }

    /// <summary>Final hidden states of embeddings.</summary>
    public float[] Run(float[] x, int[] lengths, KvCache? cache = null)
    {
        using var scope = new StepScope(_device, _arena, record: false);
        return Decoder.Forward(scope, scope.From(x, new Shape(lengths.Sum(), Hidden)), Tokens(lengths), cache, new DecoderOptions(false)).ToHost<float>();
    }

    /// <summary>The gradient of sum(w y) by the embeddings.</summary>
    public float[] Gradient(float[] x, float[] w, int[] lengths)
    {
        Tensor input = Parameters.NewTrained(new Shape(lengths.Sum(), Hidden), x);
        using (var scope = new StepScope(_device, _arena, record: true))
        {
            Tensor y = Decoder.Forward(scope, Tensors.Ops.Reshape.Forward(scope, input, input.Shape), Tokens(lengths), null, new DecoderOptions(false)), weights = scope.From(w, y.Shape), sum = scope.New(new Shape(1));
            scope.Kernels.Sum(y, weights, sum, accumulate: false);
            scope.Record(sum, _ => scope.ShareGrad(y, weights), weights);
            scope.Backward((sum, 1f));
        }

        float[] gradient = input.Grad!.ToHost<float>();
        Parameters.Free(input);
        return gradient;
    }

    /// <summary>What the twin makes of the same embeddings.</summary>
    public double[] Expected(float[] x, int[] lengths, Func<int, int>? lengthAt = null)
    {
        var twin = new ScalarDecoder(_config, _weights, lengthAt);
        var y = new List<double>();
        int start = 0;
        foreach (int length in lengths)
        {
            double[][] rows = [.. Enumerable.Range(start, length).Select(t => Array.ConvertAll(x[(t * Hidden)..((t + 1) * Hidden)], v => (double)v))];
            y.AddRange(twin.Run(rows).SelectMany(row => row));
            start += length;
        }

        return [.. y];
    }

    public void Dispose()
    {
        _arena.Dispose();
        _device.Dispose();
    }

    /// <summary>Random values for every tensor, biases and norms as well.</summary>
    private sealed class SeededWeights(Parameters parameters) : IWeightSource
    {
        public bool Contains(string name) => true;

        public Tensor Read(string name, Shape shape)
        {
            float[] values = new float[shape.Count];
            Rng.FillNormal(values, 0.25f, Rng.Key(7, Rng.Key(name)));
            if (shape.Rank == 1 && name.EndsWith("weight", StringComparison.Ordinal))
            {
                values = Array.ConvertAll(values, v => 1 + v);
            }

            Tensor x = parameters.New(shape, DType.F32, MemoryUse.Weights);
            x.CopyFrom<float>(values);
            return x;
        }
    }
}
