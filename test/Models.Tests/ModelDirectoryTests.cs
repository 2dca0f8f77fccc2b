using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Tests;

public sealed class ModelDirectoryTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("lorikeet-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void A_whole_directory_is_read()
    {
        Save("config.json", """{"model_type":"smolvlm","architectures":["SmolVLMForConditionalGeneration"],"text_config":{"hidden_size":576,"pad_token_id":2}}""");
        Save("generation_config.json", """{"eos_token_id":[1,5],"bos_token_id":0,"do_sample":true,"temperature":0.7,"top_k":20,"top_p":0.8}""");
        Save("tokenizer.json", "{}");
        Save("tokenizer_config.json", """{"bos_token":{"content":"<s>"},"eos_token":"</s>","add_bos_token":true}""");
        Save("special_tokens_map.json", """{"eos_token":"other","image_token":"<image>"}""");
        Save("chat_template.jinja", "{{ x }}");
        Save("preprocessor_config.json", """{"size":{"longest_edge":2048},"image_mean":[0.5,0.5,0.5]}""");
        SafeTensorsWriter.Write(Path.Combine(_path, "model.safetensors"), [TensorEntry.FromF32("a", [1], new[] { 1f })]);

        ModelDirectory model = ModelDirectory.Open(_path);
        Assert.Equal("smolvlm", model.ModelType);
        Assert.Equal(["SmolVLMForConditionalGeneration"], model.Architectures);
        Assert.Equal(576, model.Config.Section("text_config").Int("hidden_size"));
        Assert.Equal([1, 5], model.Generation.EosTokenIds);
        Assert.Equal(2, model.Generation.PadTokenId);
        Assert.True(model.Generation.DoSample);
        Assert.Equal((0.7, 20, 0.8), (model.Generation.Temperature, model.Generation.TopK, model.Generation.TopP));
        Assert.Null(model.Generation.RepetitionPenalty);
        Assert.Equal(Path.Combine(_path, "tokenizer.json"), model.TokenizerPath);
        Assert.Equal("{{ x }}", model.ChatTemplate());
        Assert.Equal(2048, model.ImageProcessorConfig.Section("size").Int("longest_edge"));
        Assert.Equal([0.5, 0.5, 0.5], model.ImageProcessorConfig.TryDoubles("image_mean"));
        Assert.Equal("<s>", model.SpecialTokens["bos_token"]);
        Assert.Equal("</s>", model.SpecialTokens["eos_token"]);
        Assert.Equal("<image>", model.SpecialTokens["image_token"]);
        Assert.DoesNotContain("add_bos_token", model.SpecialTokens.Keys);
        using WeightSet weights = model.OpenWeights();
        Assert.True(weights.Contains("a"));
    }

    [Fact]
    public void Token_ids_fall_back_to_the_text_config()
    {
        Save("config.json", """{"text_config":{"eos_token_id":7,"bos_token_id":1},"bos_token_id":3,"eos_token_id":null}""");
        GenerationDefaults generation = ModelDirectory.Open(_path).Generation;
        Assert.Equal([7], generation.EosTokenIds);
        Assert.Equal(3, generation.BosTokenId);
        Assert.Null(generation.PadTokenId);
    }

    [Theory]
    [InlineData("chat_template.json", """{"chat_template":"T"}""")]
    [InlineData("processor_config.json", """{"chat_template":"T"}""")]
    [InlineData("tokenizer_config.json", """{"chat_template":"T"}""")]
    [InlineData("tokenizer_config.json", """{"chat_template":{"default":"T"}}""")]
    [InlineData("tokenizer_config.json", """{"chat_template":[{"name":"tool_use","template":"U"},{"name":"default","template":"T"}]}""")]
    public void The_chat_template_is_found_wherever_it_may_stand(string file, string json)
    {
        Save("config.json", "{}");
        Save(file, json);
        Assert.Equal("T", ModelDirectory.Open(_path).ChatTemplate());
    }

    [Fact]
    public void The_jinja_file_comes_first_and_may_have_companions()
    {
        Save("config.json", "{}");
        Save("tokenizer_config.json", """{"chat_template":"old"}""");
        Save("chat_template.jinja", "new");
        Directory.CreateDirectory(Path.Combine(_path, "additional_chat_templates"));
        Save("additional_chat_templates/rag.jinja", "rag");
        ModelDirectory model = ModelDirectory.Open(_path);
        Assert.Equal("new", model.ChatTemplate());
        Assert.Equal("rag", model.ChatTemplate("rag"));
        Assert.Equal($"{_path}: chat template 'x' is missing; expected one of default, rag.", Error(() => model.ChatTemplate("x")));
    }

    [Fact]
    public void Settings_nested_in_the_processor_file_win()
    {
        Save("config.json", "{}");
        Save("preprocessor_config.json", """{"resample":1}""");
        Save("processor_config.json", """{"image_processor":{"resample":3},"image_seq_len":64}""");
        ModelDirectory model = ModelDirectory.Open(_path);
        Assert.Equal(3, model.ImageProcessorConfig.Int("resample"));
        Assert.Equal(64, model.ProcessorConfig!.Int("image_seq_len"));
    }

    [Fact]
    public void What_is_missing_is_named()
    {
        Assert.StartsWith($"{_path}: config.json is missing. Give the directory of a Hugging Face model.", Error(() => ModelDirectory.Open(_path)), StringComparison.Ordinal);
        Save("adapter_config.json", "{}");
        Assert.StartsWith($"{_path}: config.json is missing. It has an adapter_config.json: this is an adapter", Error(() => ModelDirectory.Open(_path)), StringComparison.Ordinal);
        Assert.StartsWith($"{_path}/none: expected a model directory, but it does not exist.", Error(() => ModelDirectory.Open(_path + "/none")), StringComparison.Ordinal);
        Save("config.json", "{}");
        ModelDirectory model = ModelDirectory.Open(_path);
        Assert.Equal($"{_path}/config.json: key 'model_type' is missing; expected a string. Keys found: none.", Error(() => model.ModelType));
        Assert.StartsWith($"{_path}: tokenizer.json is missing. Fetch it", Error(() => model.TokenizerPath), StringComparison.Ordinal);
        Save("tokenizer.model", "");
        Assert.StartsWith($"{_path}: tokenizer.json is missing. It has 'tokenizer.model'", Error(() => model.TokenizerPath), StringComparison.Ordinal);
        Assert.StartsWith($"{_path}: preprocessor_config.json is missing.", Error(() => model.ImageProcessorConfig), StringComparison.Ordinal);
        Assert.StartsWith($"{_path}: chat_template.jinja is missing.", Error(() => model.ChatTemplate()), StringComparison.Ordinal);
        Assert.StartsWith($"{_path}: no weights found;", Error(() => model.OpenWeights()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_value_is_named_with_file_and_full_key()
    {
        Save("config.json", """{"a":{"n":"x","r":[1,"y"],"w":12.0,"f":1.5,"l":[1,2],"o":{}},"b":3}""");
        ConfigSection config = ModelDirectory.Open(_path).Config;
        ConfigSection a = config.Section("a");
        string file = _path + "/config.json";
        Assert.Equal(12, a.Int("w"));
        Assert.Equal(1.5, a.Double("f"));
        Assert.Equal(9, a.Int("absent", 9));
        Assert.Equal([12], a.TryInts("w"));
        Assert.Equal($"{file}: key 'a.n' is \"x\"; expected a whole number.", Error(() => a.Int("n")));
        Assert.Equal($"{file}: key 'a.f' is 1.5; expected a whole number.", Error(() => a.Int("f")));
        Assert.Equal($"{file}: key 'a.r' is \"y\"; expected a whole number.", Error(() => a.TryInts("r")));
        Assert.Equal($"{file}: key 'a.l' is a list of 2; expected a number.", Error(() => a.Double("l")));
        Assert.Equal($"{file}: key 'a.o' is an object; expected true or false.", Error(() => a.Bool("o")));
        Assert.Equal($"{file}: key 'b' is 3; expected an object.", Error(() => config.Section("b")));
        Assert.Equal($"{file}: key 'a.z' is missing; expected a string. Keys found: n, r, w, f, l, o.", Error(() => a.String("z")));
    }

    [Fact]
    public void Broken_json_says_where()
    {
        Save("config.json", "{\n  \"a\": 1,\n  b\n}");
        Assert.StartsWith($"{_path}/config.json(3,3): not valid JSON: ", Error(() => ModelDirectory.Open(_path)), StringComparison.Ordinal);
        Save("config.json", """{"a":"\ud800"}""");
        Assert.StartsWith($"{_path}/config.json: not valid JSON: a string holds half of a surrogate pair", Error(() => ModelDirectory.Open(_path)), StringComparison.Ordinal);
        File.WriteAllBytes(_path + "/config.json", [.. "{\"a\":\""u8, 0xE9, .. "\"}"u8]);
        Assert.Equal($"{_path}/config.json: the JSON file is not valid UTF-8. Save it as UTF-8.", Error(() => ModelDirectory.Open(_path)));
        Save("config.json", "[]");
        Assert.Equal($"{_path}/config.json: the root is a list of 0; expected a JSON object.", Error(() => ModelDirectory.Open(_path)));
    }

    private static string Error(Func<object?> action) => Assert.Throws<InvalidDataException>(action).Message;

    private void Save(string file, string text) => File.WriteAllText(Path.Combine(_path, file), text);
}
