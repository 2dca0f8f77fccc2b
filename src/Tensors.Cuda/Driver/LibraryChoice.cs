namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>Which of several installed CUDA versions is used.</summary>
internal static class LibraryChoice
{
    /// <summary>CUDA versions that are looked for, newest first.</summary>
    public static IReadOnlyList<int> Majors { get; } = [13, 12, 11];

    /// <summary>
    /// The newest version that has both libraries and that the driver supports; where none has both, the newest of each. A driver runs
    /// everything that was made for its version or an older one.
    /// </summary>
    /// <param name="at">Where the libraries of a version are.</param>
    /// <param name="newest">The newest version that the driver supports; null: not known.</param>
    public static (string? Products, string? Compiler) Choose(Func<int, (string? Products, string? Compiler)> at, int? newest)
    {
        string? products = null, compiler = null;
        foreach (int major in Majors.Where(major => major <= (newest ?? int.MaxValue)))
        {
            (string? Products, string? Compiler) here = at(major);
            if (here is { Products: not null, Compiler: not null })
            {
                return here;
            }

            products ??= here.Products;
            compiler ??= here.Compiler;
        }

        return (products, compiler);
    }
}
