using Lorikeet.Cli.Doctor;
using Lorikeet.Cli.Terminal;

namespace Lorikeet.Cli.Planning;

/// <summary>The memory that a run may take.</summary>
/// <param name="Bytes">How much.</param>
/// <param name="Whose">Who has it, as a sentence goes on: "this machine has 16 GiB".</param>
/// <param name="Word">What stands behind the size in a table, or nothing.</param>
internal sealed record PlanBudget(long Bytes, string Whose, string Word)
{
    /// <summary>What a run that has begun can have: on a GPU what it holds by now, and what is free.</summary>
    public static long OfRun(ComputeSession session) => session.Gpu is { } gpu ? gpu.Memory.Free + gpu.ScratchBytes + session.Arena.Reserved : Machine.Memory().Usable;

    /// <summary>What was given with --memory, else what the device has.</summary>
    public static PlanBudget Of(ComputeSession? session, long? given)
    {
        if (given is { } bytes)
        {
            return new PlanBudget(bytes, $"the budget is {Words.Bytes(bytes)}", " allowed");
        }

        if (session?.Gpu is { } gpu)
        {
            (long free, long total) = gpu.Memory;
            return new PlanBudget(free, $"{gpu.Name} has {Words.Bytes(free)} free of {Words.Bytes(total)}", $" free on {gpu.Name}");
        }

        long usable = Machine.Memory().Usable;
        return new PlanBudget(usable, $"this machine has {Words.Bytes(usable)}", "");
    }
}
