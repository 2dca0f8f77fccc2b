namespace Lorikeet.Tensors.Ops;

/// <summary>Scaled dot-product attention inside segments, without a score matrix. Source: Dao 2023, "FlashAttention-2".</summary>
public static class Attention
{
    /// <summary>Attends.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="q">[T, H, D] f32.</param>
    /// <param name="k">[S, K, D] f32, H a multiple of K.</param>
    /// <param name="v">[S, K, D] f32.</param>
    /// <param name="segments">Which queries see which keys.</param>
    /// <param name="options">Scale and key mask.</param>
    /// <returns>[T, H, D].</returns>
    public static Tensor Forward(StepScope scope, Tensor q, Tensor k, Tensor v, AttentionSegments segments, in AttentionOptions options)
    {
        Shape.Require("attention values", v.Shape, k.Shape);
        if (q.Shape.Rank != 3 || k.Shape.Rank != 3 || q.Shape[2] != k.Shape[2] || k.Shape[1] == 0 || q.Shape[1] % k.Shape[1] != 0)
        {
            throw new ArgumentException($"attention: queries {q.Shape} and keys {k.Shape} do not fit");
        }

        RequireInside(segments, q.Shape[0], k.Shape[0]);
        Tensor y = scope.New(q.Shape);
        bool wanted = scope.Wants(q, k, v);
        Tensor? lse = wanted ? scope.New(new Shape(q.Shape[0], q.Shape[1]), DType.F32) : null;
        var args = new AttentionArgs(q, k, v, y, lse, segments, options.Scale, options.KeyMask, scope.Compute);
        scope.Kernels.Attention(args);
        if (wanted)
        {
            scope.Record(y, dY => Backward(scope, args, dY), q, k, v, y, lse!);
        }

        return y;
    }

    private static void Backward(StepScope scope, AttentionArgs args, Tensor dY)
    {
        Tensor dQ = scope.New(args.Q.Shape), dK = scope.New(args.K.Shape), dV = scope.New(args.V.Shape);
        scope.Kernels.AttentionBackward(args, new AttentionGrad(dY, dQ, dK, dV));
        scope.ShareGrad(args.Q, dQ);
        scope.ShareGrad(args.K, dK);
        scope.ShareGrad(args.V, dV);
    }

    private static void RequireInside(AttentionSegments segments, int T, int S)
    {
        foreach (AttentionSegment s in segments.Segments)
        {
            if (s.QueryStart < 0 || s.Queries < 0 || s.QueryStart + s.Queries > T || s.KeyStart < 0 || s.Keys < 0 || s.KeyStart + s.Keys > S)
            {
                throw new ArgumentException($"attention: segment {s} lies outside {T} queries and {S} keys");
            }
        }
    }
}

/// <summary>Settings of one attention.</summary>
/// <param name="Scale">Factor of the scores, usually 1 / sqrt(D).</param>
/// <param name="KeyMask">U8 [S], zero hides a key; or null.</param>
public readonly record struct AttentionOptions(float Scale, Tensor? KeyMask = null);
