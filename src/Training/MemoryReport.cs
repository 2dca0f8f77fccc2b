using Lorikeet.Tensors;

namespace Lorikeet.Training;

/// <summary>The allocator's account in the form of run events, bytes.</summary>
public static class MemoryReport
{
    /// <summary>What is live now.</summary>
    public static Tracking.MemoryUse Live(MemoryAccount account) => Of(account.LiveOf);

    /// <summary>What was live when the total peaked.</summary>
    public static Tracking.MemoryUse AtPeak(MemoryAccount account) => Of(account.AtPeakOf) with { Resident = Resident().Peak };

    private static (long Now, long Peak) Resident()
    {
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        return (process.WorkingSet64, process.PeakWorkingSet64);
    }

    private static Tracking.MemoryUse Of(Func<MemoryUse, long> bytes) => With(Resident(), bytes);

    private static Tracking.MemoryUse With((long Now, long Peak) resident, Func<MemoryUse, long> bytes) => new()
    {
        Resident = resident.Now,
        PeakResident = Math.Max(resident.Now, resident.Peak),
        Weights = bytes(MemoryUse.Weights),
        Gradients = bytes(MemoryUse.Gradients),
        Optimizer = bytes(MemoryUse.Optimizer),
        Activations = bytes(MemoryUse.Activations),
        Workspace = bytes(MemoryUse.Workspace),
    };
}
