using Lorikeet.Tensors.Storage;

namespace Lorikeet.Tensors.Ops;

/// <summary>
/// Token losses of a language-model head, computed in chunks of rows, so that no logits tensor exists in training.
/// Only the supervised rows are multiplied.
/// </summary>
/// <remarks>
/// loss[i] = logsumexp(h W^T) - (h W^T)[label], h = hidden[rows[i]]. With a frozen head the forward pass already forms
/// dLoss/dh per row, which the backward pass only scales; a trained head is multiplied again in the backward pass.
/// Source: Wijmans et al. 2024, "Cut Your Losses in Large-Vocabulary Language Models" (the chunked variant).
/// </remarks>
public static class LinearCrossEntropy
{
    private const long ChunkBytes = 64L << 20;

    /// <summary>Computes the losses.</summary>
    /// <param name="scope">Owner of the result.</param>
    /// <param name="hidden">[N, C] f32.</param>
    /// <param name="head">[V, C].</param>
    /// <param name="rows">I32 [n]: the supervised rows of hidden, rising.</param>
    /// <param name="labels">I32 [n]: the expected token of each.</param>
    /// <returns>[n] losses in nats.</returns>
    public static Tensor Forward(StepScope scope, Tensor hidden, IWeight head, Tensor rows, Tensor labels)
    {
        Shape.RequireLast("head input", hidden.Shape, head.In);
        Shape.Require("labels", labels.Shape, rows.Shape);
        int n = rows.Shape[0];
        Tensor losses = scope.New(new Shape(n), DType.F32);
        Tensor h = scope.New(new Shape(n, head.In));
        scope.Kernels.GatherRows(hidden, rows, h);
        bool wanted = scope.Wants(hidden, head.Trained);
        Tensor? dH = wanted && head.Trained is null ? scope.New(h.Shape) : null;
        ForEachChunk(n, head.Out, (start, count) => scope.Frame(() =>
        {
            Tensor logits = scope.New(new Shape(count, head.Out), DType.F32, MemoryUse.Workspace);
            head.Multiply(scope, h.Slice(start, count), logits, null);
            Tensor? dLogits = dH is null ? null : Gradient(scope, logits);
            scope.Kernels.CrossEntropy(logits, labels.Slice(start, count), losses.Slice(start, count), dLogits);
            if (dH is not null)
            {
                head.MultiplyTransposed(scope, dLogits!, dH.Slice(start, count), accumulate: false);
            }
        }));
        if (dH is not null)
        {
            scope.Record(losses, dLosses => ScaleAndScatter(scope, hidden, rows, dH, dLosses), rows, dH);
        }
        else if (wanted)
        {
            scope.Record(losses, dLosses => BackwardTrained(scope, hidden, head, h, rows, labels, dLosses), h, rows, labels);
        }

        return losses;
    }

    private static void ScaleAndScatter(StepScope scope, Tensor hidden, Tensor rows, Tensor dH, Tensor? dLosses)
    {
        if (dLosses is not null)
        {
            scope.Kernels.ScaleRows(dH, dLosses, dH, accumulate: false);
        }

        Tensor dHidden = scope.GradBuffer(hidden, out bool accumulate);
        if (!accumulate)
        {
            scope.Kernels.Fill(dHidden, 0);
        }

        scope.Kernels.ScatterAddRows(dH, rows, dHidden);
    }

    private static void BackwardTrained(StepScope scope, Tensor hidden, IWeight head, Tensor h, Tensor rows, Tensor labels, Tensor dLosses)
    {
        Tensor dH = scope.New(h.Shape), ignored = scope.New(labels.Shape, DType.F32);
        ForEachChunk(h.Shape[0], head.Out, (start, count) => scope.Frame(() =>
        {
            Tensor input = h.Slice(start, count);
            Tensor logits = scope.New(new Shape(count, head.Out), DType.F32, MemoryUse.Workspace);
            head.Multiply(scope, input, logits, null);
            Tensor dLogits = Gradient(scope, logits);
            scope.Kernels.CrossEntropy(logits, labels.Slice(start, count), ignored.Slice(start, count), dLogits);
            scope.Kernels.ScaleRows(dLogits, dLosses.Slice(start, count), dLogits, accumulate: false);
            Tensor dW = scope.GradBuffer(head.Trained!, out bool accumulate);
            scope.Kernels.MatMul(new MatMulArgs(dLogits, true, input, false, dW, 1f, accumulate, null, scope.Compute));
            head.MultiplyTransposed(scope, dLogits, dH.Slice(start, count), accumulate: false);
        }));
        if (hidden.NeedsGrad)
        {
            ScaleAndScatter(scope, hidden, rows, dH, null);
        }
    }

    /// <summary>Where the gradient of f32 logits goes: in their place, or beside them where gradients are of a narrower type.</summary>
    private static Tensor Gradient(StepScope scope, Tensor logits) =>
        scope.ActivationType == logits.DType ? logits : scope.New(logits.Shape, use: MemoryUse.Workspace);

    private static void ForEachChunk(int n, int V, Action<int, int> body)
    {
        int chunk = (int)Math.Max(16, ChunkBytes / (4L * V));
        int chunks = (n + chunk - 1) / chunk;
        for (int i = 0; i < chunks; i++)
        {
            // Even chunks: the last one isn't left with a handful of rows.
            int start = (int)((long)n * i / chunks), end = (int)((long)n * (i + 1) / chunks);
            body(start, end - start);
        }
    }
}
