using System.Globalization;

namespace Lorikeet.Nn.Weights;

/// <summary>One tensor as a safetensors header describes it.</summary>
/// <param name="Name">Key in the file.</param>
/// <param name="DType">Element type as stored.</param>
/// <param name="Shape">Dimensions, outermost first; empty for a scalar.</param>
/// <param name="Begin">First byte, counted from the start of the data section (not of the file).</param>
/// <param name="End">Byte after the last one, counted likewise.</param>
public sealed record TensorInfo(string Name, SafeDType DType, long[] Shape, long Begin, long End)
{
    /// <summary>Bytes of the tensor in the file.</summary>
    public long ByteLength => End - Begin;

    /// <summary>Number of elements; 1 for a scalar.</summary>
    public long Count => ByteLength * 8 / DType.Bits();

    /// <summary>Type and shape for messages, for example <c>BF16 [576, 576]</c>.</summary>
    public string Describe() => DType.Name() + " " + ShapeText(Shape);

    internal static string ShapeText(ReadOnlySpan<long> shape)
    {
        var text = new System.Text.StringBuilder("[");
        for (int i = 0; i < shape.Length; i++)
        {
            text.Append(i == 0 ? "" : ", ").Append(shape[i].ToString(CultureInfo.InvariantCulture));
        }

        return text.Append(']').ToString();
    }
}
