using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests;

/// <summary>chat: once, and in turns that come through a pipe.</summary>
public sealed class ChatTests : IDisposable
{
    private readonly TinyCommands _tiny = new();

    private string Picture => Path.Combine(_tiny.Images, "landscape.png");

    [Fact]
    public void One_prompt_with_a_picture_is_answered_on_standard_output()
    {
        Said said = _tiny.Run("chat", _tiny.Model, "--image", Picture, "--prompt", "Describe the image in detail.", "--max-new-tokens", "4");
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.NotEmpty(said.Result.Trim());
        Assert.EndsWith("\n", said.Result, StringComparison.Ordinal);
        Assert.Contains("picture: " + Picture, said.Messages, StringComparison.Ordinal);
        Assert.Contains("cut off after 4 tokens", said.Messages, StringComparison.Ordinal);
        Assert.NotEqual(said.Result, _tiny.Run("chat", _tiny.Model, "--prompt", "Describe the image in detail.", "--max-new-tokens", "4").Result);
    }

    [Fact]
    public void A_missing_picture_is_named_before_anything_is_loaded()
    {
        Said said = _tiny.Run("chat", _tiny.Model, "--image", "gone.png", "--prompt", "Hello");
        Assert.Equal(ExitCodes.Input, said.Code);
        Assert.Equal("error: gone.png: there is no such picture\n", said.Messages);
        Assert.Empty(said.Result);
    }

    [Fact]
    public void Turns_may_add_pictures_start_anew_and_survive_mistakes()
    {
        string[] turns =
        [
            "Hello", // alone
            $"/image {Picture}", "What is it?", // remembers the first turn
            "/reset", "Hello", // as the first
            "/image gone.png", "/reset now", "/nonsense",
            "/reset", "Hello",
            "/exit", "never read",
        ];
        Said said = Turns(turns);
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        string alone = Turns("Hello").Result;
        Assert.StartsWith(alone, said.Result, StringComparison.Ordinal);
        Assert.EndsWith(alone + alone, said.Result, StringComparison.Ordinal);
        Assert.Contains("gone.png", said.Messages, StringComparison.Ordinal);
        Assert.Contains("there is no command '/nonsense'", said.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void A_picture_in_a_turn_changes_the_answer()
    {
        Assert.NotEqual(Turns("What is it?").Result, Turns($"/image {Picture}", "What is it?").Result);
    }

    [Fact]
    public void A_folder_of_frames_is_a_video_for_models_that_take_them()
    {
        string frames = Path.Combine(_tiny.Folder, "frames"), model = Golden.Path("models", "qwen2_vl");
        Directory.CreateDirectory(frames);
        foreach (int i in new[] { 1, 2, 3 })
        {
            File.Copy(Picture, Path.Combine(frames, $"f{i}.png"));
        }

        Said said = _tiny.Run("chat", model, "--video", frames, "--prompt", "What happens?", "--max-new-tokens", "4");
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.Contains($"video: {frames}, ", said.Messages, StringComparison.Ordinal);
        Assert.Contains("3 frames, 2 per second", said.Messages, StringComparison.Ordinal);
        Said turns = TinyCommands.Run(new StringReader($"/video {frames}\nWhat happens?"), new StopSignal(), "chat", model, "--max-new-tokens", "4");
        Assert.Equal(said.Result, turns.Result);
        Assert.NotEqual(said.Result, _tiny.Run("chat", model, "--prompt", "What happens?", "--max-new-tokens", "4").Result);

        Said refused = _tiny.Run("chat", _tiny.Model, "--video", frames, "--prompt", "What happens?");
        Assert.Equal(ExitCodes.Input, refused.Code);
        Assert.Contains("take pictures alone", refused.Messages, StringComparison.Ordinal);
        Assert.Equal("error: gone.mp4: there is no such video\n", _tiny.Run("chat", model, "--video", "gone.mp4", "--prompt", "Hello").Messages);
    }

    public void Dispose() => _tiny.Dispose();

    private Said Turns(params string[] lines) =>
        TinyCommands.Run(new StringReader(string.Join('\n', lines)), new StopSignal(), "chat", _tiny.Model, "--max-new-tokens", "5");
}
