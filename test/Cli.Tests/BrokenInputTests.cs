using System.Buffers.Binary;
using System.Text;
using Lorikeet.Testing;
using Lorikeet.Training;

namespace Lorikeet.Cli.Tests;

/// <summary>Weights, adapters, pictures and targets that cannot be used, in every verb that reads them: one clear message, exit code 2, nothing half-written.</summary>
public sealed class BrokenInputTests : IDisposable
{
    private readonly TinyCommands _tiny = new();

    [Fact]
    public void A_missing_run_file_is_named() => Fails(_tiny.Run("train", "nowhere.yaml"), "nowhere.yaml", "no such run file");

    [Fact]
    public void A_bad_pattern_of_targets_names_its_key() => Fails(_tiny.Train("--lora.target_modules=("), "target_modules", "not a regular expression");

    [Fact]
    public void Targets_that_match_nothing_name_what_there_is() => Fails(_tiny.Train("--lora.target_modules=[nope]"), "matches no linear layer", "q_proj");

    [Theory]
    [InlineData("truncated")]
    [InlineData("lying length")]
    [InlineData("huge header")]
    [InlineData("lying shape")]
    [InlineData("empty")]
    public void Damaged_weights_are_named(string damage)
    {
        string path = Path.Combine(_tiny.CopyModel(), "model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        switch (damage)
        {
            case "truncated":
                bytes = bytes[..(bytes.Length - 1000)];
                break;
            case "lying length":
                BinaryPrimitives.WriteInt64LittleEndian(bytes, header + 64);
                break;
            case "huge header":
                BinaryPrimitives.WriteInt64LittleEndian(bytes, long.MaxValue);
                break;
            case "lying shape":
                string json = Encoding.UTF8.GetString(bytes, 8, header);
                Assert.Contains("\"shape\":[544,64]", json, StringComparison.Ordinal);
                Encoding.UTF8.GetBytes(json.Replace("\"shape\":[544,64]", "\"shape\":[944,64]", StringComparison.Ordinal)).CopyTo(bytes, 8);
                break;
            default:
                bytes = [];
                break;
        }

        File.WriteAllBytes(path, bytes);
        Fails(_tiny.Train(), "model.safetensors");
    }

    [Fact]
    public void An_adapter_for_another_base_is_refused()
    {
        string adapter = Golden.Path("peft", "idefics3", "lora_list");
        File.Copy(Path.Combine(adapter, "adapter_config.json"), Path.Combine(_tiny.Folder, "adapter_config.json"));
        File.Copy(Path.Combine(adapter, "adapter_model.safetensors"), Path.Combine(_tiny.Folder, "adapter_model.safetensors"));
        File.WriteAllText(
            Path.Combine(_tiny.Folder, BaseIdentity.FileName),
            $$"""{"model_type": "smolvlm", "config_sha256": "", "weights_sha256": "{{new string('0', 64)}}", "processor_sha256": "", "template_sha256": ""}""");
        Fails(_tiny.Run("chat", _tiny.Model, "--adapter", _tiny.Folder, "--prompt", "Hello"), "the adapter was trained on another base");
        File.WriteAllText(Path.Combine(_tiny.Folder, BaseIdentity.FileName), "{}");
        Fails(_tiny.Run("chat", _tiny.Model, "--adapter", _tiny.Folder, "--prompt", "Hello"), BaseIdentity.FileName);
        Fails(_tiny.Run("merge", _tiny.Model, "--adapter", Path.Combine(_tiny.Folder, "none"), "--output", _tiny.Output), "no such adapter directory");
        Assert.False(Directory.Exists(_tiny.Output));
    }

    [Fact]
    public void A_text_file_is_no_picture()
    {
        File.WriteAllText(Path.Combine(_tiny.Images, "tiny.png"), "this is a text\n");
        Fails(_tiny.Train(), "train.jsonl:2", "tiny.png");
        Fails(_tiny.Run("chat", _tiny.Model, "--image", Path.Combine(_tiny.Images, "tiny.png"), "--prompt", "Hello"), "tiny.png");
    }

    [Fact]
    public void A_picture_of_one_pixel_trains_and_chats()
    {
        string pixel = Path.Combine(_tiny.Images, "pixel.png");
        File.WriteAllBytes(pixel, Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="));
        _tiny.WriteRows(TinyCommands.Row("pixel.png", "a pixel"));
        Said said = _tiny.Train();
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Said answer = _tiny.Run("chat", _tiny.Output, "--image", pixel, "--prompt", "What is it?", "--max-new-tokens", "2");
        Assert.True(answer.Code == ExitCodes.Done, answer.Messages);
    }

    [Fact]
    public void Merging_into_a_used_directory_is_refused()
    {
        Assert.Equal(ExitCodes.Done, _tiny.Train().Code);
        string[] before = Directory.GetFileSystemEntries(_tiny.Output);
        Fails(_tiny.Run("merge", _tiny.Model, "--adapter", _tiny.Output, "--output", _tiny.Output), "is not empty");
        Assert.Equal(before, Directory.GetFileSystemEntries(_tiny.Output));
        string merged = Path.Combine(_tiny.Folder, "merged");
        Said said = _tiny.Run("merge", _tiny.Model, "--adapter", _tiny.Output, "--output", merged);
        Assert.True(said.Code == ExitCodes.Done, said.Messages);
        Assert.EndsWith($"merged model: {merged}\n", said.Result, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Done, _tiny.Run("chat", merged, "--prompt", "Hello", "--max-new-tokens", "2").Code);
    }

    public void Dispose() => _tiny.Dispose();

    /// <summary>The user's mistake: code 2, one line that says everything, no result, nothing left behind.</summary>
    private void Fails(Said said, params string[] message)
    {
        Assert.True(said.Code == ExitCodes.Input, said.Messages);
        string error = Assert.Single(said.Messages.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal));
        Assert.All(message, part => Assert.Contains(part, error, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", said.Messages, StringComparison.Ordinal);
        Assert.Empty(said.Result);
        Assert.Empty(_tiny.Leftovers());
    }
}
