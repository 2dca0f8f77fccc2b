namespace Lorikeet.Training.Evaluating;

/// <summary>The mean of the last losses: one step's alone says little.</summary>
/// <param name="count">How many are kept.</param>
internal sealed class RecentLosses(int count)
{
    private readonly Queue<double> _losses = new();

    /// <summary>The mean; NaN before the first.</summary>
    public double Mean => _losses.Count == 0 ? double.NaN : _losses.Average();

    /// <summary>Takes note of a step's loss.</summary>
    public void Add(double loss)
    {
        _losses.Enqueue(loss);
        if (_losses.Count > count)
        {
            _losses.Dequeue();
        }
    }
}
