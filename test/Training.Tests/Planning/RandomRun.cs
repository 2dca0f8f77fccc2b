using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lorikeet.Models;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Testing;
using Lorikeet.Tracking;
using Lorikeet.Training.Config;
using Lorikeet.Training.Tests.Runs;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>A tiny model, a data set and a run file, all drawn from a seed: sizes, layers, tiles, targets, batches, options.</summary>
internal sealed class RandomRun : IDisposable
{
    private static readonly string[] Pictures = ["landscape.png", "portrait.png", "tiny.png", "square.png", "grey.png", "wide.png", "photo.jpg"];
    private readonly ulong _seed;
    private ulong _drawn;

    public RandomRun(ulong seed)
    {
        _seed = seed;
        Folder = Directory.CreateTempSubdirectory("lorikeet-random-").FullName;
        WriteModel();
        WriteData("train.jsonl", Between(2, 9));
        WriteData("eval.jsonl", Between(1, 5));
        Settings = RunFile();
        File.WriteAllText(At("run.yaml"), Settings);
    }

    public string Folder { get; }

    public string Settings { get; }

    /// <summary>The run file; without weights, the model's directory holds only the files around them.</summary>
    public RunConfig Config(bool hasWeights) =>
        RunConfigReader.Load(At("run.yaml"), hasWeights ? [] : [$"--model.path={At("outline")}"]).Config;

    /// <summary>The account of the real run at its highest point.</summary>
    public Tracking.MemoryUse Train()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        var heard = new Recorder();
        var environment = new RunEnvironment { Parameters = new Parameters(device, arena), Listener = heard, InstructionSet = "test" };
        using TrainingRun run = TrainingRun.Build(Config(hasWeights: true), environment, UsedDirectory.Refuse);
        run.Execute(CancellationToken.None, CancellationToken.None);
        return heard.Events.OfType<RunFinished>().Single().PeakMemory;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private string At(string name) => Path.Combine(Folder, name);

    private int Between(int low, int high) => low + (int)(Rng.Philox(_seed, _drawn++, 3).X % (uint)(high - low + 1));

    private bool Coin() => Between(0, 1) == 1;

    private T OneOf<T>(params ReadOnlySpan<T> values) => values[Between(0, values.Length - 1)];

    private void WriteModel()
    {
        string source = Golden.Path("models", OneOf("smolvlm", "idefics3"));
        Directory.CreateDirectory(At("outline"));
        foreach (string file in Directory.GetFiles(source).Where(f => Path.GetFileName(f) is not ("model.safetensors" or "config_v5.json" or "module_names.json")))
        {
            File.Copy(file, Path.Combine(At("outline"), Path.GetFileName(file)));
        }

        SafeDType stored = OneOf(SafeDType.F32, SafeDType.BF16, SafeDType.F16);
        int scale = Between(1, 3), side = scale * Between(1, 3), patch = OneOf(4, 6), tile = side * patch;
        Edit("config.json", json =>
        {
            var vision = (JsonObject)json["vision_config"]!;
            var text = (JsonObject)json["text_config"]!;
            json["scale_factor"] = scale;
            bool tied = Coin();
            string dtype = stored switch { SafeDType.F32 => "float32", SafeDType.BF16 => "bfloat16", _ => "float16" };
            foreach (JsonObject part in new[] { json, text })
            {
                part["tie_word_embeddings"] = tied;
                part["torch_dtype"] = dtype;
            }

            vision["num_attention_heads"] = Between(1, 3);
            vision["hidden_size"] = (int)vision["num_attention_heads"]! * OneOf(8, 16, 20);
            vision["intermediate_size"] = Between(3, 12) * 8;
            vision["num_hidden_layers"] = Between(1, 3);
            (vision["patch_size"], vision["image_size"]) = (patch, tile);
            text["num_key_value_heads"] = Between(1, 3);
            text["num_attention_heads"] = (int)text["num_key_value_heads"]! * Between(1, 3);
            text["head_dim"] = OneOf(8, 16, 24);
            text["hidden_size"] = Between(4, 12) * 8;
            text["intermediate_size"] = Between(4, 24) * 8;
            text["num_hidden_layers"] = Between(1, 4);
        });
        Edit("preprocessor_config.json", json =>
        {
            json["max_image_size"] = new JsonObject { ["longest_edge"] = tile };
            json["size"] = new JsonObject { ["longest_edge"] = tile * Between(1, 3) };
        });
        Edit("processor_config.json", json => json["image_seq_len"] = side * side / (scale * scale));
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var arena = new Arena(device);
        using LoadedModel random = ModelCatalog.Initialize(ModelDirectory.Open(At("outline")), new Parameters(device, arena), 0.05f, _seed);
        ModelWriter.Write(At("model"), random, stored);
    }

    private void Edit(string file, Action<JsonObject> change)
    {
        string path = Path.Combine(At("outline"), file);
        var json = (JsonObject)JsonNode.Parse(File.ReadAllText(path))!;
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    private void WriteData(string file, int rows)
    {
        File.WriteAllLines(At(file), Enumerable.Range(0, rows).Select(_ =>
        {
            object[] pictures = [.. Enumerable.Range(0, Between(0, 2)).Select(_ => new { type = "image", image = OneOf<string>(Pictures) })];
            return JsonSerializer.Serialize(new
            {
                messages = new object[]
                {
                    new { role = "user", content = (object[])[.. pictures, new { type = "text", text = string.Concat(Enumerable.Repeat("a question ", Between(1, 20))) }] },
                    new { role = "assistant", content = new object[] { new { type = "text", text = string.Concat(Enumerable.Repeat("an answer ", Between(1, 12))) } } },
                },
            });
        }));
    }

    private string RunFile()
    {
        string method = OneOf("lora", "lora", "lora", "full", "freeze");
        string lora = $"r: {Between(1, 16)}, lora_dropout: {OneOf("0.0", "0.1")}, bias: {OneOf("none", "none", "all", "lora_only")}"
            + OneOf("", ", target_modules: all-linear", ", target_modules: [q_proj, v_proj]", ", target_modules: [fc1, down_proj]", ", finetune_vision_layers: true, finetune_language_layers: false")
            + OneOf("", "", ", modules_to_save: [modality_projection]");
        string freeze = OneOf("connector", "vision", "language", "language.layers.0", "connector, language.layers.0");
        string evaluation = OneOf("\"no\"", "steps", "epoch");
        return string.Create(CultureInfo.InvariantCulture, $$"""
            model: { path: model, compute: {{OneOf("float32", "bfloat16")}} }
            generation: { max_new_tokens: {{OneOf(4, 30, 100)}} }
            data: { train: train.jsonl, eval: eval.jsonl, image_root: '{{Golden.Path("cases", "images")}}', assistant_only_loss: {{(Coin() ? "true" : "false")}} }
            method: {{method}}
            {{(method == "lora" ? $"lora: {{ {lora} }}" : method == "freeze" ? $"freeze: {{ train: [{freeze}] }}" : "")}}
            train: { output_dir: out, num_train_epochs: {{Between(1, 2)}}, per_device_train_batch_size: {{Between(1, 4)}}, gradient_accumulation_steps: {{Between(1, 3)}}, learning_rate: 1.0e-4,
                     per_device_eval_batch_size: {{Between(1, 5)}}, eval_strategy: {{evaluation}}, eval_steps: 1, eval_generations: {{Between(0, 4)}}, gradient_checkpointing: {{(Coin() ? "true" : "false")}}, seed: {{Between(0, 99)}} }
            """);
    }
}
