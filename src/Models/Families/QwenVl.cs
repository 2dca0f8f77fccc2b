using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// Qwen-VL of the first generation: a vision transformer, a resampler to 256 features a picture, and the first Qwen decoder, which beyond
/// its training length scales queries and slows down its rotary angles when it is evaluated.
/// </summary>
/// <remarks>
/// Source: Bai et al. 2023, "Qwen-VL"; behaviour of the modules that ship with the checkpoints. Checkpoints: Qwen/Qwen-VL and
/// Qwen/Qwen-VL-Chat. Known deviations: the length that slows the angles is that of each sequence, in the reference that of the padded
/// batch; the reference, training, keeps the slowing of its last evaluation, here training never slows.
/// </remarks>
public sealed class QwenVl : VisionLanguageModel
{
    /// <summary>Pictures that a frozen tower processes at a time.</summary>
    private const int FrozenPicturesAtOnce = 4;

    private readonly QwenVlConfig _config;
    private readonly QwenVlTower _tower;
    private readonly FusedDecoder _text;
    private readonly Param _words;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public QwenVl(WeightScope w, QwenVlConfig config, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        WeightScope transformer = w["transformer"];
        _words = transformer["wte"].Param("weight", new Shape(config.Vocabulary, config.Hidden));
        _tower = new QwenVlTower(transformer["visual"], config);
        FusedBlock[] blocks = [.. Enumerable.Range(0, config.Layers).Select(i => Block(transformer["h"][i], config))];
        _text = new FusedDecoder(blocks, new FusedHeads(config.Heads, config.Heads, config.HeadWidth), transformer["ln_f"].RmsNorm(config.Hidden, config.NormEps));
        LmHead = w["lm_head"].Linear(config.Hidden, config.Vocabulary, bias: false);
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <summary>The connector comes first: its path lies inside the tower's.</summary>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Connector] = "transformer.visual.attn_pool",
        [Tower.Vision] = "transformer.visual",
        [Tower.Language] = "transformer.h",
    };

