using System.Text.Json.Nodes;
using Lorikeet.Cli.Commands;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests;

/// <summary>A vision tower and a text model, taken out of larger models, joined and trained: the connector first, then with an adapter.</summary>
public sealed class ComposeTests
{
    [Theory]
    [InlineData("llava", "llava_siglip_qwen2", 36)]
    [InlineData("llava_siglip_qwen2", "llava_phi3", 36)]
    public void Parts_are_joined_and_learn_by_the_connector_and_then_with_an_adapter(string visionOf, string textOf, int tokens)
    {
        using var tiny = new TinyCommands();
        string vision = Part(visionOf, "vision_config", "vision_tower.", Path.Combine(tiny.Folder, "vision"));
        string text = Part(textOf, "text_config", "language_model.", Path.Combine(tiny.Folder, "text"));
        string joined = Path.Combine(tiny.Folder, "joined");
        TestHost host = Compose("--vision", vision, "--text", text, "--output", joined);
        Assert.Contains($"a picture takes {tokens} tokens", host.Result, StringComparison.Ordinal);
        Assert.Contains("composed model: " + joined, host.Result, StringComparison.Ordinal);

        // What was there is there bit by bit.
        using (SafeTensorsFile whole = SafeTensorsFile.Open(Path.Combine(joined, "model.safetensors")), tower = SafeTensorsFile.Open(Path.Combine(vision, "model.safetensors")))
        {
            Assert.All(tower.Tensors.Keys, name => Assert.True(whole.Bytes("vision_tower." + name).SequenceEqual(tower.Bytes(name)), name));
        }

        tiny.Model = joined;
        Said first = tiny.Train("--method=freeze", "--freeze.train=[connector]", "--train.num_train_epochs=20", "--train.learning_rate=0.01");
        Assert.True(first.Code == 0, first.Messages);
        Assert.True(Losses(tiny.Output) is var (before, after) && after < 0.9 * before, "the connector learns");
        using (SafeTensorsFile trained = SafeTensorsFile.Open(Path.Combine(tiny.Output, "model.safetensors")), start = SafeTensorsFile.Open(Path.Combine(joined, "model.safetensors")))
        {
            Assert.Equal(start.ReadF32("language_model.model.layers.0.self_attn.o_proj.weight"), trained.ReadF32("model.language_model.layers.0.self_attn.o_proj.weight"));
            Assert.NotEqual(start.ReadF32("multi_modal_projector.linear_1.weight"), trained.ReadF32("model.multi_modal_projector.linear_1.weight"));
        }

        tiny.Model = tiny.Output;
        Said second = tiny.Train("--lora.modules_to_save=[multi_modal_projector]", "--train.output_dir=" + Path.Combine(tiny.Folder, "second"));
        Assert.True(second.Code == 0, second.Messages);
        Assert.True(File.Exists(Path.Combine(tiny.Folder, "second", "adapter_model.safetensors")), second.Messages);
    }

