using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>Some pictures on their way through a tower over merged patches: what its blocks need to know besides the hidden states.</summary>
/// <param name="scope">The running step.</param>
/// <param name="grids">The grids of the pictures.</param>
/// <param name="patchKeys">Random keys of the patches [P], or empty.</param>
internal sealed class GridPass(StepScope scope, IReadOnlyList<PatchGrid> grids, long[] patchKeys)
{
    /// <summary>The running step.</summary>
    public StepScope Scope { get; } = scope;

    /// <summary>The grids of the pictures.</summary>
    public IReadOnlyList<PatchGrid> Grids { get; } = grids;

    /// <summary>Edge of a merge block in patches.</summary>
    public required int MergeSize { get; init; }

    /// <summary>Whether blocks are computed again in the backward pass.</summary>
    public required bool Checkpoint { get; init; }

    /// <summary>Sees named intermediate values.</summary>
    public required Action<string, Tensor>? Observer { get; init; }

    /// <summary>Patches of a merge block.</summary>
    public int MergeArea => MergeSize * MergeSize;

    /// <summary>Patches of each frame of each picture: what sees each other.</summary>
    public int[] FrameLengths => LengthsOf(Grids);

    /// <summary>Patches of each frame of each picture.</summary>
    public static int[] LengthsOf(IReadOnlyList<PatchGrid> grids) => [.. grids.SelectMany(g => Enumerable.Repeat(g.Rows * g.Columns, g.Frames))];

    /// <summary>Rows and columns of all patches, in their order.</summary>
    public (int[] Rows, int[] Columns) Places()
    {
        var places = Grids.SelectMany(g => Enumerable.Range(0, g.Count).Select(p => MergedPatches.Place(g, p, MergeSize))).ToArray();
        return ([.. places.Select(p => p.Row)], [.. places.Select(p => p.Column)]);
    }

    /// <summary>Runs a block, computing it again in the backward pass where asked for.</summary>
    public Tensor Run(PatchBlock block, Tensor x, (Tensor Cos, Tensor Sin) angles, AttentionSegments segments)
    {
        // The angles are inputs, so that they are there when the block runs again.
        Tensor y = Checkpoint && Scope.IsRecording
            ? Scope.Checkpoint(inputs => block.Forward(Scope, inputs[0], (inputs[1], inputs[2]), segments), block.Trains, x, angles.Cos, angles.Sin)
            : Scope.Frame(() => block.Forward(Scope, x, angles, segments));
        Scope.Free(x);
        return y;
    }

    /// <summary>Sets the random keys of patches.</summary>
    /// <param name="order">Which patch each row is, or null for their own order.</param>
    public void UsePatchKeys(int[]? order = null) =>
        UseKeys(patchKeys.Length == 0 || order is null ? patchKeys : [.. order.Select(p => patchKeys[p])]);

    /// <summary>Sets the random keys of merged rows: those of the first patch of each block.</summary>
    /// <param name="order">Which patch each row is, or null for their own order.</param>
    public void UseMergedKeys(int[]? order = null) =>
        UseKeys(patchKeys.Length == 0 ? [] : [.. Enumerable.Range(0, patchKeys.Length / MergeArea).Select(m => patchKeys[order?[m * MergeArea] ?? (m * MergeArea)])]);

    private void UseKeys(long[] keys) => Scope.RowKeys = keys.Length == 0 ? null : Scope.From<long>(keys, new Shape(keys.Length), DType.I64);
}
