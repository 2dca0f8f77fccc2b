namespace Lorikeet.Training.Config.Binding;

/// <summary>The name users write, where it is not the snake_case form of the C# name.</summary>
[AttributeUsage(AttributeTargets.Property | AttributeTargets.Field)]
internal sealed class KeyAttribute(string name) : Attribute
{
    public string Name { get; } = name;
}

/// <summary>The range that a number must lie in.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class BoundsAttribute : Attribute
{
    /// <summary>Smallest allowed value.</summary>
    public double Min { get; init; } = double.NegativeInfinity;

    /// <summary>The value must be greater than this.</summary>
    public double Above { get; init; } = double.NegativeInfinity;

    /// <summary>Largest allowed value.</summary>
    public double Max { get; init; } = double.PositiveInfinity;

    /// <summary>The value must be less than this.</summary>
    public double Below { get; init; } = double.PositiveInfinity;

    /// <summary>Says what is wrong with a value, or null if nothing is.</summary>
    public string? Complaint(double value)
    {
        if (value >= Min && value > Above && value <= Max && value < Below)
        {
            return null;
        }

        return FormattableString.Invariant($"must be {this}, found {value}");
    }

    /// <summary>The limits in words.</summary>
    public override string ToString()
    {
        var limits = new List<string>();
        Add(limits, "at least", Min);
        Add(limits, "greater than", Above);
        Add(limits, "at most", Max);
        Add(limits, "less than", Below);
        return string.Join(" and ", limits);
    }

    private static void Add(List<string> limits, string words, double limit)
    {
        if (double.IsFinite(limit))
        {
            limits.Add(FormattableString.Invariant($"{words} {limit}"));
        }
    }
}

/// <summary>A path: relative ones are resolved against the run file's folder, or the current one for command-line values.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class FilePathAttribute : Attribute
{
    /// <summary>ORG/NAME stays as it is where there is no directory of that name: a repository of the hub.</summary>
    public bool MayNameRepository { get; init; }
}
