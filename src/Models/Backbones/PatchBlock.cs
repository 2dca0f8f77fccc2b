using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Ops;

namespace Lorikeet.Models.Backbones;

/// <summary>A block of a vision transformer over patches with rotary positions on two axes: fused queries, keys and values.</summary>
/// <param name="w">Place of the tree: <c>attn.qkv</c> and <c>attn.proj</c> are read from it.</param>
/// <param name="width">C.</param>
/// <param name="heads">H, dividing C.</param>
/// <param name="norms">Before the attention, before the MLP.</param>
/// <param name="mlp">The MLP.</param>
internal sealed class PatchBlock(WeightScope w, int width, int heads, (INorm Attention, INorm Mlp) norms, IMlp mlp)
{
    private readonly Nn.Linear _qkv = w["attn"]["qkv"].Linear(width, 3 * width, bias: true);
    private readonly Nn.Linear _out = w["attn"]["proj"].Linear(width, width, bias: true);
    private readonly string _path = w["attn"].Path;

    /// <summary>Whether anything here is trained.</summary>
    public bool Trains => mlp.Linears.Append(_qkv).Append(_out).Any(l => l.Trains) || norms.Attention.Trains || norms.Mlp.Trains;

    /// <summary>Angles of patches: those of their rows, then those of their columns.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="headWidth">D.</param>
    /// <param name="rows">Row of each patch.</param>
    /// <param name="columns">Column of each patch.</param>
    public static (Tensor Cos, Tensor Sin) Angles(StepScope scope, int headWidth, int[] rows, int[] columns)
    {
        const double Theta = 10000;
        RotaryEmbedding rotary = RotaryEmbedding.Default(headWidth / 2, Theta).ForTwoAxes();
        return rotary.Angles(scope, [rows, columns], [.. Enumerable.Range(0, headWidth / 2).Select(i => i / (headWidth / 4))], [rows.Length]);
    }

    /// <summary>Multiply-adds for segments of the given numbers of patches.</summary>
    public IEnumerable<FlopCount> Flops(IReadOnlyList<int> lengths)
    {
        long P = lengths.Sum(l => (long)l);
        double attention = lengths.Sum(l => (double)l * l) * 2 * width;
        return
        [
            FlopCount.Of(_qkv, P), new FlopCount(_path, P, attention, null), FlopCount.Of(_out, P),
            .. mlp.Linears.Select((l, i) => FlopCount.Of(l, P, sharesInput: i > 0 && i < mlp.Linears.Count - 1)),
        ];
    }

    /// <summary>The block on x [P, C].</summary>
    public Tensor Forward(StepScope scope, Tensor x, (Tensor Cos, Tensor Sin) angles, AttentionSegments segments)
    {
        Tensor h = Add.Forward(scope, x, scope.Frame(() => Attend(scope, norms.Attention.Forward(scope, x), angles, segments)));
        return Add.Forward(scope, h, scope.Frame(() => mlp.Forward(scope, norms.Mlp.Forward(scope, h))));
    }

    private Tensor Attend(StepScope scope, Tensor x, (Tensor Cos, Tensor Sin) angles, AttentionSegments segments)
    {
        Tensor all = _qkv.Forward(scope, x);
        var shape = new Shape(x.Shape[0], heads, width / heads);
        Tensor Part(int i) => Reshape.Forward(scope, Columns.Forward(scope, all, i * width, width), shape);
        Tensor q = Rope.Forward(scope, RopePairing.HalfSplit, Part(0), angles.Cos, angles.Sin);
        Tensor k = Rope.Forward(scope, RopePairing.HalfSplit, Part(1), angles.Cos, angles.Sin);
        Tensor y = Tensors.Ops.Attention.Forward(scope, q, k, Part(2), segments, new AttentionOptions(1f / MathF.Sqrt(width / heads)));
        return _out.Forward(scope, Reshape.Forward(scope, y, x.Shape));
    }
}
