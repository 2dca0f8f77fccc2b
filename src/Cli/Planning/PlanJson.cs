using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Training.Planning;

namespace Lorikeet.Cli.Planning;

/// <summary>A plan as one line of JSON; docs/planning.md describes it. Sizes are in bytes, times in seconds.</summary>
internal static class PlanJson
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The line, without its end.</summary>
    public static string Of(PlanResult result)
    {
        RunPlan plan = result.Plan;
        return new JsonObject
        {
            ["fits"] = result.Fits,
            ["total"] = plan.Total,
            ["budget"] = result.Budget.Bytes,
            ["host_total"] = plan.HostTotal,
            ["peak_in"] = plan.Account.PeakIn,
            ["account"] = Account(plan.Account),
            ["process"] = new JsonObject { ["program"] = plan.Process.Program, ["read_ahead"] = plan.Process.ReadAhead, ["kernels"] = plan.Process.Kernels, ["saving"] = plan.Process.Saving },
            ["training"] = Training(plan.Training),
            ["data"] = Data(plan.Data),
            ["time"] = Time(result.Time),
            ["changes"] = new JsonArray([.. result.Changes.Select(c => new JsonObject { ["setting"] = c.Setting, ["effect"] = c.Effect, ["total"] = c.Total, ["fits"] = c.Fits })]),
            ["notes"] = new JsonArray([.. plan.Notes.Select(note => (JsonNode)note)]),
        }.ToJsonString(Readable);
    }

    private static JsonObject? Time(TimeEstimate? time) => time is null ? null : new JsonObject
    {
        ["seconds"] = time.Seconds,
        ["seconds_per_step"] = time.SecondsPerStep,
        ["peak_gflops"] = time.PeakGflops,
        ["share_of_peak"] = TimeEstimate.Share,
    };

    private static JsonObject Account(PlannedBytes a) => new()
    {
        ["weights_mapped"] = a.MappedWeights,
        ["weights_loaded"] = a.LoadedWeights,
        ["trained"] = a.Trained,
        ["gradients"] = a.Gradients,
        ["most_gradients"] = a.MostGradients,
        ["optimizer"] = a.Optimizer,
        ["activations"] = a.Activations,
        ["workspace"] = a.Workspace,
        ["total"] = a.Total,
        ["free_blocks"] = a.Slack,
    };

    private static JsonObject Training(PlannedTraining t) => new()
    {
        ["parameters"] = t.Parameters,
        ["model_parameters"] = t.ModelParameters,
        ["compute"] = t.Compute,
        ["steps"] = t.Steps,
        ["steps_per_epoch"] = t.StepsPerEpoch,
        ["samples"] = t.Samples,
        ["flops_per_sample"] = t.FlopsPerSample,
        [t.HasAdapters ? "adapted_layers" : "trained_tensors"] = new JsonArray([.. t.Modules.Select(m => (JsonNode)m)]),
    };

    private static JsonObject Data(PlannedData d) => new()
    {
        ["rows"] = d.Rows,
        ["looked_at"] = d.Looked,
        ["tokens_per_epoch"] = d.Tokens,
        ["image_tokens_per_epoch"] = d.ImageTokens,
        ["supervised_per_epoch"] = d.Supervised,
        ["patches_per_epoch"] = d.Patches,
        ["refused"] = d.Refused.Count,
        ["costliest"] = new JsonObject
        {
            ["origin"] = d.Costliest.Origin,
            ["tokens"] = d.Costliest.Tokens,
            ["supervised"] = d.Costliest.Supervised,
            ["pictures"] = new JsonArray([.. d.Costliest.Pictures.Select(p => new JsonObject
            {
                ["file"] = new JsonArray(p.FileWidth, p.FileHeight),
                ["effective"] = new JsonArray(p.Width, p.Height),
                ["tokens"] = p.Tokens,
                ["patches"] = p.Patches,
            })]),
        },
    };
}
