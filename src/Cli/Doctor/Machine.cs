using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lorikeet.Cli.Doctor;

/// <summary>What the machine is.</summary>
internal static class Machine
{
    /// <summary>The operating system, by its own name where it tells one.</summary>
    public static string OperatingSystemName()
    {
        const string Release = "/etc/os-release";
        string? name = File.Exists(Release)
            ? File.ReadLines(Release).FirstOrDefault(line => line.StartsWith("PRETTY_NAME=", StringComparison.Ordinal))?["PRETTY_NAME=".Length..].Trim('"')
            : null;
        return $"{name ?? RuntimeInformation.OSDescription}, {RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}";
    }

    /// <summary>The processor's name.</summary>
    public static string ProcessorName()
    {
        const string Info = "/proc/cpuinfo";
        string? line = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }

    /// <summary>The vector instructions that .NET may use here.</summary>
    public static IReadOnlyList<string> InstructionSets() =>
    [
        .. new (string Name, bool Has)[]
        {
            ("avx2", Avx2.IsSupported),
            ("fma", Fma.IsSupported),
            ("avx512f", Avx512F.IsSupported),
            ("avx512bw", Avx512BW.IsSupported),
            ("avx512vbmi", Avx512Vbmi.IsSupported),
            ("vector128", Vector128.IsHardwareAccelerated),
            ("vector256", Vector256.IsHardwareAccelerated),
            ("vector512", Vector512.IsHardwareAccelerated),
        }.Where(set => set.Has).Select(set => set.Name),
    ];

    /// <summary>Main memory in bytes that this process may use, and that is free now.</summary>
    public static (long Usable, long? Free) Memory()
    {
        const string Info = "/proc/meminfo";
        string? line = File.Exists(Info) ? File.ReadLines(Info).FirstOrDefault(l => l.StartsWith("MemAvailable:", StringComparison.Ordinal)) : null;
        long? free = line is not null && long.TryParse(line["MemAvailable:".Length..].Replace("kB", "", StringComparison.Ordinal).Trim(),
            NumberStyles.None, CultureInfo.InvariantCulture, out long kib) ? kib << 10 : null;
        return (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, free);
    }
}
