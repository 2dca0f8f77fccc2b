using Lorikeet.Models;
using Lorikeet.Models.Backbones;
using Lorikeet.Models.Families;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Bench.Step;

/// <summary>A SmolVLM-256M with random bf16 weights, and batches for it.</summary>
internal static class RandomModel
{
    private const int ImageToken = 3, Vocabulary = 49280, FeaturesPerTile = 64, GridSide = 32;

    public static SmolVlm Make(Parameters parameters)
    {
        var vision = new SiglipConfig(768, 12, 12, 3072, 1e-6f, ActivationKind.GeluTanh, 16, 512, 3);
        var text = new DecoderConfig
        {
            Hidden = 576,
            Layers = 30,
            Heads = 9,
            KvHeads = 3,
            HeadWidth = 64,
            MlpWidth = 1536,
            VocabularySize = Vocabulary,
            NormEps = 1e-5f,
            Activation = ActivationKind.Silu,
            Rotary = RotaryEmbedding.Default(64, 100_000),
        };
        return new SmolVlm(new WeightScope(new RandomWeights(parameters)), new SmolVlmConfig(vision, text, 4, ImageToken, false), null);
    }

    /// <summary>Samples of some picture tiles and some words, all of them supervised.</summary>
    public static ModelInput Batch(int samples, int tiles, int words)
    {
        int length = (tiles * FeaturesPerTile) + words;
        int[] ids = new int[samples * length];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = i % length < tiles * FeaturesPerTile ? ImageToken : 10 + (i * 7919 % 40_000);
        }

        float[] patches = new float[samples * tiles * GridSide * GridSide * 3 * 16 * 16];
        Rng.FillUniform(patches, -1f, 1f, 1);
        SmolVlmTile[] grid = [.. Enumerable.Repeat(new SmolVlmTile(GridSide, GridSide, GridSide, GridSide), samples * tiles)];
        var tokens = new TokenBatch(ids, ids, [.. Enumerable.Repeat(length, samples)], [.. Enumerable.Range(0, ids.Length).Select(i => (long)i)]);
        return new ModelInput(tokens, new SmolVlmVision([.. Enumerable.Repeat(tiles * FeaturesPerTile, samples)], grid, patches, []));
    }

    private sealed class RandomWeights(Parameters parameters) : IWeightSource
    {
        public bool Contains(string name) => true;

        public Tensor Read(string name, Shape shape)
        {
            float[] values = new float[shape.Count];
            Rng.FillUniform(values, -0.03f, 0.03f, Rng.Key(name));
            Tensor x = parameters.New(shape, DType.BF16, MemoryUse.Weights);
            x.CopyFrom<ushort>(Array.ConvertAll(values, v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16)));
            return x;
        }
    }
}
