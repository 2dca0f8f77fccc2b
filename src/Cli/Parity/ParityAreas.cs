namespace Lorikeet.Cli.Parity;

/// <summary>The areas of reference outputs, in the order in which they run.</summary>
internal static class ParityAreas
{
    /// <summary>Names as on the command line.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["processing", "forward", "grads", "training", "dpo", "peft", "quant", "tokenizers", "images", "templates", "sampling", "schedules"];

    public static void RunAll(ParityRun run, ComputeSession session, CancellationToken cancellation)
    {
        if (run.Wants("processing") || run.Wants("forward") || run.Wants("grads"))
        {
            new CasesArea(run, session).Run(cancellation);
        }

        run.FlushDumps();
    }
}
