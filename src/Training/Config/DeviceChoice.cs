using System.Globalization;

namespace Lorikeet.Training.Config;

/// <summary>The kind of device that computes.</summary>
public enum DeviceKind
{
    /// <summary>A GPU where there is one that can be used, else the processor.</summary>
    Auto,

    /// <summary>The processor.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}

/// <summary>The device that computes, as users name it: <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:1</c>.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Ordinal">Which GPU, counted from 0.</param>
public readonly record struct DeviceChoice(DeviceKind Kind, int Ordinal = 0)
{
    /// <summary>What names look like.</summary>
    public const string Expected = "auto, cpu, cuda or cuda:N";

    private const string Prefix = "cuda:";
    private const int MostDigits = 3;

    /// <summary>A GPU where there is one that can be used, else the processor.</summary>
    public static DeviceChoice Auto => new(DeviceKind.Auto);

    /// <summary>The processor.</summary>
    public static DeviceChoice Cpu => new(DeviceKind.Cpu);

    /// <summary>Reads a name.</summary>
    public static bool TryParse(string text, out DeviceChoice choice)
    {
        ArgumentNullException.ThrowIfNull(text);
        string name = text.ToLowerInvariant();
        choice = name switch
        {
            "cpu" => Cpu,
            "cuda" or "gpu" => new DeviceChoice(DeviceKind.Cuda),
            _ => Auto,
        };
        if (name.StartsWith(Prefix, StringComparison.Ordinal) && name.Length <= Prefix.Length + MostDigits
            && int.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int ordinal))
        {
            choice = new DeviceChoice(DeviceKind.Cuda, ordinal);
            return true;
        }

        return name is "auto" or "cpu" or "cuda" or "gpu";
    }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        DeviceKind.Auto => "auto",
        DeviceKind.Cpu => "cpu",
        _ => Ordinal == 0 ? "cuda" : string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Ordinal}"),
    };
}
