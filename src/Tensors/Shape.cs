using System.Globalization;

namespace Lorikeet.Tensors;

/// <summary>Up to five dimensions, row-major; the last one is contiguous.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly int _d0, _d1, _d2, _d3, _d4;

    /// <summary>Makes a shape of one to five dimensions, each at least zero.</summary>
    public Shape(params ReadOnlySpan<int> dimensions)
    {
        if (dimensions.Length is < 1 or > 5)
        {
            throw new ArgumentException($"a shape has 1 to 5 dimensions, not {dimensions.Length}");
        }

        foreach (int d in dimensions)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(d);
        }

        Rank = dimensions.Length;
        _d0 = dimensions[0];
        _d1 = Rank > 1 ? dimensions[1] : 1;
        _d2 = Rank > 2 ? dimensions[2] : 1;
        _d3 = Rank > 3 ? dimensions[3] : 1;
        _d4 = Rank > 4 ? dimensions[4] : 1;
    }

    /// <summary>Number of dimensions.</summary>
    public int Rank { get; }

    /// <summary>Number of elements.</summary>
    public long Count => (long)_d0 * _d1 * _d2 * _d3 * _d4;

    /// <summary>The last dimension.</summary>
    public int Last => this[Rank - 1];

    /// <summary>All dimensions but the last, multiplied: the rows of the tensor seen as a matrix.</summary>
    public int Rows => Last == 0 ? 0 : checked((int)(Count / Last));

    /// <summary>One dimension; negative indices count from the end.</summary>
    public int this[int index] => (index < 0 ? index + Rank : index) switch
    {
        0 => _d0,
        1 when Rank > 1 => _d1,
        2 when Rank > 2 => _d2,
        3 when Rank > 3 => _d3,
        4 when Rank > 4 => _d4,
        _ => throw new ArgumentOutOfRangeException(nameof(index), index, $"the shape {this} has {Rank} dimensions"),
    };

    /// <summary>Throws unless <paramref name="actual"/> equals <paramref name="expected"/>; the message carries both.</summary>
    public static void Require(string name, Shape actual, Shape expected)
    {
        if (!actual.Equals(expected))
        {
            throw new ArgumentException($"{name}: expected shape {expected}, got {actual}");
        }
    }

    /// <summary>Throws unless the last dimension is <paramref name="last"/>.</summary>
    public static void RequireLast(string name, Shape actual, int last)
    {
        if (actual.Last != last)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"{name}: expected last dimension {last}, got shape {actual}"));
        }
    }

    /// <inheritdoc/>
    public bool Equals(Shape other) =>
        Rank == other.Rank && _d0 == other._d0 && _d1 == other._d1 && _d2 == other._d2 && _d3 == other._d3 && _d4 == other._d4;

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Rank, _d0, _d1, _d2, _d3, _d4);

    /// <inheritdoc/>
    public override string ToString()
    {
        string[] parts = new string[Rank];
        for (int i = 0; i < Rank; i++)
        {
            parts[i] = this[i].ToString(CultureInfo.InvariantCulture);
        }

        return "[" + string.Join(", ", parts) + "]";
    }

    /// <summary>Whether two shapes are equal.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether two shapes differ.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);
}
