using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Backbones;

/// <summary>The Llama decoder: pre-norm blocks of grouped-query attention with rotary positions and a gated MLP.</summary>
/// <remarks>Source: Touvron et al. 2023; behaviour of transformers' <c>LlamaModel</c>.</remarks>
public sealed class Llama
{
    private readonly LlamaConfig _config;
    private readonly Block[] _blocks;
    private readonly Nn.RmsNorm _norm;

    /// <summary>Builds the decoder at a place of the tree.</summary>
    public Llama(WeightScope w, LlamaConfig config)
    {
        _config = config;
        Embeddings = w["embed_tokens"].Param("weight", new Shape(config.VocabularySize, config.Hidden));
        _blocks = new Block[config.Layers];
        for (int i = 0; i < _blocks.Length; i++)
        {
            _blocks[i] = new Block(w["layers"][i], config);
        }

        _norm = w["norm"].RmsNorm(config.Hidden, config.NormEps);
    }

    /// <summary>Token embeddings [V, C].</summary>
    public Param Embeddings { get; }

    /// <summary>Final hidden states of embedded tokens.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="hidden">[N, C] embeddings, with image features in place.</param>
    /// <param name="tokens">Lengths of the sequences.</param>
    /// <param name="cache">Earlier keys and values, or null.</param>
    /// <param name="checkpoint">Whether to recompute blocks in the backward pass.</param>
    /// <returns>[N, C].</returns>
    public Tensor Forward(StepScope scope, Tensor hidden, TokenBatch tokens, KvCache? cache, bool checkpoint)
    {
        (Tensor cos, Tensor sin) = _config.Rotary.Angles(scope, tokens.Positions(cache is null ? null : cache.Length));
        Step step;
        if (cache is null)
        {
            step = new Step(cos, sin, AttentionSegments.Of(tokens.Lengths, causal: true), null, null);
        }
        else
        {
            (int[] rows, AttentionSegments segments) = cache.Reserve(tokens.Lengths);
            step = new Step(cos, sin, segments, cache, scope.From(rows));
        }

        for (int i = 0; i < _blocks.Length; i++)
        {
            int layer = i;
            Tensor x = hidden;
            hidden = checkpoint && scope.IsRecording
                ? scope.Checkpoint(inputs => _blocks[layer].Forward(scope, inputs[0], step, layer), _blocks[layer].Trains, x)
                : scope.Frame(() => _blocks[layer].Forward(scope, x, step, layer));
            scope.Free(x);
        }

        return _norm.Forward(scope, hidden);
    }

    /// <summary>Multiply-adds of the blocks for a batch of sequences.</summary>
    public IEnumerable<FlopCount> Flops(int[] lengths)
    {
        long N = lengths.Sum(l => (long)l);

        // Scores and mixed values of every visible pair; the causal half only.
        double attention = lengths.Sum(l => (double)l * l / 2) * 2 * _config.Heads * _config.HeadWidth;
        return _blocks.SelectMany(block => block.Flops(N, attention));
    }

    private sealed record Step(Tensor Cos, Tensor Sin, AttentionSegments Segments, KvCache? Cache, Tensor? CacheRows);

    private sealed class Block
    {
        private readonly LlamaConfig _config;
        private readonly Nn.RmsNorm _inputNorm, _postNorm;
        private readonly Nn.Linear _q, _k, _v, _o;
        private readonly GatedMlp _mlp;
        private readonly string _path;

        public Block(WeightScope w, LlamaConfig c)
        {
            _config = c;
            _inputNorm = w["input_layernorm"].RmsNorm(c.Hidden, c.NormEps);
            _postNorm = w["post_attention_layernorm"].RmsNorm(c.Hidden, c.NormEps);
            WeightScope a = w["self_attn"], m = w["mlp"];
            _q = a["q_proj"].Linear(c.Hidden, c.Heads * c.HeadWidth, c.AttentionBias);
            _k = a["k_proj"].Linear(c.Hidden, c.KvHeads * c.HeadWidth, c.AttentionBias);
            _v = a["v_proj"].Linear(c.Hidden, c.KvHeads * c.HeadWidth, c.AttentionBias);
            _o = a["o_proj"].Linear(c.Heads * c.HeadWidth, c.Hidden, c.AttentionBias);
            _path = a.Path;
            _mlp = new GatedMlp(
                m["gate_proj"].Linear(c.Hidden, c.MlpWidth, c.MlpBias),
                m["up_proj"].Linear(c.Hidden, c.MlpWidth, c.MlpBias),
                m["down_proj"].Linear(c.MlpWidth, c.Hidden, c.MlpBias),
                c.Activation);
        }

