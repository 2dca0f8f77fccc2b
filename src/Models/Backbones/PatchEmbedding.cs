using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Models.Backbones;

/// <summary>The embedding of patches of one or more frames, the way into a tower over merged patches.</summary>
internal sealed class PatchEmbedding
{
    private readonly PatchShape _shape;
    private readonly Nn.Linear _patches;

    /// <summary>Builds the embedding.</summary>
    /// <param name="w">Its place: <c>weight</c> and, where asked for, <c>bias</c> are read from it.</param>
    /// <param name="width">C.</param>
    /// <param name="shape">Sizes of patches and merge blocks.</param>
    /// <param name="bias">Whether it has a bias.</param>
    public PatchEmbedding(WeightScope w, int width, PatchShape shape, bool bias)
    {
        _shape = shape;

        // Not registered as a linear layer: in the reference it is a convolution, which "all-linear" doesn't match.
        Param kernel = w.PatchKernel("weight", new Shape(width, 3, shape.Frames, shape.Size, shape.Size));
        _patches = new Nn.Linear(w.Path, new DenseWeight(kernel), bias ? w.Param("bias", new Shape(width)) : null);
    }

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => _patches.Trains;

    /// <summary>Embeds some pictures of a batch.</summary>
    /// <param name="scope">The running step; receives the random keys of the patches.</param>
    /// <param name="vision">The pictures of the batch.</param>
    /// <param name="first">The first of them.</param>
    /// <param name="count">How many.</param>
    /// <param name="model">Whose settings and observer the pass takes.</param>
    /// <returns>The pictures' pass through the tower, and their embedded patches [P, C].</returns>
    public (GridPass Pass, Tensor X) Open(StepScope scope, GridVision vision, int first, int count, VisionLanguageModel model)
    {
        PatchGrid[] grids = [.. vision.Grids.Skip(first).Take(count)];
        int start = vision.Grids.Take(first).Sum(g => g.Count), P = grids.Sum(g => g.Count);
        Tensor patches = scope.From(vision.Patches.AsSpan(checked(start * _shape.Width), checked(P * _shape.Width)), new Shape(P, _shape.Width));
        var pass = new GridPass(scope, grids, vision.Keys.Length == 0 ? [] : vision.Keys[start..(start + P)])
        {
            MergeSize = _shape.MergeSize,
            Checkpoint = model.GradientCheckpointing,
            Observer = model.Observer,
        };
        pass.UsePatchKeys();
        return (pass, _patches.Forward(scope, patches));
    }

    /// <summary>Multiply-adds.</summary>
    public FlopCount Flops(IReadOnlyList<PatchGrid> grids) => FlopCount.Of(_patches, grids.Sum(g => (long)g.Count));
}

/// <summary>Sizes of patches and of the blocks that are merged.</summary>
/// <param name="Size">Edge of a patch in pixels.</param>
/// <param name="Frames">Frames of a patch.</param>
/// <param name="MergeSize">Edge of a merge block in patches.</param>
public sealed record PatchShape(int Size, int Frames, int MergeSize)
{
    /// <summary>Values of a patch.</summary>
    public int Width => 3 * Frames * Size * Size;

    /// <summary>Patches of a merge block.</summary>
    public int MergeArea => MergeSize * MergeSize;

    /// <summary>Reads a vision config.</summary>
    /// <param name="v">The vision part of config.json.</param>
    /// <param name="size">Edge of a patch where the key is missing.</param>
    /// <exception cref="InvalidDataException">A size is not positive.</exception>
    public static PatchShape From(ConfigSection v, int size = 14)
    {
        ArgumentNullException.ThrowIfNull(v);
        int Positive(string key, int otherwise) => v.Int(key, otherwise) is > 0 and var size ? size : throw v.Wrong(key, "a positive number");
        return new PatchShape(Positive("patch_size", size), Positive("temporal_patch_size", 2), Positive("spatial_merge_size", 2));
    }
}
