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
        string vision = ModelPart.Vision(visionOf, Path.Combine(tiny.Folder, "vision"));
        string text = ModelPart.Text(textOf, Path.Combine(tiny.Folder, "text"));
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
            Assert.Equal(start.ReadF32("language_model.model.layers.0.self_attn.o_proj.weight"), trained.ReadF32("language_model.model.layers.0.self_attn.o_proj.weight"));
            Assert.NotEqual(start.ReadF32("multi_modal_projector.linear_1.weight"), trained.ReadF32("multi_modal_projector.linear_1.weight"));
        }

        tiny.Model = tiny.Output;
        Said second = tiny.Train("--lora.modules_to_save=[multi_modal_projector]", "--train.output_dir=" + Path.Combine(tiny.Folder, "second"));
        Assert.True(second.Code == 0, second.Messages);
        Assert.True(File.Exists(Path.Combine(tiny.Folder, "second", "adapter_model.safetensors")), second.Messages);
    }

    [Fact]
    public void Features_of_several_layers_lie_side_by_side()
    {
        using var tiny = new TinyCommands();
        string vision = ModelPart.Vision("llava", Path.Combine(tiny.Folder, "vision")), text = ModelPart.Text("llava_siglip_qwen2", Path.Combine(tiny.Folder, "text"));
        string joined = Path.Combine(tiny.Folder, "joined");
        Compose("--vision", vision, "--text", text, "--feature-layer", "-2", "1", "-1", "--output", joined);
        Assert.Equal("[-2,1,-1]", JsonNode.Parse(File.ReadAllText(Path.Combine(joined, "config.json")))!["vision_feature_layer"]!.ToJsonString());
        using (SafeTensorsFile whole = SafeTensorsFile.Open(Path.Combine(joined, "model.safetensors")))
        {
            Assert.Equal([64, 3 * 32], whole.Info("multi_modal_projector.linear_1.weight").Shape);
        }

        tiny.Model = joined;
        Said said = tiny.Train("--method=freeze", "--freeze.train=[connector]", "--train.num_train_epochs=10", "--train.learning_rate=0.01");
        Assert.True(said.Code == 0, said.Messages);
        Assert.True(Losses(tiny.Output) is var (before, after) && after < before, "the connector learns");
    }

    [Theory]
    [InlineData("qwen2_vl", "llava")]
    [InlineData("qwen2_5_vl", "llava_phi3")]
    public void A_tower_for_pictures_of_any_resolution_is_joined_trained_merged_and_asked(string visionOf, string textOf)
    {
        using var tiny = new TinyCommands();
        string tower = Golden.Path("models", visionOf), text = ModelPart.Text(textOf, Path.Combine(tiny.Folder, "text")), joined = Path.Combine(tiny.Folder, "joined");
        TestHost host = Compose("--vision", tower, "--text", text, "--output", joined);
        Assert.Contains("a picture takes 4 to 12 tokens, one for 28 x 28 pixels", host.Result, StringComparison.Ordinal);
        Assert.Contains("only Lorikeet loads this combination (model_type lorikeet_grid_llava)", host.Result, StringComparison.Ordinal);
        using (SafeTensorsFile whole = SafeTensorsFile.Open(Path.Combine(joined, "model.safetensors")), from = SafeTensorsFile.Open(Path.Combine(tower, "model.safetensors")))
        {
            string[] names = [.. from.Tensors.Keys.Where(name => name.StartsWith("visual.", StringComparison.Ordinal))];
            Assert.NotEmpty(names);
            Assert.All(names, name => Assert.True(whole.Bytes("model.vision_tower." + name["visual.".Length..]).SequenceEqual(from.Bytes(name)), name));
        }

        tiny.Model = joined;
        Said first = tiny.Train("--method=freeze", "--freeze.train=[connector]", "--train.num_train_epochs=20", "--train.learning_rate=0.01");
        Assert.True(first.Code == 0, first.Messages);
        Assert.True(Losses(tiny.Output) is var (before, after) && after < 0.9 * before, "the connector learns");
        using (SafeTensorsFile trained = SafeTensorsFile.Open(Path.Combine(tiny.Output, "model.safetensors")), start = SafeTensorsFile.Open(Path.Combine(joined, "model.safetensors")))
        {
            Assert.Equal(
                [.. start.Tensors.Keys.Where(name => name.StartsWith("model.multi_modal_projector.", StringComparison.Ordinal)).Order(StringComparer.Ordinal)],
                start.Tensors.Keys.Where(name => !start.Bytes(name).SequenceEqual(trained.Bytes(name))).Order(StringComparer.Ordinal));
        }

        tiny.Model = tiny.Output;
        string second = Path.Combine(tiny.Folder, "second"), merged = Path.Combine(tiny.Folder, "merged");
        string[] settings = ["--lora.modules_to_save=[multi_modal_projector]", "--train.output_dir=" + second];
        Said adapter = tiny.Train(settings);
        Assert.True(adapter.Code == 0, adapter.Messages);
        Said merge = tiny.Run("merge", tiny.Model, "--adapter", second, "--output", merged);
        Assert.True(merge.Code == 0, merge.Messages);
        string[] questions = ["--image", Path.Combine(tiny.Images, "landscape.png"), "--prompt", "What is it?", "--max-new-tokens", "8"];
        Said withAdapter = tiny.Run(["chat", second, .. questions]), asMerged = tiny.Run(["chat", merged, .. questions]);
        Assert.True(withAdapter.Code == 0, withAdapter.Messages);
        Assert.Equal(withAdapter.Result, asMerged.Result);
    }

    [Fact]
    public void A_feature_layer_is_refused_where_the_tower_has_none_to_choose()
    {
        using var tiny = new TinyCommands();
        string text = ModelPart.Text("llava", Path.Combine(tiny.Folder, "text")), joined = Path.Combine(tiny.Folder, "joined");
        TestHost host = new();
        Assert.Equal(2, host.Run([ComposeCommand.Create], "compose", "--vision", Golden.Path("models", "qwen2_vl"), "--text", text, "--output", joined, "--feature-layer", "-2"));
        Assert.Contains("from behind its merger", host.Messages, StringComparison.Ordinal);
        Assert.False(Directory.Exists(joined));
    }

    [Fact]
    public void A_token_that_the_tokenizer_lacks_is_added_with_rows_for_it()
    {
        using var tiny = new TinyCommands();
        string vision = ModelPart.Vision("llava", Path.Combine(tiny.Folder, "vision"));
        string text = ModelPart.Text("llava", Path.Combine(tiny.Folder, "text"));
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

    [Fact]
    public void A_tower_alone_is_told_what_it_is_good_for()
    {
        using var tiny = new TinyCommands();
        tiny.Model = ModelPart.Vision("llava", Path.Combine(tiny.Folder, "vision"));
        Said said = tiny.Train();
        Assert.Equal(2, said.Code);
        Assert.Contains("is a vision tower without a language model", said.Messages, StringComparison.Ordinal);
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

    private static (double First, double Last) Losses(string output)
    {
        double[] losses = [.. File.ReadLines(Path.Combine(output, "events.jsonl")).Select(l => JsonNode.Parse(l)!).Where(e => (string?)e["type"] == "step").Select(e => (double)e["loss"]!)];
        return (losses[0], losses[^1]);
    }
}
