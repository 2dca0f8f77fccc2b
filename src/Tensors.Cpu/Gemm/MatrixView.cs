namespace Lorikeet.Tensors.Cpu;

/// <summary>A stored matrix as packing code sees it: element (row, col) lies <c>row * Stride + col</c> elements from Data.</summary>
internal readonly unsafe struct MatrixView(void* data, nint stride, void* scales = null)
{
    /// <summary>First element.</summary>
    public readonly byte* Data = (byte*)data;

    /// <summary>Elements from one stored row to the next.</summary>
    public readonly nint Stride = stride;

    /// <summary>Side data of quantized types (block scales), else null.</summary>
    public readonly void* Scales = scales;
}
