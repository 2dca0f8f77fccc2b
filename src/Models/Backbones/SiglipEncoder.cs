using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>The blocks of a SigLIP-type vision transformer: pre-norm attention with biases and a plain MLP.</summary>
/// <remarks>Source: Zhai et al. 2023; behaviour of transformers' SigLIP and Idefics3 vision encoders.</remarks>
public sealed class SiglipEncoder
{
    private readonly SiglipConfig _config;
    private readonly Block[] _blocks;

    /// <summary>Builds the blocks at a place of the tree that holds them.</summary>
    /// <param name="w">Place of the tree.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="names">How the checkpoint calls the layers; null for the names of transformers.</param>
    public SiglipEncoder(WeightScope w, SiglipConfig config, EncoderNames? names = null)
    {
        names ??= new EncoderNames();
        _config = config;
        _blocks = new Block[config.Layers];
        for (int i = 0; i < _blocks.Length; i++)
        {
            _blocks[i] = new Block(w[names.Blocks][i], config, names);
        }
    }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => _blocks.Any(b => b.Trains);

    /// <summary>Hidden states after the last of the blocks that are run.</summary>
    /// <param name="scope">The running step.</param>
    /// <param name="x">[P, C] embedded patches.</param>
    /// <param name="segments">Which patches see which.</param>
    /// <param name="keyMask">U8 [P], zero for padding patches; or null.</param>
    /// <param name="checkpoint">Whether to recompute blocks in the backward pass.</param>
    /// <param name="blocks">Number of the block to stop before; null to run all.</param>
    /// <param name="first">Blocks that were run already.</param>
    public Tensor Forward(StepScope scope, Tensor x, AttentionSegments segments, Tensor? keyMask, bool checkpoint, int? blocks = null, int first = 0)
    {
        foreach (Block block in _blocks[first..(blocks ?? _blocks.Length)])
        {
            Tensor input = x;
            x = checkpoint && scope.IsRecording
                ? scope.Checkpoint(inputs => block.Forward(scope, inputs[0], segments, keyMask), block.Trains, input)
                : scope.Frame(() => block.Forward(scope, input, segments, keyMask));
            scope.Free(input);
        }

        return x;
    }

    /// <summary>Multiply-adds for segments of the given numbers of patches, of all blocks or the first ones.</summary>
    public IEnumerable<FlopCount> Flops(int[] lengths, int? blocks = null)
    {
        long P = lengths.Sum(l => (long)l);
        double attention = lengths.Sum(l => (double)l * l) * 2 * _config.Hidden;
        return _blocks.Take(blocks ?? _blocks.Length).SelectMany(block => block.Flops(P, attention));
    }

    private sealed class Block
    {
        private readonly SiglipConfig _config;
        private readonly Nn.LayerNorm _norm1, _norm2;
        private readonly Nn.Linear _q, _k, _v, _out;
        private readonly Mlp _mlp;
        private readonly string _path;
        private readonly ModelSubtree _all;

        public Block(WeightScope w, SiglipConfig c, EncoderNames n)
        {
            (_config, _all) = (c, w.Subtree);
            _norm1 = w[n.Norm1].LayerNorm(c.Hidden, c.NormEps);
            _norm2 = w[n.Norm2].LayerNorm(c.Hidden, c.NormEps);
            WeightScope a = w[n.Attention];
            _q = a[n.Q].Linear(c.Hidden, c.Hidden, bias: true);
            _k = a[n.K].Linear(c.Hidden, c.Hidden, bias: true);
            _v = a[n.V].Linear(c.Hidden, c.Hidden, bias: true);
            _out = a[n.Out].Linear(c.Hidden, c.Hidden, bias: true);
            _path = a.Path;
            _mlp = new Mlp(w[n.Up].Linear(c.Hidden, c.MlpWidth, bias: true), w[n.Down].Linear(c.MlpWidth, c.Hidden, bias: true), c.Activation);
        }

        public bool Trains => _all.Trains;

        public IEnumerable<FlopCount> Flops(long P, double attention) =>
        [
            FlopCount.Of(_q, P), FlopCount.Of(_k, P, true), FlopCount.Of(_v, P, true), new FlopCount(_path, P, attention, null), FlopCount.Of(_out, P),
            FlopCount.Of(_mlp.Up, P), FlopCount.Of(_mlp.Down, P),
        ];

