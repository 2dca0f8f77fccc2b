using System.Globalization;
using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>
/// What a kernel refuses: an index outside its table. A kernel cannot throw, so it writes this record once; the host reads it
/// together with the next value that it waits for.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Fault
{
    public const int Bytes = 16;

    /// <summary>0: none; 1: an id; 2: a label.</summary>
    public int Kind;

    /// <summary>The index that was given.</summary>
    public int Value;

    /// <summary>Where in the list.</summary>
    public int Position;

    /// <summary>Rows of the table.</summary>
    public int Limit;

    public readonly string Message => Kind == 2
        ? string.Create(CultureInfo.InvariantCulture, $"label {Value} of row {Position} is outside the vocabulary of {Limit}")
        : string.Create(CultureInfo.InvariantCulture, $"id {Value} at position {Position} is outside the table of {Limit} rows");
}
