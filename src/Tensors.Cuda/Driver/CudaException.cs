namespace Lorikeet.Tensors.Cuda;

/// <summary>A call of the CUDA driver, cuBLASLt or NVRTC failed; the message names the call and what the library said.</summary>
public class CudaException : Exception
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

/// <summary>This machine cannot compute on a GPU as it is: no GPU, one that is too old, or a library that is missing. Nothing of the program failed.</summary>
public sealed class CudaUnavailableException : CudaException
{
    /// <summary>Makes the exception.</summary>
    public CudaUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public CudaUnavailableException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Makes an exception without a message.</summary>
    public CudaUnavailableException()
    {
    }
}
