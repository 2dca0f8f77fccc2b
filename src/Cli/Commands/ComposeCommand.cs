using System.CommandLine;
using System.Globalization;
using Lorikeet.Models.Composing;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Commands;

/// <summary>compose: joins a vision tower and a text model.</summary>
internal static class ComposeCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var vision = new Option<string>("--vision") { HelpName = "DIR", Description = "A CLIP or SigLIP model or its vision tower alone; or a Qwen2-VL or Qwen2.5-VL model, of which the tower is taken", Required = true };
        var text = new Option<string>("--text") { HelpName = "DIR", Description = "A text model: Llama, Mistral, Qwen2, Qwen3 or Phi-3", Required = true };
        var output = new Option<string>("--output") { HelpName = "DIR", Description = "Where the joined model goes; must not exist", Required = true };
        var layer = new Option<int[]>("--feature-layer")
        {
            Description = "Layer of a CLIP or SigLIP tower whose hidden states become features, from the end where negative; several lie side by side; -2 where not given",
            AllowMultipleArgumentsPerToken = true,
        };
        var token = new Option<string>("--image-token") { Description = "The token that stands for a picture; added where the tokenizer has none", DefaultValueFactory = _ => "<image>" };
        var template = new Option<string?>("--template") { HelpName = "FILE", Description = "A chat template instead of the text model's own" };
        var seed = new Option<int>("--seed") { Description = "Seed of the connector's new matrices", DefaultValueFactory = _ => 42 };
        var command = new Command("compose", "Join a vision tower, a new connector and a text model into one model to train") { vision, text, output, layer, token, template, seed };
        command.SetAction(parsed => Run(host, parsed.GetValue(output)!, new ComposeOptions
        {
            Vision = ModelOpener.Directory(host, parsed.GetValue(vision)!).Path,
            Text = ModelOpener.Directory(host, parsed.GetValue(text)!).Path,
            FeatureLayers = parsed.GetValue(layer) ?? [],
            ImageToken = parsed.GetValue(token)!,
            Template = parsed.GetValue(template) is { } file ? File.ReadAllText(file) : null,
            Seed = (ulong)parsed.GetValue(seed),
        }));
        return new Verb(command);
    }

    private static int Run(CliHost host, string output, ComposeOptions options)
    {
        using var session = new ComputeSession(Compute.F32);
        ComposeReport report = ModelComposer.Run(options, output, session.Parameters);
        host.Result.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Pictures(report.Tokens)}; {options.ImageToken} is token {report.ImageTokenId}{(report.AddedRows > 0 ? $", for which the embeddings have {report.AddedRows} more rows" : "")}"));
        host.Result.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the connector is new, {report.ConnectorValues} values: train it first, the rest frozen (method: freeze, freeze: {{ train: [connector] }})"));
        if (report.OwnType is { } type)
        {
            host.Result.WriteLine($"only Lorikeet loads this combination (model_type {type}); no other program has it");
        }

        host.Result.WriteLine($"composed model: {output}");
        return ExitCodes.Done;
    }

    private static string Pictures(PictureTokens tokens) => tokens.Edge is { } edge
        ? string.Create(CultureInfo.InvariantCulture, $"a picture takes {tokens.Least} to {tokens.Most} tokens, one for {edge} x {edge} pixels (data.max_pixels makes them fewer)")
        : string.Create(CultureInfo.InvariantCulture, $"a picture takes {tokens.Most} tokens");
}
