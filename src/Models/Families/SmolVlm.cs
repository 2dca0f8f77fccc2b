using Lorikeet.Models.Backbones;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Families;

/// <summary>
/// Idefics3 and SmolVLM: pictures cut into tiles, a SigLIP-type tower per tile, a pixel shuffle that trades patches for
/// width, one linear connector, and a Llama decoder that reads the features in the place of image tokens.
/// </summary>
/// <remarks>
/// Source: Laurençon et al. 2024, "Building and better understanding vision-language models" (Idefics3); Marafioti et al.
/// 2025 (SmolVLM); behaviour of transformers' <c>Idefics3ForConditionalGeneration</c>.
/// Checkpoints: HuggingFaceTB/SmolVLM-256M/500M-Instruct, SmolVLM2, HuggingFaceM4/Idefics3-8B-Llama3.
/// </remarks>
public sealed class SmolVlm : VisionLanguageModel
{
    /// <summary>Tiles that a frozen tower processes at a time: enough rows for full speed, few enough to stay small.</summary>
    private const int FrozenTilesAtOnce = 4;

    private readonly SmolVlmConfig _config;
    private readonly VisionEmbeddings _embeddings;
    private readonly SiglipEncoder _encoder;
    private readonly Nn.LayerNorm _postNorm;
    private readonly Nn.Linear _connector;
    private readonly Decoder _text;

    /// <summary>Builds the model.</summary>
    /// <param name="w">Root of the weights.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="files">Files to close with the model, or null.</param>
    public SmolVlm(WeightScope w, SmolVlmConfig config, IDisposable? files)
        : base(w.Parts, files)
    {
        _config = config;
        WeightScope vision = w["model.vision_model"];
        _embeddings = new VisionEmbeddings(vision["embeddings"], config.Vision);
        _encoder = new SiglipEncoder(vision["encoder"], config.Vision);
        _postNorm = vision["post_layernorm"].LayerNorm(config.Vision.Hidden, config.Vision.NormEps);
        int shuffled = config.Vision.Hidden * config.ScaleFactor * config.ScaleFactor;
        _connector = w["model.connector.modality_projection.proj"].Linear(shuffled, config.Text.Hidden, bias: false);
        _text = new Decoder(w["model.text_model"], config.Text);
        LmHead = _text.Head(w, config.TieWordEmbeddings);
    }

    /// <inheritdoc/>
    public override Nn.Linear LmHead { get; }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<Tower, string> Towers { get; } = new Dictionary<Tower, string>
    {
        [Tower.Vision] = "model.vision_model",
        [Tower.Connector] = "model.connector",
        [Tower.Language] = "model.text_model",
    };

    /// <inheritdoc/>
    public override KvCache NewCache(Parameters parameters, int sequences, int capacity) =>
        _text.NewCache(parameters, sequences, capacity);

    /// <inheritdoc/>
    public override Tensor Hidden(StepScope scope, ModelInput input, KvCache? cache = null)
    {
        int[] rows = ImageRows(input, _config.ImageTokenId);
        Tensor hidden = _text.Embed(scope, input.Tokens);
        if (input.Vision is SmolVlmVision vision)
        {
            Tensor features = scope.Frame(() => Features(scope, vision));
            Observer?.Invoke("image_features", features);
            VisionDone?.Invoke();
            hidden = ReplaceRows.Forward(scope, hidden, features, scope.From(rows));
        }

        scope.RowKeys = RowKeys(scope, input.Tokens.Keys);
        return _text.Forward(scope, hidden, input.Tokens, cache, new DecoderOptions(GradientCheckpointing));
    }

    /// <inheritdoc/>
    public override IReadOnlyList<FlopCount> Flops(ModelInput input)
    {
        var counts = new List<FlopCount>();
        if (input.Vision is SmolVlmVision vision)
        {
            long P = vision.Tiles.Sum(t => (long)t.Patches);
            counts.Add(new FlopCount("patch embedding", P, (double)P * _config.Vision.PatchWidth * _config.Vision.Hidden, _embeddings.Projection));
            counts.AddRange(_encoder.Flops([.. vision.Tiles.Select(t => t.Patches)]));
            long M = P / (_config.ScaleFactor * _config.ScaleFactor);
            counts.Add(FlopCount.Of(_connector, M));
        }

        counts.AddRange(_text.Flops(input.Tokens.Lengths));
        counts.Add(FlopCount.Of(LmHead, input.Tokens.Supervised().Rows.Length));
        return counts;
    }

