using Lorikeet.Tensors.Ops;
using Lorikeet.Tensors.Storage;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Tests.Ops;

/// <summary>Every op's backward pass against finite differences of its forward pass, on every device.</summary>
public sealed class GradientTests
{
    public static IEnumerable<object[]> Activations =>
        from device in DeviceNames.All from kind in Enum.GetValues<ActivationKind>() select (object[])[device, kind];

    public static IEnumerable<object[]> Pairings =>
        from device in DeviceNames.All from pairing in Enum.GetValues<RopePairing>() select (object[])[device, pairing];

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activation_and_gate(string device, ActivationKind kind)
    {
        // Away from zero, where Relu has no derivative.
        float[] x = new float[21], up = new float[21];
        Rng.FillUniform(x, 0.1f, 2.5f, 1);
        Rng.FillNormal(up, 1f, 2);
        for (int i = 0; i < x.Length; i += 2)
        {
            x[i] = -x[i];
        }

        var shape = new Shape(3, 7);
        GradCheck.Run(device, [shape], [x], (scope, t) => Activation.Forward(scope, kind, t[0]));
        GradCheck.Run(device, [shape, shape], [x, up], (scope, t) => Gated.Forward(scope, kind, t[0], t[1]));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Norms(string device)
    {
        Shape x = new(3, 19), w = new(19);
        GradCheck.Run(device, [x, w], (scope, t) => RmsNorm.Forward(scope, t[0], t[1], 1e-5f));
        GradCheck.Run(device, [x, w, w], (scope, t) => LayerNorm.Forward(scope, t[0], t[1], t[2], 1e-5f));
        GradCheck.Run(device, [x, w], (scope, t) => LayerNorm.Forward(scope, t[0], t[1], null, 1e-5f));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Sums_biases_and_reshapes(string device)
    {
        Shape x = new(4, 5), b = new(5);
        GradCheck.Run(device, [x, x], (scope, t) => Add.Forward(scope, t[0], t[1]));
        GradCheck.Run(device, [x], (scope, t) => Add.Forward(scope, t[0], t[0]));
        GradCheck.Run(device, [x, b], (scope, t) => AddBias.Forward(scope, t[0], t[1]));
        GradCheck.Run(device, [x], (scope, t) => Sum.Forward(scope, t[0]));
        GradCheck.Run(device, [x], (scope, t) => Reshape.Forward(scope, t[0], new Shape(2, 10)));
        GradCheck.Run(device, [x], (scope, t) => ScaleRows.Forward(scope, t[0], scope.From([1f, -2f, 0.5f, 3f], new Shape(4))));
        GradCheck.Run(device, [x, new Shape(2, 5)], (scope, t) => AddRows.Forward(scope, t[0], t[1], scope.From([3, 1])));
        GradCheck.Run(device, [x, new Shape(5, 3)], (scope, t) => Project.Forward(scope, t[0], new Param("w", t[1])));
        GradCheck.Run(device, [x, new Shape(4, 2)], (scope, t) => JoinColumns.Forward(scope, t[1], t[0], t[1]));
        GradCheck.Run(device, [x], (scope, t) => Add.Forward(scope, Columns.Forward(scope, t[0], 1, 3), Columns.Forward(scope, t[0], 2, 3)));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Learned_gates_and_columns_side_by_side(string device)
    {
        Shape x = new(4, 5), gate = new(1);
        GradCheck.Run(device, [x, gate], (scope, t) => TanhGate.Forward(scope, t[0], t[1]));
        GradCheck.Run(device, [x, gate], (scope, t) => TanhGate.Forward(scope, t[0], t[1], complement: true));
        GradCheck.Run(device, [x, gate], (scope, t) => TanhGate.Forward(scope, TanhGate.Forward(scope, t[0], t[1], complement: true), t[1]));
        GradCheck.Run(device, [x, new Shape(4, 2)], (scope, t) => JoinColumns.Forward(scope, t[0], t[1], t[0]));
    }

    [Theory]
    [MemberData(nameof(Pairings))]
    public void Rotation(string device, RopePairing pairing) => GradCheck.Run(device, [new Shape(3, 2, 8)], (scope, t) =>
    {
        float[] angles = new float[3 * 4];
        Rng.FillUniform(angles, -3f, 3f, 5);
        Tensor cos = scope.From(Array.ConvertAll(angles, MathF.Cos), new Shape(3, 4)), sin = scope.From(Array.ConvertAll(angles, MathF.Sin), new Shape(3, 4));
        return Rope.Forward(scope, pairing, t[0], cos, sin);
    });

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Linear_with_a_trained_and_a_frozen_matrix(string device)
    {
        Shape x = new(5, 6), w = new(4, 6), b = new(4);
        GradCheck.Run(device, [x, w, b], (scope, t) => Linear.Forward(scope, t[0], new DenseWeight(t[1]), t[2]));
        GradCheck.Run(device, [x], (scope, t) => Linear.Forward(scope, t[0], Frozen(scope, w), null));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Low_rank_update_with_and_without_dropout(string device)
    {
        foreach (float dropout in (float[])[0f, 0.4f])
        {
            GradCheck.Run(device, [new Shape(5, 6), new Shape(2, 6), new Shape(4, 2)], (scope, t) =>
            {
                scope.RowKeys = scope.From<long>([1, 2, 3, 4, 5], new Shape(5), DType.I64);
                Tensor y = Linear.Forward(scope, t[0], Frozen(scope, new Shape(4, 6)), null);
                LowRankUpdate.Forward(scope, t[0], y, new LowRankFactors(t[1], t[2], 1.5f, dropout, 7));
                return y;
            });
        }
    }

    [Theory]
    [InlineData("cpu", true)]
    [InlineData("cpu", false)]
    [InlineData("fake", true)]
    public void Attention_in_segments_with_grouped_heads_and_hidden_keys(string device, bool causal)
    {
        Shape q = new(7, 4, 8), kv = new(7, 2, 8);
        GradCheck.Run(device, [q, kv, kv], (scope, t) =>
        {
            Tensor mask = scope.From<byte>([1, 1, 0, 1, 1, 1, 1], new Shape(7), DType.U8);
            return Attention.Forward(scope, t[0], t[1], t[2], AttentionSegments.Of([3, 4], causal), new AttentionOptions(0.35f, mask));
        });
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Attention_over_a_window(string device)
    {
        Shape q = new(12, 4, 8), kv = new(12, 2, 8);
        GradCheck.Run(device, [q, kv, kv], (scope, t) =>
            Attention.Forward(scope, t[0], t[1], t[2], AttentionSegments.Of([3, 9], causal: true).WithWindow(4), new AttentionOptions(0.35f)));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Rows_taken_and_replaced(string device)
    {
        GradCheck.Run(device, [new Shape(5, 3)], (scope, t) => GatherRows.Forward(scope, t[0], scope.From([4, 0, 4, 2])));
        GradCheck.Run(device, [new Shape(5, 3), new Shape(2, 3)], (scope, t) => ReplaceRows.Forward(scope, t[0], t[1], scope.From([3, 1])));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void Cross_entropy_of_a_trained_and_a_frozen_head(string device)
    {
        Shape hidden = new(6, 5), head = new(9, 5);
        GradCheck.Run(device, [hidden, head], (scope, t) => LinearCrossEntropy.Forward(scope, t[0], new DenseWeight(t[1]), scope.From([0, 2, 5]), scope.From([8, 0, 3])));
        GradCheck.Run(device, [hidden], (scope, t) => LinearCrossEntropy.Forward(scope, t[0], Frozen(scope, head), scope.From([5, 1]), scope.From([4, 4])));
    }

    [Theory]
    [ClassData(typeof(DeviceNames))]
    public void A_checkpointed_block_with_a_residual(string device) => GradCheck.Run(device, [new Shape(4, 8), new Shape(8), new Shape(8, 8)], (scope, t) =>
        scope.Checkpoint(
            inputs =>
            {
                Tensor n = RmsNorm.Forward(scope, inputs[0], t[1], 1e-5f);
                Tensor y = Activation.Forward(scope, ActivationKind.Silu, Linear.Forward(scope, n, new DenseWeight(t[2]), null));
                return Add.Forward(scope, inputs[0], y);
            },
            trains: true,
            t[0]));

    private static DenseWeight Frozen(StepScope scope, Shape shape)
    {
        float[] values = new float[shape.Count];
        Rng.FillNormal(values, 1f, 50);
        return new DenseWeight(scope.From(values, shape));
    }
}
