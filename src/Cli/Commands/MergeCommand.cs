using System.CommandLine;
using System.Globalization;
using Lorikeet.Adapters;
using Lorikeet.Cli.Devices;
using Lorikeet.Export;
using Lorikeet.Imaging;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Text.Chat;

namespace Lorikeet.Cli.Commands;

/// <summary>merge: folds an adapter into its base.</summary>
internal static class MergeCommand
{
    private const int ProbeEdge = 96;

    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var model = new Argument<string>("model") { HelpName = "MODEL_DIR", Description = "The base model" };
        var adapter = new Option<string>("--adapter") { HelpName = "DIR", Description = "The adapter", Required = true };
        var output = new Option<string>("--output") { HelpName = "DIR", Description = "Where the merged model goes; must not exist", Required = true };
        var dtype = new Option<string?>("--dtype") { Description = "float32, bfloat16 or float16; by default as the base is stored" };
        var tolerance = new Option<double?>("--tolerance") { Description = "Largest allowed difference of the logits, relative to the largest" };
        var names = new Option<string?>("--names") { HelpName = "4|5", Description = "Tensor names of transformers 4 or 5; by default those of the base's files" };
        Option<string?> device = DeviceOption.Create("cpu");
        var command = new Command("merge", "Fold an adapter into its base and check that the answers stay the same") { model, adapter, output, dtype, tolerance, names, device };
        command.SetAction(parsed =>
        {
            using var session = new ComputeSession(host, DeviceOption.Parse(parsed.GetValue(device)), Compute.F32);
            return Run(host, session, new MergeRequest(parsed.GetValue(model)!, parsed.GetValue(adapter)!, parsed.GetValue(output)!)
            {
                DType = DTypeOf(parsed.GetValue(dtype)),
                Tolerance = parsed.GetValue(tolerance),
                Names = NamesOf(parsed.GetValue(names)),
            });
        });
        return new Verb(command);
    }

    private static int Run(CliHost host, ComputeSession session, MergeRequest request)
    {
        (LoadedModel loaded, AdapterSet? adapter) = ModelOpener.Open(host, session, request.Model, request.Adapter);
        using (loaded)
        {
            MergeReport report = AdapterMerge.Run(
                loaded, adapter!, request.Output, session.Parameters, new MergeOptions(request.DType, Probe(loaded.Processor), request.Tolerance) { Names = request.Names });
            host.Result.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{report.MergedLayers} layers merged; the adapter changes logits by up to {report.MaxChange:G3}"));
            host.Result.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"logits before and after the merge differ by at most {report.MaxDifference:G3} ({report.Relative:G3} of the largest), the likeliest token agrees at {report.SameTokens * 100:0.#} % of the positions"));
            if (request.Names == WeightNames.Transformers4 && loaded.Directory.Config.TryString("transformers_version")?.StartsWith("5.", StringComparison.Ordinal) == true)
            {
                host.Messages.WriteLine("note: config.json was written by transformers 5 and is copied as it is; transformers 4 may not understand it");
            }

            host.Result.WriteLine($"merged model: {request.Output}");
        }

        return ExitCodes.Done;
    }

    /// <summary>A picture of a colour gradient with a question and an answer: every part of the model takes part.</summary>
    private static EncodedSample Probe(Processor processor)
    {
        byte[] pixels = new byte[ProbeEdge * ProbeEdge * 3];
        for (int i = 0; i < ProbeEdge * ProbeEdge; i++)
        {
            (int y, int x) = Math.DivRem(i, ProbeEdge);
            pixels[i * 3] = (byte)(x * 255 / ProbeEdge);
            pixels[(i * 3) + 1] = (byte)(y * 255 / ProbeEdge);
            pixels[(i * 3) + 2] = (byte)((x * y) % 251);
        }

        ChatMessage[] messages =
        [
            new("user", [new ImagePart(), new TextPart("What is in this picture? Describe colours, shapes and text in a few words.")]),
            new("assistant", [new TextPart("A gradient from dark to bright, with fine stripes in blue and no text at all.")]),
        ];
        return processor.Encode(new Conversation(messages, [new Image(ProbeEdge, ProbeEdge, PixelMode.RGB, pixels)]), new EncodeOptions());
    }

    private static WeightNames NamesOf(string? generation) => generation switch
    {
        null => WeightNames.Base,
        "4" => WeightNames.Transformers4,
        "5" => WeightNames.Transformers5,
        _ => throw new InvalidDataException($"--names: expected 4 or 5 (the generation of transformers), found '{generation}'"),
    };

    private static SafeDType? DTypeOf(string? name) => name switch
    {
        null => null,
        "float32" or "f32" => SafeDType.F32,
        "bfloat16" or "bf16" => SafeDType.BF16,
        "float16" or "f16" => SafeDType.F16,
        _ => throw new InvalidDataException($"--dtype: expected float32, bfloat16 or float16, found '{name}'"),
    };

    private sealed record MergeRequest(string Model, string Adapter, string Output)
    {
        public SafeDType? DType { get; init; }

        public double? Tolerance { get; init; }

        public WeightNames Names { get; init; }
    }
}