    /// <summary>Image features [M, C] of all tiles, in order.</summary>
    private Tensor Features(StepScope scope, SmolVlmVision vision)
    {
        bool trains = scope.IsRecording && (_encoder.Trains || _embeddings.Trains || _connector.Trains || _postNorm.Trains);
        if (trains || Observer is not null || vision.Tiles.Count <= FrozenTilesAtOnce)
        {
            return TileFeatures(scope, vision, 0, vision.Tiles.Count);
        }

        int shrink = _config.ScaleFactor * _config.ScaleFactor;
        int[] rows = [.. vision.Tiles.Select(t => t.Patches / shrink)];
        return FrozenChunks.Forward(scope, rows, _config.Text.Hidden, FrozenTilesAtOnce, (first, count) => TileFeatures(scope, vision, first, count));
    }

    private Tensor TileFeatures(StepScope scope, SmolVlmVision vision, int first, int count)
    {
        SmolVlmTile[] tiles = [.. vision.Tiles.Skip(first).Take(count)];
        int start = vision.Tiles.Take(first).Sum(t => t.Patches), P = tiles.Sum(t => t.Patches);
        int[] lengths = [.. tiles.Select(t => t.Patches)];
        scope.RowKeys = RowKeys(scope, vision.Keys.Length == 0 ? [] : vision.Keys[start..(start + P)]);
        Tensor x = _embeddings.Forward(scope, vision, tiles, start);
        x = _encoder.Forward(scope, x, AttentionSegments.Of(lengths, causal: false), KeyMask(scope, tiles), GradientCheckpointing);
        x = _postNorm.Forward(scope, x);
        Observer?.Invoke("vision.last_hidden_state", x);
        int[] order = PixelShuffle(tiles);
        int shrink = _config.ScaleFactor * _config.ScaleFactor;
        if (vision.Keys.Length > 0)
        {
            scope.RowKeys = RowKeys(scope, [.. Enumerable.Range(0, P / shrink).Select(m => vision.Keys[start + order[m * shrink]])]);
        }

        x = GatherRows.Forward(scope, x, scope.From(order));
        x = Reshape.Forward(scope, x, new Shape(P / shrink, _config.Vision.Hidden * shrink));
        x = _connector.Forward(scope, x);
        Observer?.Invoke("image_features.projector", x);
        return x;
    }

    /// <summary>The order of patches that puts each s x s neighbourhood in consecutive rows: reshaped, they are the shuffled channels.</summary>
    private int[] PixelShuffle(SmolVlmTile[] tiles)
    {
        int s = _config.ScaleFactor, n = 0, start = 0;
        int[] order = new int[tiles.Sum(t => t.Patches)];
        foreach (SmolVlmTile tile in tiles)
        {
            for (int row = 0; row < tile.GridHeight; row += s)
            {
                for (int column = 0; column < tile.GridWidth; column += s)
                {
                    for (int k = 0; k < s * s; k++)
                    {
                        order[n++] = start + ((row + (k / s)) * tile.GridWidth) + column + (k % s);
                    }
                }
            }

            start += tile.Patches;
        }

        return order;
    }

    private static Tensor? KeyMask(StepScope scope, SmolVlmTile[] tiles)
    {
        if (tiles.All(t => t.ValidHeight == t.GridHeight && t.ValidWidth == t.GridWidth))
        {
            return null;
        }

        byte[] mask = [.. tiles.SelectMany(t => Enumerable.Range(0, t.Patches).Select(p => (byte)(t.IsValid(p) ? 1 : 0)))];
        return scope.From<byte>(mask, new Shape(mask.Length), DType.U8);
    }

    /// <summary>Patches as vectors plus learned positions on a grid that tiles of any size are stretched to.</summary>
    private sealed class VisionEmbeddings
    {
        private readonly SiglipConfig _config;
        private readonly Param _position;

        public VisionEmbeddings(WeightScope w, SiglipConfig config)
        {
            _config = config;
            WeightScope patch = w["patch_embedding"];
            Param kernel = patch.PatchKernel("weight", new Shape(config.Hidden, config.Channels, config.PatchSize, config.PatchSize));

            // Not registered as a linear layer: in the reference it is a convolution, which "all-linear" doesn't match.
            Projection = new Nn.Linear(patch.Path, new DenseWeight(kernel), patch.Param("bias", new Shape(config.Hidden)));
            _position = w["position_embedding"].Param("weight", new Shape(config.GridSide * config.GridSide, config.Hidden));
        }

        public Nn.Linear Projection { get; }

