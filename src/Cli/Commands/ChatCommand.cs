using System.CommandLine;
using Lorikeet.Cli.Chat;
using Lorikeet.Cli.Devices;
using Lorikeet.Generation;
using Lorikeet.Models;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Commands;

/// <summary>chat: talks with a model about pictures, once or in turns.</summary>
internal static class ChatCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var model = new Argument<string>("model") { HelpName = "MODEL_DIR", Description = "A model directory, or an adapter directory (its base is opened too)" };
        var adapter = new Option<string?>("--adapter") { HelpName = "DIR", Description = "An adapter on the model" };
        var image = new Option<string[]>("--image") { Description = "A picture; may be given several times", DefaultValueFactory = _ => [] };
        var video = new Option<string[]>("--video") { Description = "A video file, or a folder of frames; may be given several times", DefaultValueFactory = _ => [] };
        var prompt = new Option<string?>("--prompt") { Description = "Answer this and end, instead of chatting in turns" };
        var system = new Option<string?>("--system") { Description = "A system message" };
        var maxNewTokens = new Option<int?>("--max-new-tokens") { Description = "Longest answer in tokens" };
        var temperature = new Option<double?>("--temperature") { Description = "0 picks the likeliest token; higher values vary more" };
        var topK = new Option<int?>("--top-k") { Description = "Keep the k likeliest tokens" };
        var topP = new Option<double?>("--top-p") { Description = "Keep the likeliest tokens that together have this probability" };
        var minP = new Option<double?>("--min-p") { Description = "Keep tokens of at least this share of the likeliest one's probability" };
        var typicalP = new Option<double?>("--typical-p") { Description = "Keep the most typical tokens that together have this probability" };
        var penalty = new Option<double?>("--repetition-penalty") { Description = "Above 1: tokens that have occurred become less likely" };
        var stop = new Option<string[]>("--stop") { Description = "End the answer before this text; may be given several times", DefaultValueFactory = _ => [] };
        var seed = new Option<ulong>("--seed") { Description = "Of the drawn tokens", DefaultValueFactory = _ => 42UL };
        var compute = new Option<string>("--compute") { Description = "f32, or bf16", DefaultValueFactory = _ => "f32" };
        Option<string?> device = DeviceOption.Create();
        var command = new Command("chat", "Chat with a model about pictures and videos in the terminal, or answer one prompt")
        {
            model, adapter, image, video, prompt, system, maxNewTokens, temperature, topK, topP, minP, typicalP, penalty, stop, seed, compute, device,
        };
        command.SetAction(parsed =>
        {
            var asked = new ChatOptions(
                parsed.GetValue(model)!, parsed.GetValue(adapter), parsed.GetValue(image)!, parsed.GetValue(prompt), parsed.GetValue(system))
            {
                Videos = parsed.GetValue(video)!,
                Device = DeviceOption.Parse(parsed.GetValue(device)),
            };
            SamplingOptions Sampling(GenerationDefaults defaults) => new()
            {
                MaxNewTokens = parsed.GetValue(maxNewTokens) ?? defaults.MaxNewTokens ?? 256,
                Temperature = parsed.GetValue(temperature) ?? (defaults.DoSample ? defaults.Temperature ?? 1 : 0),
                TopK = parsed.GetValue(topK) ?? (defaults.DoSample ? defaults.TopK : null),
                TopP = parsed.GetValue(topP) ?? (defaults.DoSample ? defaults.TopP : null),
                MinP = parsed.GetValue(minP) ?? (defaults.DoSample ? defaults.MinP : null),
                TypicalP = parsed.GetValue(typicalP) ?? (defaults.DoSample ? defaults.TypicalP : null),
                RepetitionPenalty = parsed.GetValue(penalty) ?? defaults.RepetitionPenalty,
                StopStrings = parsed.GetValue(stop)!,
                Seed = parsed.GetValue(seed),
            };
            return Run(host, asked, Sampling, ComputeOption.Parse(parsed.GetValue(compute)!));
        });
        return new Verb(command);
    }

    private static int Run(CliHost host, ChatOptions asked, Func<GenerationDefaults, SamplingOptions> sampling, Compute compute)
    {
        foreach (string image in asked.Images.Where(image => !File.Exists(image)))
        {
            throw new InvalidDataException($"{image}: there is no such picture");
        }

        foreach (string video in asked.Videos.Where(video => !Path.Exists(video)))
        {
            throw new InvalidDataException($"{video}: there is no such video");
        }

        using var session = new ComputeSession(host, asked.Device, compute);
        (LoadedModel loaded, _) = ModelOpener.Open(host, session, asked.Model, asked.Adapter);
        using (loaded)
        {
            var chat = new ChatLoop(host, new Generator(loaded, session.Parameters, compute), loaded, sampling(loaded.Directory.Generation));
            return chat.Run(asked);
        }
    }
}