    /// <inheritdoc/>
    protected override IReadOnlyList<KeyValuePair<Tower, string>> Outlying { get; } = [new(Tower.Language, "transformer.wte"), new(Tower.Language, "transformer.ln_f")];

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) => _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        TokenBatch tokens = input.Tokens;
        Tensor hidden = GatherRows.Forward(scope, _words.Value, scope.From(tokens.Ids));
        if (input.Vision is QwenVlVision vision)
        {
            int[] rows = Slots(tokens, vision);
            Tensor features = scope.Frame(() => Features(scope, vision));
            Observer?.Invoke("image_features", features);
            VisionDone?.Invoke();
            hidden = ReplaceRows.Forward(scope, hidden, features, scope.From(rows));
        }

        scope.RowKeys = RowKeys(scope, tokens.Keys);
        int[] positions = tokens.Positions(cache is null ? null : cache.Length);
        return _text.Forward(scope, hidden, tokens, cache, new FusedOptions(Angles(scope, tokens, positions, cache), GradientCheckpointing, QueryFactors(scope, positions)));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input) =>
    [
        .. input.Vision is QwenVlVision vision ? _tower.Flops(vision.Pictures) : [],
        .. _text.Flops(input.Tokens.Lengths),
        FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length),
    ];

    private static FusedBlock Block(WeightScope w, QwenVlConfig c)
    {
        WeightScope attention = w["attn"], mlp = w["mlp"];
        var norms = (w["ln_1"].RmsNorm(c.Hidden, c.NormEps), w["ln_2"].RmsNorm(c.Hidden, c.NormEps));
        Nn.Linear qkv = attention["c_attn"].Linear(c.Hidden, 3 * c.Hidden, bias: true), output = attention["c_proj"].Linear(c.Hidden, c.Hidden, c.Bias);
        Nn.Linear up = mlp["w1"].Linear(c.Hidden, c.MlpWidth, c.Bias), gate = mlp["w2"].Linear(c.Hidden, c.MlpWidth, c.Bias);
        return new FusedBlock(norms.Item1, norms.Item2, qkv, output, new GatedMlp(gate, up, mlp["c_proj"].Linear(c.MlpWidth, c.Hidden, c.Bias), ActivationKind.Silu));
    }

    /// <summary>The tokens that features replace: those behind each image start, as many as the tokenizer writes.</summary>
    private int[] Slots(TokenBatch tokens, QwenVlVision vision)
    {
        var rows = new List<int>();
        int n = 0;
        for (int b = 0; b < tokens.Sequences; b++)
        {
            int before = rows.Count, end = n + tokens.Lengths[b];
            for (; n < end; n++)
            {
                int last = n + QwenVlConfig.SlotTokens + 1;
                if (tokens.Ids[n] == _config.ImageStartId && last < end && tokens.Ids[last] == _config.ImageStartId + 1)
                {
                    rows.AddRange(Enumerable.Range(n + 1, QwenVlConfig.SlotTokens));
                    n = last;
                }
            }

            if (rows.Count - before != vision.FeatureRows[b])
            {
                throw new InvalidDataException(FormattableString.Invariant($"sequence {b} has {rows.Count - before} image tokens but {vision.FeatureRows[b]} image features"));
            }
        }

        return [.. rows];
    }

    private Tensor Features(StepScope scope, QwenVlVision vision)
    {
        _tower.Observer = Observer;
        return (scope.IsRecording && _tower.Trains) || Observer is not null || vision.Pictures <= FrozenPicturesAtOnce
            ? _tower.Forward(scope, vision, 0, vision.Pictures, GradientCheckpointing)
            : FrozenChunks.Forward(
                scope,
                [.. Enumerable.Repeat(_config.Queries, vision.Pictures)],
                _config.Hidden,
                FrozenPicturesAtOnce,
                (first, count) => _tower.Forward(scope, vision, first, count, checkpoint: false));
    }

    /// <summary>Cosines and sines [N, D/2]; evaluating, a sequence beyond the training length has a larger base (dynamic NTK), fixed by its prompt.</summary>
    private (Tensor Cos, Tensor Sin) Angles(StepScope scope, TokenBatch tokens, int[] positions, KvCache? cache)
    {
        int half = _config.HeadWidth / 2, n = 0;
        float[] cos = new float[positions.Length * half], sin = new float[cos.Length];
        for (int b = 0; b < tokens.Sequences; b++)
        {
            int length = cache is null || cache.Length(b) == 0 ? tokens.Lengths[b] : cache.FirstLength(b);
            IReadOnlyList<float> frequencies = RotaryEmbedding.Default(_config.HeadWidth, scope.Training ? _config.RopeBase : _config.RopeBaseFor(length)).InverseFrequencies;
            for (int i = 0; i < tokens.Lengths[b] * half; i++, n++)
            {
                (double s, double c) = Math.SinCos(positions[n / half] * frequencies[i % half]);
                (cos[n], sin[n]) = ((float)c, (float)s);
            }
        }

        var shape = new Shape(positions.Length, half);
        return (scope.From(cos, shape), scope.From(sin, shape));
    }

    /// <summary>Factors of the queries beyond the training length (log-n scaling), in evaluation only; null where all are one.</summary>
    private Tensor? QueryFactors(StepScope scope, int[] positions)
    {
        if (scope.Training || !_config.UsesLogN || positions.All(p => p < _config.SequenceLength))
        {
            return null;
        }

        float[] factors = [.. positions.Select(p => p < _config.SequenceLength ? 1f : (float)(Math.Log(p + 1) / Math.Log(_config.SequenceLength)))];
        return scope.From(factors, new Shape(factors.Length));
    }
}

/// <summary>Pictures of a batch as patches.</summary>
/// <param name="FeatureRows">Features per sequence [B].</param>
/// <param name="Pictures">Number of pictures N.</param>
/// <param name="Patches">[N P, 3 PatchSize PatchSize] normalised pixels.</param>
/// <param name="Keys">Random keys of the tower's rows [N P], or empty.</param>
public sealed record QwenVlVision(int[] FeatureRows, int Pictures, float[] Patches, long[] Keys) : VisionInput(FeatureRows);
