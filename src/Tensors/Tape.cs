namespace Lorikeet.Tensors;

/// <summary>The recorded backward steps of one scope, run once in reverse order; each step's saved tensors are freed after it.</summary>
internal sealed class Tape
{
    private readonly List<Node> _nodes = [];

    public void Add(Tensor output, Action<Tensor> backward, ReadOnlySpan<Tensor> saved, bool inPlace)
    {
        // Where nothing before it was recorded, an in-place step is the first writer and consumes the gradient.
        inPlace &= output.NeedsGrad;
        output.NeedsGrad = true;
        Tensor[] kept = saved.ToArray();
        foreach (Tensor tensor in kept)
        {
            tensor.Memory.Hold();
        }

        _nodes.Add(new Node(output, backward, kept, inPlace));
    }

    public void Run(StepScope scope)
    {
        try
        {
            for (int i = _nodes.Count - 1; i >= 0; i--)
            {
                scope.Cancellation.ThrowIfCancellationRequested();
                RunNode(scope, _nodes[i]);
                _nodes.RemoveAt(i);
            }
        }
        finally
        {
            Drop();
        }
    }

    private static void RunNode(StepScope scope, Node node)
    {
        if (node.Output.Grad is { } grad)
        {
            scope.Frame(() => node.Backward(grad));
            if (!node.InPlace)
            {
                StepScope.DropGrad(node.Output);
            }
        }

        node.Release();
    }

    public void Drop()
    {
        foreach (Node node in _nodes)
        {
            StepScope.DropGrad(node.Output);
            node.Release();
        }

        _nodes.Clear();
    }

    private sealed record Node(Tensor Output, Action<Tensor> Backward, Tensor[] Saved, bool InPlace)
    {
        public void Release()
        {
            foreach (Tensor tensor in Saved)
            {
                tensor.Memory.Release();
            }
        }
    }
}
