using System.Text.Json;
using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Parity;

/// <summary>Area <c>peft</c>: adapter directories of PEFT, loaded, switched off, merged.</summary>
internal sealed class PeftArea(ParityRun run, ComputeSession session)
{
    private const string Area = "peft", JsonName = "expected.json", TensorsName = "expected.safetensors";

    public void Run(CancellationToken cancellation)
    {
        foreach (string folder in ParityFiles.Directories(run.At(Area)))
        {
            if (folder == "loftq")
            {
                LoftQ();
            }
            else if (run.WantsFamily(folder))
            {
                run.Guard(new CheckId(Area, folder, "", "load"), () => Family(folder, cancellation));
                run.FlushDumps();
            }
        }
    }

    private void LoftQ()
    {
        foreach (string name in ParityFiles.Stems(run.At(Area, "loftq")).Where(_ => run.Options.Family is null))
        {
            run.Skip(new CheckId(Area, "", name, "all"), "LoftQ is not available yet");
        }
    }

    private void Family(string family, CancellationToken cancellation)
    {
        string? reason = ParityFiles.WhyNoModel(run.At("models", family));
        foreach (string name in ParityFiles.Directories(run.At(Area, family)))
        {
            cancellation.ThrowIfCancellationRequested();
            var id = new CheckId(Area, family, name, "");
            if (reason is not null)
            {
                run.Skip(id with { Quantity = "all" }, reason);
                continue;
            }

            run.Guard(id with { Quantity = "adapter" }, () => Adapter(id, ModelDirectory.Open(run.At("models", family))));
        }
    }

    private void Adapter(CheckId id, ModelDirectory directory)
    {
        CheckId all = id with { Quantity = "all" };
        string folder = run.At(Area, id.Family, id.Case);
        string? missing = new[] { JsonName, TensorsName, AdapterFile.ConfigName, AdapterFile.WeightsName }.FirstOrDefault(file => !File.Exists(Path.Combine(folder, file)));
        if (missing is not null)
        {
            run.Skip(all, $"{missing} is not here");
            return;
        }

        JsonElement golden = JsonFile.Read(Path.Combine(folder, JsonName));
        string[] input = golden.GetProperty("input_case").GetString()!.Split('/');
        if (input is not ["cases", _, _] || !File.Exists(run.At("cases", input[1], input[2] + ".json")) || !File.Exists(run.At("cases", input[1], input[2] + ".safetensors")))
        {
            run.Skip(all, $"the input {string.Join('/', input)} is not here");
            return;
        }

        if (RefusedDora(folder) is { } refusal)
        {
            run.Skip(all, "DoRA is not available yet: " + refusal);
            return;
        }

        using var source = new GoldenCase(run.Options.Root, input[1], input[2]);
        using LoadedModel loaded = ModelCatalog.Load(directory, session.Parameters);
        loaded.Processor.PadsAsReference = true;
        using SafeTensorsFile expected = SafeTensorsFile.Open(Path.Combine(folder, TensorsName));
        ModelInput batch = loaded.Processor.Collate([.. source.Conversations().Select(c => loaded.Processor.Encode(c, source.Options(LossOn.LastTurn)))]);
        AdapterSet adapter = AdapterFile.Load(folder, loaded.Model.Parts, loaded.Model.LmHead, session.Parameters);
        new PeftChecks(run, id, golden, expected, session).Run(loaded, adapter, batch);
    }

    /// <summary>What is said about an adapter that asks for DoRA, or null where it is taken or not asked for.</summary>
    private static string? RefusedDora(string folder)
    {
        JsonElement config = JsonFile.Read(Path.Combine(folder, AdapterFile.ConfigName));
        if (!config.TryGetProperty("use_dora", out JsonElement dora) || dora.ValueKind != JsonValueKind.True)
        {
            return null;
        }

        try
        {
            AdapterFile.ReadConfig(folder);
            return null;
        }
        catch (InvalidDataException e)
        {
            return e.Message;
        }
    }
}
