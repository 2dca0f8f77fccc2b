using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>training</c>: supervised runs, trained again from messages and pictures.</summary>
internal sealed class TrainingArea(ParityRun run, ComputeSession session)
{
    private const string Area = "training", DataName = "sft_data";

    public void Run(CancellationToken cancellation)
    {
        foreach (string family in ParityFiles.Directories(run.At(Area)).Where(run.WantsFamily))
        {
            run.Guard(new CheckId(Area, family, "", "load"), () => Family(family, cancellation));
            run.FlushDumps();
        }
    }

    private void Family(string family, CancellationToken cancellation)
    {
        string[] names = [.. ParityFiles.Stems(run.At(Area, family)).Where(n => n.StartsWith("sft_", StringComparison.Ordinal))];
        if (WhyNot(family) is { } reason)
        {
            foreach (string name in names)
            {
                run.Skip(new CheckId(Area, family, name, "all"), reason);
            }

            return;
        }

        ModelDirectory directory = ModelDirectory.Open(run.At("models", family));
        Processor processor = ModelCatalog.LoadProcessor(directory);
        SftSources sources = SftSources.Read(run.At(Area, family, DataName + ".json"), run.At("cases", "images"), processor);
        if (names.Contains(DataName))
        {
            run.Guard(new CheckId(Area, family, DataName, "data"), () => new SftDataChecks(run, family, sources, processor).Run());
        }

        foreach (string name in names.Where(n => n != DataName))
        {
            run.Guard(new CheckId(Area, family, name, "run"), () => One(family, name, directory, sources, cancellation));
            run.FlushDumps();
        }
    }

    /// <summary>Why nothing of a family can be computed, or null.</summary>
    private string? WhyNot(string family) => ParityFiles.WhyNoModel(run.At("models", family))
        ?? (!File.Exists(run.At(Area, family, DataName + ".json")) ? "sft_data.json is not here, so there is nothing to train on"
        : !Directory.Exists(run.At("cases", "images")) ? "cases/images is not here"
        : null);

    private void One(string family, string name, ModelDirectory directory, SftSources sources, CancellationToken cancellation)
    {
        string json = run.At(Area, family, name + ".json"), tensors = run.At(Area, family, name + ".safetensors");
        if (!File.Exists(json) || !File.Exists(tensors))
        {
            run.Skip(new CheckId(Area, family, name, "all"), "only one of its two files is here");
            return;
        }

        JsonElement golden = JsonFile.Read(json);
        LoraConfig? config;
        try
        {
            config = Config(golden, json);
        }
        catch (InvalidDataException e) when (WantsDora(golden))
        {
            run.Skip(new CheckId(Area, family, name, "all"), "DoRA is not available yet: " + e.Message);
            return;
        }

        using SafeTensorsFile expected = SafeTensorsFile.Open(tensors);
        using LoadedModel loaded = ModelCatalog.Load(directory, session.Parameters);
        using var sft = new SftRun(golden, config, expected, loaded, sources, session);
        var checks = new SftChecks(run, new CheckId(Area, family, name, ""), golden, expected, sft);
        checks.Start();
        sft.Train(cancellation);
        checks.Finish();
    }

    private static LoraConfig? Config(JsonElement golden, string file) =>
        golden.GetProperty("meta").TryGetProperty("peft", out JsonElement peft) ? AdapterFile.ReadConfig(peft, file + ": meta.peft") : null;

    private static bool WantsDora(JsonElement golden) =>
        golden.GetProperty("meta").TryGetProperty("peft", out JsonElement peft) && peft.TryGetProperty("use_dora", out JsonElement dora) && dora.ValueKind == JsonValueKind.True;
}
