namespace Lorikeet.Tensors.Ops;

/// <summary>y = f(gate) * up, the inner product of a gated MLP. Source: Shazeer 2020, "GLU Variants Improve Transformer".</summary>
public static class Gated
{
    /// <summary>Applies the gate.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="kind">Non-linearity of the gate.</param>
    /// <param name="gate">[N, F] f32.</param>
    /// <param name="up">[N, F] f32.</param>
    public static Tensor Forward(StepScope scope, ActivationKind kind, Tensor gate, Tensor up)
    {
        Shape.Require("gated up", up.Shape, gate.Shape);
        Tensor y = scope.New(gate.Shape);
        scope.Kernels.Gated(kind, gate, up, y);
        if (scope.Wants(gate, up))
        {
            scope.Record(
                y,
                dY =>
                {
                    Tensor dGate = scope.New(gate.Shape), dUp = scope.New(up.Shape);
                    scope.Kernels.GatedBackward(kind, gate, up, dY, dGate, dUp);
                    scope.ShareGrad(gate, dGate);
                    scope.ShareGrad(up, dUp);
                },
                gate,
                up);
        }

        return y;
    }
}
