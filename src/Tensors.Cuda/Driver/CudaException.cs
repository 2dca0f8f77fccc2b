namespace Lorikeet.Tensors.Cuda;

/// <summary>A call of the CUDA driver, cuBLASLt or NVRTC failed; the message names the call and what the library said.</summary>
public sealed class CudaException : Exception
{
    /// <summary>Makes the exception.</summary>
    public CudaException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public CudaException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Makes an exception without a message.</summary>
    public CudaException()
    {
    }
}
