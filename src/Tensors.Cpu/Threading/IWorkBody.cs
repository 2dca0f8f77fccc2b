namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The body of a parallel loop as a struct, so that <see cref="WorkPool.For{TBody}"/> needs no closure.
/// Items may run on any thread, at the same time and in any order: an item writes only what belongs to its index.
/// </summary>
public interface IWorkBody
{
    /// <summary>Does item <paramref name="index"/> of the loop.</summary>
    /// <param name="index">Item, 0 to n - 1.</param>
    void Run(int index);
}
