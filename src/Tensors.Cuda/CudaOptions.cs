namespace Lorikeet.Tensors.Cuda;

/// <summary>How to open a GPU.</summary>
public sealed record CudaOptions
{
    /// <summary>Which GPU, counted from 0.</summary>
    public int Ordinal { get; init; }

    /// <summary>Where the three libraries are.</summary>
    public CudaLibraries Libraries { get; init; } = CudaLibraries.Find([]);

    /// <summary>Folder in which compiled kernels are kept between runs; null keeps none.</summary>
    public string? KernelFolder { get; init; }
}
