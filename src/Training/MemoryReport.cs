using Lorikeet.Tensors;

namespace Lorikeet.Training;

/// <summary>The allocator's account in the form of run events, bytes.</summary>
public static class MemoryReport
{
    /// <summary>What is live now.</summary>
    public static Tracking.MemoryUse Live(MemoryAccount account) => Of(account.LiveOf);

    /// <summary>What was live when the total peaked.</summary>
    public static Tracking.MemoryUse AtPeak(MemoryAccount account) => Of(account.AtPeakOf) with { Resident = Resident(peak: true) };

    private static long Resident(bool peak)
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return peak ? process.PeakWorkingSet64 : process.WorkingSet64;
    }

    private static Tracking.MemoryUse Of(Func<MemoryUse, long> bytes) => new()
    {
        Resident = Resident(peak: false),
        Weights = bytes(MemoryUse.Weights),
        Gradients = bytes(MemoryUse.Gradients),
        Optimizer = bytes(MemoryUse.Optimizer),
        Activations = bytes(MemoryUse.Activations),
        Workspace = bytes(MemoryUse.Workspace),
    };
}
