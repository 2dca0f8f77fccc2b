namespace Lorikeet.Cli.Parity;

/// <summary>Areas <c>dpo</c> and <c>quant</c>: what they hold is named, but not computed.</summary>
internal sealed class UnbuiltAreas(ParityRun run)
{
    private const string Reason = "not available yet";

    public void Dpo()
    {
        foreach (string family in ParityFiles.Directories(run.At("training")).Where(run.WantsFamily))
        {
            foreach (string name in ParityFiles.Stems(run.At("training", family)).Where(n => n.StartsWith("dpo_", StringComparison.Ordinal)))
            {
                run.Skip(new CheckId("dpo", family, name, "all"), Reason);
            }
        }
    }

    public void Quant()
    {
        string[] families = [.. ParityFiles.Directories(run.At("models")).Union(ParityFiles.Directories(run.At("cases"))).OrderByDescending(f => f.Length)];
        foreach (string name in ParityFiles.Stems(run.At("quant")))
        {
            // qlora_<family>_<type> counts under its family, everything else under none.
            string family = name.StartsWith("qlora_", StringComparison.Ordinal)
                ? families.FirstOrDefault(f => name.StartsWith("qlora_" + f + "_", StringComparison.Ordinal)) ?? ""
                : "";
            if (run.WantsFamily(family))
            {
                run.Skip(new CheckId("quant", family, name, "all"), Reason);
            }
        }
    }
}
