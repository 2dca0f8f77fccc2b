using Lorikeet.Data;
using Lorikeet.Generation;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models;
using Lorikeet.Text.Chat;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli.Chat;

/// <summary>What the user asked for on the command line.</summary>
internal sealed record ChatOptions(string Model, string? Adapter, IReadOnlyList<string> Images, string? Prompt, string? System)
{
    /// <summary>Video files, or folders of frames.</summary>
    public IReadOnlyList<string> Videos { get; init; } = [];

    /// <summary>What computes.</summary>
    public DeviceChoice Device { get; init; } = DeviceChoice.Auto;
}

/// <summary>A conversation in the terminal. Answers go to standard output as they come, everything else to standard error.</summary>
internal sealed class ChatLoop(CliHost host, Generator generator, LoadedModel loaded, SamplingOptions sampling)
{
    private readonly List<ChatMessage> _messages = [];
    private readonly List<Image> _images = [];
    private readonly List<VideoClip> _videos = [];
    private readonly List<ContentPart> _waiting = [];

    /// <summary>Answers once, or until the user leaves.</summary>
    public int Run(ChatOptions asked)
    {
        Restart(asked.System);
        foreach (string image in asked.Images)
        {
            AddImage(image);
        }

        foreach (string video in asked.Videos)
        {
            AddVideo(video);
        }

        if (asked.Prompt is { } prompt)
        {
            Ask(prompt);
            return ExitCodes.Done;
        }

        host.Messages.WriteLine("/image PATH adds a picture, /video PATH a video or a folder of frames, /reset starts anew, /exit leaves");
        while (Prompt() is { } line && line != "/exit")
        {
            Handle(line, asked.System);
        }

        return ExitCodes.Done;
    }

    private string? Prompt()
    {
        host.Messages.Write("> ");
        return host.Input.ReadLine()?.Trim();
    }

    private void Handle(string line, string? system)
    {
        try
        {
            if (line == "/reset")
            {
                Restart(system);
            }
            else if (line.StartsWith("/image ", StringComparison.Ordinal))
            {
                AddImage(line["/image ".Length..].Trim());
            }
            else if (line.StartsWith("/video ", StringComparison.Ordinal))
            {
                AddVideo(line["/video ".Length..].Trim());
            }
            else if (line.StartsWith('/'))
            {
                host.Messages.WriteLine($"there is no command '{line}'; /image PATH, /video PATH, /reset, /exit");
            }
            else if (line.Length > 0)
            {
                Ask(line);
            }
        }
        catch (InvalidDataException e)
        {
            host.Messages.WriteLine($"error: {e.Message}");
        }
    }

    private void Restart(string? system)
    {
        _messages.Clear();
        _images.Clear();
        _videos.Clear();
        _waiting.Clear();
        if (system is not null)
        {
            _messages.Add(new ChatMessage("system", [new TextPart(system)]));
        }
    }

    private void AddImage(string path)
    {
        Image image = ImageDecoder.Decode(path);
        _images.Add(image);
        _waiting.Add(new ImagePart());
        host.Messages.WriteLine($"picture: {path}, {image.Width} x {image.Height}");
    }

    private void AddVideo(string path)
    {
        if (!loaded.Processor.TakesVideos)
        {
            throw new InvalidDataException($"{path}: models of type {loaded.Directory.ModelType} take pictures alone; give chosen frames by --image or /image.");
        }

        VideoClip video = VideoSource.FromPath(path, path, new VideoSettings()).Open();
        host.Messages.WriteLine($"video: {path}, {video.Info}");
        _videos.Add(video);
        _waiting.Add(new VideoPart());
    }

    private void Ask(string text)
    {
        var question = new ChatMessage("user", [.. _waiting, new TextPart(text)]);
        EncodedSample prompt = loaded.Processor.Encode(
            new Conversation([.. _messages, question], _images) { Videos = _videos }, new EncodeOptions { Loss = LossOn.Nothing, AddGenerationPrompt = true });

        // Only a question that could be read belongs to the conversation.
        _messages.Add(question);
        _waiting.Clear();
        bool atStart = true;
        Answer answer = generator.Generate(
            [prompt],
            sampling,
            (_, piece) =>
            {
                string shown = atStart ? piece.TrimStart() : piece;
                atStart &= shown.Length == 0;
                host.Result.Write(shown);
                host.Result.Flush();
            },
            host.Stop.Token)[0];
        host.Result.WriteLine();
        if (answer.Reason == StopReason.MaxNewTokens)
        {
            host.Messages.WriteLine($"(cut off after {sampling.MaxNewTokens} tokens; --max-new-tokens allows more)");
        }

        _messages.Add(new ChatMessage("assistant", [new TextPart(answer.Text.Trim())]));
    }
}