    [Fact]
    public void A_token_that_the_tokenizer_lacks_is_added_with_rows_for_it()
    {
        using var tiny = new TinyCommands();
        string vision = Part("llava", "vision_config", "vision_tower.", Path.Combine(tiny.Folder, "vision"));
        string text = Part("llava", "text_config", "language_model.", Path.Combine(tiny.Folder, "text"));
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(text, "config.json")))!;

        // A template of plain text, as text models have it.
        File.WriteAllText(
            Path.Combine(text, "chat_template.jinja"),
            "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}");
        const int Rows = 522;
        Shorten(text, config, Rows);
        string joined = Path.Combine(tiny.Folder, "joined");
        TestHost host = Compose("--vision", vision, "--text", text, "--output", joined, "--image-token", "<|picture|>");
        JsonNode made = JsonNode.Parse(File.ReadAllText(Path.Combine(joined, "config.json")))!;
        int id = (int)made["image_token_index"]!, rows = (int)made["text_config"]!["vocab_size"]!;
        Assert.Equal((Rows, 576), (id, rows));
        using (SafeTensorsFile whole = SafeTensorsFile.Open(Path.Combine(joined, "model.safetensors")))
        {
            float[] embeddings = whole.ReadF32("language_model.model.embed_tokens.weight");
            int C = embeddings.Length / rows;
            Assert.All([0, C - 1], c => Assert.Equal(Enumerable.Range(0, Rows).Average(r => embeddings[(r * C) + c]), embeddings[(Rows * C) + c], 1e-6));
        }

        Assert.Contains("<|picture|>", File.ReadAllText(Path.Combine(joined, "tokenizer.json")), StringComparison.Ordinal);
        Assert.Contains("<|picture|> is token " + id, host.Result, StringComparison.Ordinal);
        tiny.Model = joined;
        Said trained = tiny.Train("--method=freeze", "--freeze.train=[connector]");
        Assert.True(trained.Code == 0, trained.Messages);
    }

    [Fact]
    public void Parts_of_the_wrong_kind_are_refused_and_nothing_is_left()
    {
        using var tiny = new TinyCommands();
        string joined = Path.Combine(tiny.Folder, "joined");
        TestHost host = new();
        Assert.Equal(2, host.Run([ComposeCommand.Create], "compose", "--vision", Golden.Path("models", "smolvlm"), "--text", Golden.Path("models", "llava"), "--output", joined));
        Assert.Contains("clip_vision_model", host.Messages, StringComparison.Ordinal);
        Assert.False(Directory.Exists(joined));
    }

    private static TestHost Compose(params string[] arguments)
    {
        var host = new TestHost();
        int code = host.Run([ComposeCommand.Create], ["compose", .. arguments]);
        Assert.True(code == 0, host.Messages);
        return host;
    }

    /// <summary>Leaves the matrices of tokens just as many rows as the tokenizer has tokens.</summary>
    private static void Shorten(string text, JsonNode config, int rows)
    {
        string path = Path.Combine(text, "model.safetensors"), moved = text + ".long";
        File.Move(path, moved);
        using (SafeTensorsFile file = SafeTensorsFile.Open(moved))
        {
            TensorEntry[] entries = [.. file.Tensors.Keys.Select(name => name is "model.embed_tokens.weight" or "lm_head.weight"
                ? TensorEntry.FromF32(name, [rows, file.Info(name).Shape[1]], file.ReadF32(name).AsMemory(0, (int)(rows * file.Info(name).Shape[1])))
                : TensorEntry.Copy(file, name))];
            ShardedWeights.Write(text, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        File.Delete(moved);
        config["vocab_size"] = rows;
        File.WriteAllText(Path.Combine(text, "config.json"), config.ToJsonString());
    }

    /// <summary>One tower of a model as a directory of its own.</summary>
    private static string Part(string family, string section, string prefix, string folder)
    {
        Directory.CreateDirectory(folder);
        string source = Golden.Path("models", family);
        foreach (string file in Directory.EnumerateFiles(source).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal) && !Path.GetFileName(f).StartsWith("config", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "config.json"), JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))![section]!.ToJsonString());
        using SafeTensorsFile file2 = SafeTensorsFile.Open(Path.Combine(source, "model.safetensors"));
        TensorEntry[] entries = [.. file2.Tensors.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).Select(n => TensorEntry.Copy(file2, n) with { Name = n[prefix.Length..] })];
        ShardedWeights.Write(folder, entries, new Dictionary<string, string> { ["format"] = "pt" });
        return folder;
    }

    private static (double First, double Last) Losses(string output)
    {
        double[] losses = [.. File.ReadLines(Path.Combine(output, "events.jsonl")).Select(l => JsonNode.Parse(l)!).Where(e => (string?)e["type"] == "step").Select(e => (double)e["loss"]!)];
        return (losses[0], losses[^1]);
    }
}
