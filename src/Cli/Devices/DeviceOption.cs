using System.CommandLine;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Devices;

/// <summary>The option <c>--device</c>.</summary>
internal static class DeviceOption
{
    /// <summary>The option.</summary>
    /// <param name="otherwise">What holds where it is not given, for the help; null: the run file's.</param>
    public static Option<string?> Create(string? otherwise = "auto")
    {
        var option = new Option<string?>("--device")
        {
            HelpName = "auto|cpu|cuda|cuda:N",
            Description = "What computes: the processor, or an NVIDIA GPU; auto takes a GPU where there is one" + (otherwise is null ? ". By default as the run file says" : ""),
        };
        if (otherwise is not null)
        {
            option.DefaultValueFactory = _ => otherwise;
        }

        return option;
    }

    /// <summary>Reads what was given.</summary>
    public static DeviceChoice Parse(string? text) => text is null ? DeviceChoice.Auto
        : DeviceChoice.TryParse(text, out DeviceChoice choice) ? choice
        : throw new InvalidDataException($"--device: expected {DeviceChoice.Expected}, found '{text}'");
}
