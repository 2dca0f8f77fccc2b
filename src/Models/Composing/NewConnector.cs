using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Composing;

/// <summary>A connector of two layers with biases, as it begins: normal matrices, biases of zero.</summary>
/// <param name="Options">Deviation and seed.</param>
/// <param name="Prefix">Prefix of the names of its tensors.</param>
/// <param name="From">Width of the rows that it reads.</param>
/// <param name="To">Width of the text model.</param>
internal sealed record NewConnector(ComposeOptions Options, string Prefix, int From, int To)
{
    /// <summary>Number of its values.</summary>
    public long Values => ((long)From * To) + ((long)To * To) + (2L * To);

    /// <summary>Its tensors.</summary>
    public IEnumerable<TensorEntry> Tensors(SafeDType storedAs) =>
    [
        Matrix("linear_1.weight", From, storedAs), TensorEntry.FromF32(Prefix + "linear_1.bias", [To], new float[To], storedAs),
        Matrix("linear_2.weight", To, storedAs), TensorEntry.FromF32(Prefix + "linear_2.bias", [To], new float[To], storedAs),
    ];

    private TensorEntry Matrix(string name, int columns, SafeDType storedAs)
    {
        float[] values = new float[checked(To * columns)];
        Rng.FillNormal(values, Options.Deviation, Rng.Key(Options.Seed, Rng.Key(Prefix + name)));
        return TensorEntry.FromF32(Prefix + name, [To, columns], values, storedAs);
    }
}