        public IEnumerable<Nn.Linear> Linears => [_q, _k, _v, _o, _mlp.Gate, _mlp.Up, _mlp.Down];

        public bool Trains => Linears.Any(l => l.Adapter is not null || l.Weight.Trained is not null);

        public IEnumerable<FlopCount> Flops(long N, double attention)
        {
            FlopCount Of(Nn.Linear layer, bool sharesInput = false) => new(layer.Path, N, (double)N * layer.Weight.In * layer.Weight.Out, layer, sharesInput);
            return
            [
                Of(_q), Of(_k, true), Of(_v, true), new FlopCount(_path, N, attention, null), Of(_o),
                Of(_mlp.Gate), Of(_mlp.Up, true), Of(_mlp.Down),
            ];
        }

        public Tensor Forward(StepScope scope, Tensor x, Step step, int layer)
        {
            Tensor h = Add.Forward(scope, x, scope.Frame(() => Attend(scope, _inputNorm.Forward(scope, x), step, layer)));
            return Add.Forward(scope, h, scope.Frame(() => _mlp.Forward(scope, _postNorm.Forward(scope, h))));
        }

        private Tensor Attend(StepScope scope, Tensor x, Step step, int layer)
        {
            int N = x.Shape[0], D = _config.HeadWidth;
            Tensor q = Heads(scope, _q.Forward(scope, x), _config.Heads), k = Heads(scope, _k.Forward(scope, x), _config.KvHeads);
            Tensor v = Heads(scope, _v.Forward(scope, x), _config.KvHeads);
            q = Rope.Forward(scope, RopePairing.HalfSplit, q, step.Cos, step.Sin);
            k = Rope.Forward(scope, RopePairing.HalfSplit, k, step.Cos, step.Sin);
            if (step.Cache is not null)
            {
                step.Cache.Write(scope, layer, step.CacheRows!, k, v);
                (k, v) = (step.Cache.Keys(layer), step.Cache.Values(layer));
            }

            Tensor y = Tensors.Ops.Attention.Forward(scope, q, k, v, step.Segments, new AttentionOptions(1f / MathF.Sqrt(D)));
            return _o.Forward(scope, Reshape.Forward(scope, y, new Shape(N, _config.Heads * D)));
        }

        private Tensor Heads(StepScope scope, Tensor x, int heads) =>
            Reshape.Forward(scope, x, new Shape(x.Shape[0], heads, _config.HeadWidth));
    }
}

/// <summary>Sizes of a Llama decoder.</summary>
/// <param name="Hidden">C.</param>
/// <param name="Layers">L.</param>
/// <param name="Heads">H.</param>
/// <param name="KvHeads">K.</param>
/// <param name="HeadWidth">D.</param>
/// <param name="MlpWidth">F.</param>
/// <param name="VocabularySize">V.</param>
/// <param name="NormEps">Of the norms.</param>
/// <param name="Activation">Of the gate.</param>
/// <param name="AttentionBias">Whether projections have biases.</param>
/// <param name="MlpBias">Whether the MLP has biases.</param>
/// <param name="Rotary">Angles.</param>
public sealed record LlamaConfig(
    int Hidden,
    int Layers,
    int Heads,
    int KvHeads,
    int HeadWidth,
    int MlpWidth,
    int VocabularySize,
    float NormEps,
    ActivationKind Activation,
    bool AttentionBias,
    bool MlpBias,
    RotaryEmbedding Rotary)
{
    /// <summary>Reads a text config of model type <c>llama</c>.</summary>
    public static LlamaConfig From(ConfigSection c)
    {
        int hidden = c.Int("hidden_size"), heads = c.Int("num_attention_heads");
        int width = c.Int("head_dim", heads == 0 ? 0 : hidden / heads);
        return new LlamaConfig(
            hidden,
            c.Int("num_hidden_layers"),
            heads,
            c.Int("num_key_value_heads", heads),
            width,
            c.Int("intermediate_size"),
            c.Int("vocab_size"),
            (float)c.Double("rms_norm_eps", 1e-6),
            Activations.Named(c, "hidden_act", "silu"),
            c.Bool("attention_bias", false),
            c.Bool("mlp_bias", false),
            RotaryEmbedding.FromConfig(c.Json, width));
    }
}