        public Tensor Forward(StepScope scope, Tensor x, AttentionSegments segments, Tensor? keyMask)
        {
            Tensor h = Add.Forward(scope, x, scope.Frame(() => Attend(scope, _norm1.Forward(scope, x), segments, keyMask)));
            return Add.Forward(scope, h, scope.Frame(() => _mlp.Forward(scope, _norm2.Forward(scope, h))));
        }

        private Tensor Attend(StepScope scope, Tensor x, AttentionSegments segments, Tensor? keyMask)
        {
            int D = _config.Hidden / _config.Heads;
            var heads = new Shape(x.Shape[0], _config.Heads, D);
            Tensor y = Tensors.Ops.Attention.Forward(
                scope,
                Reshape.Forward(scope, _q.Forward(scope, x), heads),
                Reshape.Forward(scope, _k.Forward(scope, x), heads),
                Reshape.Forward(scope, _v.Forward(scope, x), heads),
                segments,
                new AttentionOptions(1f / MathF.Sqrt(D), keyMask));
            return _out.Forward(scope, Reshape.Forward(scope, y, x.Shape));
        }
    }
}

/// <summary>How a checkpoint calls the layers of a <see cref="SiglipEncoder"/>; dots descend.</summary>
public sealed record EncoderNames
{
    /// <summary>The numbered blocks.</summary>
    public string Blocks { get; init; } = "layers";

    /// <summary>The norm before the attention.</summary>
    public string Norm1 { get; init; } = "layer_norm1";

    /// <summary>The norm before the MLP.</summary>
    public string Norm2 { get; init; } = "layer_norm2";

    /// <summary>The attention.</summary>
    public string Attention { get; init; } = "self_attn";

    /// <summary>Queries, inside the attention.</summary>
    public string Q { get; init; } = "q_proj";

    /// <summary>Keys, inside the attention.</summary>
    public string K { get; init; } = "k_proj";

    /// <summary>Values, inside the attention.</summary>
    public string V { get; init; } = "v_proj";

    /// <summary>The output, inside the attention.</summary>
    public string Out { get; init; } = "out_proj";

    /// <summary>First layer of the MLP.</summary>
    public string Up { get; init; } = "mlp.fc1";

    /// <summary>Second layer of the MLP.</summary>
    public string Down { get; init; } = "mlp.fc2";
}

/// <summary>Sizes of a SigLIP-type encoder.</summary>
/// <param name="Hidden">C.</param>
/// <param name="Layers">L.</param>
/// <param name="Heads">H, dividing C.</param>
/// <param name="MlpWidth">F.</param>
/// <param name="NormEps">Of the norms.</param>
/// <param name="Activation">Of the MLP.</param>
/// <param name="PatchSize">Pixels per patch side.</param>
/// <param name="ImageSize">Pixels per side of the position grid.</param>
/// <param name="Channels">Colour channels.</param>
public sealed record SiglipConfig(
    int Hidden, int Layers, int Heads, int MlpWidth, float NormEps, ActivationKind Activation, int PatchSize, int ImageSize, int Channels)
{
    /// <summary>Values per patch.</summary>
    public int PatchWidth => Channels * PatchSize * PatchSize;

    /// <summary>Patches per side of the position grid.</summary>
    public int GridSide => ImageSize / PatchSize;

    /// <summary>Reads a vision config; sizes that are missing have the defaults of the reference's configuration class.</summary>
    /// <param name="c">The vision part of config.json.</param>
    /// <param name="defaults">Values of missing keys.</param>
    /// <param name="activation">Activation where the key is missing.</param>
    public static SiglipConfig From(ConfigSection c, SiglipConfig defaults, string activation = "gelu_pytorch_tanh")
    {
        int hidden = c.Int("hidden_size", defaults.Hidden), heads = c.Int("num_attention_heads", defaults.Heads);
        if (heads == 0 || hidden % heads != 0)
        {
            throw c.Wrong("num_attention_heads", $"a divisor of hidden_size ({hidden})");
        }

        return new SiglipConfig(
            hidden,
            c.Int("num_hidden_layers", defaults.Layers),
            heads,
            c.Int("intermediate_size", defaults.MlpWidth),
            (float)c.Double("layer_norm_eps", defaults.NormEps),
            Activations.Named(c, "hidden_act", activation),
            c.Int("patch_size", defaults.PatchSize),
            c.Int("image_size", defaults.ImageSize),
            c.Int("num_channels", defaults.Channels));
    }
}