        public bool Trains => Projection.Trains || _position.IsTrained;

        public Tensor Forward(StepScope scope, SmolVlmVision vision, SmolVlmTile[] tiles, int firstPatch)
        {
            int P = tiles.Sum(t => t.Patches), width = _config.PatchWidth;
            Tensor patches = scope.From(vision.Patches.AsSpan(checked(firstPatch * width), checked(P * width)), new Shape(P, width));
            int[] positions = [.. tiles.SelectMany(Positions)];
            Tensor x = Projection.Forward(scope, patches);
            return Add.Forward(scope, x, GatherRows.Forward(scope, _position.Value, scope.From(positions)));
        }

        /// <summary>Each patch's cell of the position grid; padding patches have cell 0.</summary>
        private IEnumerable<int> Positions(SmolVlmTile tile)
        {
            int[] rows = Buckets(tile.ValidHeight), columns = Buckets(tile.ValidWidth);
            for (int p = 0; p < tile.Patches; p++)
            {
                yield return tile.IsValid(p) ? (rows[p / tile.GridWidth] * _config.GridSide) + columns[p % tile.GridWidth] : 0;
            }
        }

        /// <summary>floor of (i / n) on the grid, with the reference's f32 comparisons: fractions against multiples of 1 / side.</summary>
        private int[] Buckets(int n)
        {
            int side = _config.GridSide;
            int[] buckets = new int[n];
            for (int i = 0; i < n; i++)
            {
                float fraction = (float)(i * (1.0 / n));
                int bucket = 0;
                while (bucket + 1 < side && (float)((bucket + 1) * (1.0 / side)) <= fraction)
                {
                    bucket++;
                }

                buckets[i] = bucket;
            }

            return buckets;
        }
    }
}

/// <summary>Pictures of a batch as patches.</summary>
/// <param name="FeatureRows">Feature rows per sequence [B].</param>
/// <param name="Tiles">All tiles, in the order of their image tokens.</param>
/// <param name="Patches">[P, Channels PatchSize PatchSize] normalised pixels, tile after tile, row-major inside a tile.</param>
/// <param name="Keys">Random keys of the patches [P], or empty.</param>
public sealed record SmolVlmVision(int[] FeatureRows, IReadOnlyList<SmolVlmTile> Tiles, float[] Patches, long[] Keys) : VisionInput(FeatureRows);

/// <summary>The patch grid of one tile; what lies beyond the valid part is padding that nobody attends to.</summary>
/// <param name="GridHeight">Patches per column.</param>
/// <param name="GridWidth">Patches per row.</param>
/// <param name="ValidHeight">Valid patches per column.</param>
/// <param name="ValidWidth">Valid patches per row.</param>
public readonly record struct SmolVlmTile(int GridHeight, int GridWidth, int ValidHeight, int ValidWidth)
{
    /// <summary>Number of patches, padding included.</summary>
    public int Patches => GridHeight * GridWidth;

    /// <summary>Whether a patch lies in the valid part.</summary>
    public bool IsValid(int patch) => patch / GridWidth < ValidHeight && patch % GridWidth < ValidWidth;
}

/// <summary>Sizes of an Idefics3 or SmolVLM model.</summary>
/// <param name="Vision">The tower.</param>
/// <param name="Text">The decoder.</param>
/// <param name="ScaleFactor">Side of the neighbourhoods that the pixel shuffle merges.</param>
/// <param name="ImageTokenId">Token whose embedding a feature replaces.</param>
/// <param name="TieWordEmbeddings">Whether the head is the embedding matrix.</param>
public sealed record SmolVlmConfig(SiglipConfig Vision, DecoderConfig Text, int ScaleFactor, int ImageTokenId, bool TieWordEmbeddings)
{
    private static readonly SiglipConfig VisionDefaults = new(1152, 12, 16, 3072, 1e-6f, ActivationKind.GeluTanh, 32, 224, 3);

    /// <summary>Reads config.json.</summary>
    /// <exception cref="InvalidDataException">A key is missing or has an unusable value.</exception>
    public static SmolVlmConfig From(ConfigSection c)
    {
        ConfigSection text = c.Section("text_config");
        var config = new SmolVlmConfig(
            SiglipConfig.From(c.Section("vision_config"), VisionDefaults),
            DecoderConfig.From(text),
            c.Int("scale_factor", 2),
            c.Int("image_token_id", 128257),
            c.Bool("tie_word_embeddings", false));
        return config.ScaleFactor > 0 ? config : throw c.Wrong("scale_factor", "a positive number");
    }
}
