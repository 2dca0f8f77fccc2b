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

        (string Name, Action Check)[] areas =
        [
            ("training", () => new TrainingArea(run, session).Run(cancellation)),
            ("dpo", new UnbuiltAreas(run).Dpo),
            ("peft", () => new PeftArea(run, session).Run(cancellation)),
            ("quant", new UnbuiltAreas(run).Quant),
        ];
        foreach ((_, Action check) in areas.Where(a => run.Wants(a.Name)))
        {
            check();
            run.FlushDumps();
        }

        if (run.Options.Family is null)
        {
            WithoutFamily(run, cancellation);
        }
    }

    /// <summary>Areas that belong to no family run only where none is asked for.</summary>
    private static void WithoutFamily(ParityRun run, CancellationToken cancellation)
    {
        (string Name, Action Check)[] areas =
        [
            ("tokenizers", () => new TokenizersArea(run).Run(cancellation)),
            ("images", new ImagesArea(run).Run),
            ("templates", new TemplatesArea(run).Run),
            ("sampling", new SamplingArea(run).Run),
            ("schedules", new SchedulesArea(run).Run),
        ];
        foreach ((_, Action check) in areas.Where(a => run.Wants(a.Name)))
        {
            cancellation.ThrowIfCancellationRequested();
            check();
            run.FlushDumps();
        }
    }
}
