namespace Lorikeet.Tensors.Ops;

/// <summary>y += scale (drop(x) A^T) B^T, in place on a linear layer's output. Source: Hu et al. 2021, "LoRA", equation 3.</summary>
/// <remarks>Where activations are f32 the products run in f32: they are thin, and the trained factors are f32.</remarks>
public static class LowRankUpdate
{
    /// <summary>Adds the update to <paramref name="y"/>.</summary>
    /// <param name="scope">Owner of temporaries.</param>
    /// <param name="x">[N, In], the layer's input.</param>
    /// <param name="y">[N, Out], the layer's output, changed in place.</param>
    /// <param name="factors">The trained factors and their settings.</param>
    public static void Forward(StepScope scope, Tensor x, Tensor y, in LowRankFactors factors)
    {
        LowRankFactors f = factors;
        Shape.RequireLast("low-rank input", x.Shape, f.A.Shape[1]);
        Shape.RequireLast("low-rank output", y.Shape, f.B.Shape[0]);
        int N = x.Shape.Rows;
        IKernels kernels = scope.Kernels;
        Tensor? keys = f.Dropout > 0 && scope.Training ? scope.RowKeys ?? throw new InvalidOperationException("dropout: the rows of this tower have no random keys") : null;
        Tensor u = scope.New(new Shape(N, f.A.Shape[0]));
        scope.Frame(() =>
        {
            Tensor input = Dropped(scope, x, keys, f);
            kernels.MatMul(new MatMulArgs(input, false, f.A, true, u, 1f, false, null, scope.ThinCompute));
        });
        kernels.MatMul(new MatMulArgs(u, false, f.B, true, y, f.Scale, true, null, scope.ThinCompute));
        if (!scope.Wants(x, f.A, f.B))
        {
            return;
        }

        if (keys is null)
        {
            scope.RecordInPlace(y, dY => Backward(scope, x, u, dY, f, null), x, u);
        }
        else
        {
            scope.RecordInPlace(y, dY => Backward(scope, x, u, dY, f, keys), x, u, keys);
        }
    }

    private static void Backward(StepScope scope, Tensor x, Tensor u, Tensor dY, LowRankFactors f, Tensor? keys)
    {
        IKernels kernels = scope.Kernels;
        Tensor dU = scope.New(u.Shape);
        kernels.MatMul(new MatMulArgs(dY, false, f.B, false, dU, f.Scale, false, null, scope.ThinCompute));
        if (f.B.NeedsGrad)
        {
            Tensor dB = scope.GradBuffer(f.B, out bool accumulate);
            kernels.MatMul(new MatMulArgs(dY, true, u, false, dB, f.Scale, accumulate, null, scope.ThinCompute));
        }

        if (f.A.NeedsGrad)
        {
            Tensor dA = scope.GradBuffer(f.A, out bool accumulate);
            kernels.MatMul(new MatMulArgs(dU, true, Dropped(scope, x, keys, f), false, dA, 1f, accumulate, null, scope.ThinCompute));
        }

        if (!x.NeedsGrad)
        {
            return;
        }

        Tensor dX = scope.GradBuffer(x, out bool add);
        if (keys is null)
        {
            kernels.MatMul(new MatMulArgs(dU, false, f.A, false, dX, 1f, add, null, scope.ThinCompute));
            return;
        }

        Tensor dInput = scope.New(x.Shape);
        kernels.MatMul(new MatMulArgs(dU, false, f.A, false, dInput, 1f, false, null, scope.ThinCompute));
        kernels.Dropout(dInput, keys, f.Module, f.Dropout, dX, add);
    }

    private static Tensor Dropped(StepScope scope, Tensor x, Tensor? keys, in LowRankFactors f)
    {
        if (keys is null)
        {
            return x;
        }

        Tensor dropped = scope.New(x.Shape);
        scope.Kernels.Dropout(x, keys, f.Module, f.Dropout, dropped, false);
        return dropped;
    }
}

/// <summary>The factors of a low-rank update.</summary>
/// <param name="A">[R, In] f32.</param>
/// <param name="B">[Out, R] f32.</param>
/// <param name="Scale">Factor of the update (alpha / R).</param>
/// <param name="Dropout">Probability of dropping an input element in training.</param>
/// <param name="Module">Random key of the module.</param>
public readonly record struct LowRankFactors(Tensor A, Tensor B, float Scale, float Dropout, ulong Module);
