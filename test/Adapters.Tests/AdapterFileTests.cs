using System.Text.Json.Nodes;
using Lorikeet.Nn.Weights;
using Lorikeet.Testing;

namespace Lorikeet.Adapters.Tests;

/// <summary>PEFT's directories, read and written; and everything that can be wrong with them.</summary>
public sealed class AdapterFileTests : IDisposable
{
    private static readonly string[] Settings =
    [
        "peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "bias", "use_rslora", "use_dora", "lora_bias", "fan_in_fan_out", "modules_to_save",
        "rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "init_lora_weights", "task_type", "base_model_name_or_path",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("lorikeet-adapter-").FullName;

    public static TheoryData<string> Directories() =>
        [.. Directory.GetDirectories(Golden.Path("peft", "idefics3")).Select(d => Path.GetFileName(d)!).Where(d => d != "dora").Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Directories))]
    public void A_directory_of_PEFT_is_read_and_written_with_the_same_meaning(string name)
    {
        using var tiny = new TinyModel();
        string source = Golden.Path("peft", "idefics3", name);
        AdapterSet set = tiny.Load(source);
        AdapterFile.Save(_folder, set);
        using SafeTensorsFile before = SafeTensorsFile.Open(Path.Combine(source, AdapterFile.WeightsName));
        using SafeTensorsFile after = SafeTensorsFile.Open(Path.Combine(_folder, AdapterFile.WeightsName));
        Assert.Equal(before.Tensors.Keys.Order(StringComparer.Ordinal), after.Tensors.Keys.Order(StringComparer.Ordinal));
        foreach (string key in before.Tensors.Keys)
        {
            Assert.Equal(before.Info(key).Shape, after.Info(key).Shape);
            Assert.Equal(before.ReadF32(key), after.ReadF32(key));
        }

        JsonObject wrote = Json(Path.Combine(_folder, AdapterFile.ConfigName)), read = Json(Path.Combine(source, AdapterFile.ConfigName));
        Assert.All(Settings, key => Assert.Equal(Meaning(read[key]), Meaning(wrote[key])));
        string[] expected = [.. Json(Path.Combine(source, "expected.json"))["targeted_modules"]!.AsArray().Select(m => (string)m!)];
        Assert.Equal(expected.Order(StringComparer.Ordinal), set.Adapters.Select(a => "base_model.model." + a.Layer.Path).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void DoRA_is_refused_by_name() => Refused(Golden.Path("peft", "idefics3", "dora"), "'use_dora'");

    [Theory]
    [InlineData("peft_type", "\"IA3\"", "'peft_type' is IA3")]
    [InlineData("fan_in_fan_out", "true", "'fan_in_fan_out' is set to true")]
    [InlineData("lora_bias", "true", "'lora_bias'")]
    [InlineData("layer_replication", "[[0, 1]]", "'layer_replication'")]
    [InlineData("something_new", "3", "'something_new' is set to 3, which is not supported")]
    [InlineData("init_lora_weights", "\"pissa\"", "'init_lora_weights' is 'pissa'")]
    [InlineData("target_modules", "\"(\"", "'target_modules': '(' is not a regular expression")]
    [InlineData("target_modules", "[\"nope\"]", "matches no linear layer")]
    [InlineData("target_modules", "7", "'target_modules' must be")]
    [InlineData("rank_pattern", "{\"(\": 2}", "'(' is not a regular expression")]
    [InlineData("r", "2.5", "'r' must be a whole number")]
    [InlineData("r", "1e300", "'r' must be a whole number")]
    [InlineData("r", "-1", "'r' must be a whole number")]
    [InlineData("r", "60000", "this model needs [60000, ")]
    [InlineData("bias", "\"some\"", "'bias' must be none, all or lora_only")]
    [InlineData("lora_dropout", "2", "'lora_dropout' must be at least 0 and below 1")]
    public void A_setting_that_cannot_be_followed_is_refused_by_name(string key, string value, string message)
    {
        Copy("lora_list");
        string config = Path.Combine(_folder, AdapterFile.ConfigName);
        JsonObject json = Json(config);
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(config, json.ToJsonString());
        Refused(_folder, message);
    }

    [Fact]
    public void A_missing_tensor_is_named()
    {
        Rewrite(tensors => tensors.RemoveAt(0));
        Refused(_folder, "lora_A.weight' is missing");
        Rewrite(tensors => tensors.RemoveAll(t => t.Name.EndsWith("lora_B.weight", StringComparison.Ordinal)));
        Refused(_folder, "lora_B.weight' is missing and 7 more");
    }

    [Fact]
    public void A_tensor_without_a_place_is_named()
    {
        Rewrite(tensors => tensors.Add(TensorEntry.FromF32("base_model.model.elsewhere.lora_A.weight", [1], new float[1])));
        Refused(_folder, "tensor 'base_model.model.elsewhere.lora_A.weight' has no place in this model");
    }

    [Fact]
    public void An_adapter_for_a_base_of_other_shapes_is_refused()
    {
        Rewrite(tensors =>
        {
            int at = tensors.FindIndex(t => t.Name.EndsWith("lora_A.weight", StringComparison.Ordinal));
            tensors[at] = TensorEntry.FromF32(tensors[at].Name, [4, 10], new float[40]);
        });
        Refused(_folder, "the adapter was made for another base");
    }

    [Fact]
    public void Damaged_and_missing_files_are_named()
    {
        Refused(_folder, "no adapter_config.json: this is not an adapter directory");
        Copy("lora_list");
        string weights = Path.Combine(_folder, AdapterFile.WeightsName);
        File.WriteAllBytes(weights, File.ReadAllBytes(weights)[..^100]);
        Refused(_folder, weights);
        File.Delete(weights);
        Refused(_folder, weights);
        File.WriteAllText(Path.Combine(_folder, AdapterFile.ConfigName), "{ not json");
        Refused(_folder, AdapterFile.ConfigName);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>One clear message, and the model is as it was.</summary>
    private static void Refused(string directory, string message)
    {
        using var tiny = new TinyModel();
        var error = Assert.Throws<InvalidDataException>(() => tiny.Load(directory));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.All(tiny.Model.Parts.Linears, layer => Assert.Null(layer.Adapter));
    }

    private void Copy(string name)
    {
        foreach (string file in new[] { AdapterFile.ConfigName, AdapterFile.WeightsName })
        {
            File.Copy(Golden.Path("peft", "idefics3", name, file), Path.Combine(_folder, file), overwrite: true);
        }
    }

    private void Rewrite(Action<List<TensorEntry>> change)
    {
        Copy("lora_list");
        using SafeTensorsFile file = SafeTensorsFile.Open(Golden.Path("peft", "idefics3", "lora_list", AdapterFile.WeightsName));
        var tensors = file.Tensors.Keys.Order(StringComparer.Ordinal).Select(key => TensorEntry.Copy(file, key)).ToList();
        change(tensors);
        SafeTensorsWriter.Write(Path.Combine(_folder, AdapterFile.WeightsName), tensors);
    }

    private static JsonObject Json(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();

    /// <summary>A setting in one spelling: lists are sets to PEFT, one string may stand for a list, and null is an empty list.</summary>
    private static string Meaning(JsonNode? value) => value switch
    {
        null => "",
        JsonArray list => string.Join(',', list.Select(v => v!.ToJsonString()).Order(StringComparer.Ordinal)),
        _ => value.ToJsonString(),
    };
}
