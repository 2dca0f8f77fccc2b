using System.Text.Json.Nodes;
using Lorikeet.Testing;
using Lorikeet.Training.Config;
using Lorikeet.Training.Planning;

namespace Lorikeet.Training.Tests.Planning;

/// <summary>Recipes planned at the real sizes of published checkpoints, without their weights. Parameter counts are those of the model pages.</summary>
public sealed class RealSizeTests
{
    private const string Qwen2Vision = """{"depth":32,"embed_dim":1280,"mlp_ratio":4,"num_heads":16,"in_chans":3,"hidden_size":HIDDEN,"patch_size":14,"spatial_merge_size":2,"temporal_patch_size":2}""";

    private const string Qwen2 = """
        {"model_type":"qwen2_vl","image_token_id":532,"torch_dtype":"bfloat16","tie_word_embeddings":TIED,"hidden_act":"silu","hidden_size":HIDDEN,
         "intermediate_size":MLP,"num_attention_heads":HEADS,"num_hidden_layers":28,"num_key_value_heads":KV,"rms_norm_eps":1e-06,"vocab_size":VOCAB,
         "use_sliding_window":false,"rope_theta":1000000.0,"rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},"vision_config":VISION}
        """;

    private static readonly string Qwen2Small = Qwen2.Replace("VISION", Qwen2Vision, StringComparison.Ordinal).Replace("TIED", "true", StringComparison.Ordinal)
        .Replace("HIDDEN", "1536", StringComparison.Ordinal).Replace("MLP", "8960", StringComparison.Ordinal).Replace("HEADS", "12", StringComparison.Ordinal)
        .Replace("KV", "2", StringComparison.Ordinal).Replace("VOCAB", "151936", StringComparison.Ordinal);

    private static readonly string Qwen2Large = Qwen2.Replace("VISION", Qwen2Vision, StringComparison.Ordinal).Replace("TIED", "false", StringComparison.Ordinal)
        .Replace("HIDDEN", "3584", StringComparison.Ordinal).Replace("MLP", "18944", StringComparison.Ordinal).Replace("HEADS", "28", StringComparison.Ordinal)
        .Replace("KV", "4", StringComparison.Ordinal).Replace("VOCAB", "152064", StringComparison.Ordinal);

    private const string Qwen25 = """
        {"model_type":"qwen2_5_vl","image_token_id":532,"torch_dtype":"bfloat16","tie_word_embeddings":true,"hidden_act":"silu","hidden_size":2048,
         "intermediate_size":11008,"num_attention_heads":16,"num_hidden_layers":36,"num_key_value_heads":2,"rms_norm_eps":1e-06,"vocab_size":151936,
         "use_sliding_window":false,"rope_theta":1000000.0,"rope_scaling":{"type":"mrope","mrope_section":[16,24,24]},
         "vision_config":{"depth":32,"hidden_act":"silu","hidden_size":1280,"intermediate_size":3420,"num_heads":16,"in_chans":3,"out_hidden_size":2048,
         "patch_size":14,"spatial_merge_size":2,"window_size":112,"fullatt_block_indexes":[7,15,23,31],"tokens_per_second":2,"temporal_patch_size":2}}
        """;

    private const string Qwen3 = """
        {"model_type":"qwen3_vl","image_token_id":532,"dtype":"bfloat16","tie_word_embeddings":true,
         "text_config":{"model_type":"qwen3_vl_text","attention_bias":false,"head_dim":128,"hidden_act":"silu","hidden_size":2048,"intermediate_size":6144,
         "num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_theta":5000000,"vocab_size":151936,
         "rope_scaling":{"mrope_interleaved":true,"mrope_section":[24,20,20],"rope_type":"default"}},
         "vision_config":{"deepstack_visual_indexes":[5,11,17],"depth":24,"hidden_act":"gelu_pytorch_tanh","hidden_size":1024,"in_channels":3,
         "intermediate_size":4096,"num_heads":16,"num_position_embeddings":2304,"out_hidden_size":2048,"patch_size":16,"spatial_merge_size":2,"temporal_patch_size":2}}
        """;

    private const string Llava15 = """
        {"model_type":"llava","image_token_index":520,"projector_hidden_act":"gelu","torch_dtype":"float16","tie_word_embeddings":false,
         "vision_feature_layer":-2,"vision_feature_select_strategy":"default",
         "text_config":{"model_type":"llama","hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,
         "num_key_value_heads":32,"vocab_size":32064,"rms_norm_eps":1e-05},
         "vision_config":{"model_type":"clip_vision_model","hidden_size":1024,"image_size":336,"intermediate_size":4096,"num_attention_heads":16,
         "num_hidden_layers":24,"patch_size":14,"hidden_act":"quick_gelu"}}
        """;

    private const string LlavaNextMistral = """
        {"model_type":"llava_next","image_token_index":520,"projector_hidden_act":"gelu","torch_dtype":"bfloat16","tie_word_embeddings":false,
         "image_grid_pinpoints":[[336,672],[672,336],[672,672],[1008,336],[336,1008]],"vision_feature_layer":-2,"vision_feature_select_strategy":"default",
         "text_config":{"model_type":"mistral","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,
         "num_key_value_heads":8,"vocab_size":32064,"rms_norm_eps":1e-05,"rope_theta":1000000.0,"sliding_window":null},
         "vision_config":{"model_type":"clip_vision_model","hidden_size":1024,"image_size":336,"intermediate_size":4096,"num_attention_heads":16,
         "num_hidden_layers":24,"patch_size":14,"hidden_act":"quick_gelu"}}
        """;

    private const string Pixtral = """
        {"model_type":"llava","image_token_index":10,"projector_hidden_act":"gelu","torch_dtype":"bfloat16","tie_word_embeddings":false,
         "vision_feature_layer":-1,"vision_feature_select_strategy":"full",
         "text_config":{"model_type":"mistral","head_dim":128,"hidden_size":5120,"intermediate_size":14336,"num_hidden_layers":40,
         "num_attention_heads":32,"num_key_value_heads":8,"vocab_size":131072,"rms_norm_eps":1e-05,"rope_theta":1000000000.0,"sliding_window":null},
         "vision_config":{"model_type":"pixtral","head_dim":64,"hidden_act":"silu","hidden_size":1024,"image_size":1024,"intermediate_size":4096,
         "num_attention_heads":16,"num_hidden_layers":24,"patch_size":16,"rope_theta":10000.0}}
        """;

    private const string Llama32Vision = """
        {"model_type":"mllama","image_token_index":529,"torch_dtype":"bfloat16",
         "text_config":{"model_type":"mllama_text_model","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":40,"num_attention_heads":32,
         "num_key_value_heads":8,"vocab_size":128256,"rms_norm_eps":1e-05,"rope_theta":500000.0,"hidden_act":"silu","tie_word_embeddings":false,
         "cross_attention_layers":[3,8,13,18,23,28,33,38],
         "rope_scaling":{"factor":8.0,"high_freq_factor":4.0,"low_freq_factor":1.0,"original_max_position_embeddings":8192,"rope_type":"llama3"}},
         "vision_config":{"model_type":"mllama_vision_model","attention_heads":16,"hidden_act":"gelu","hidden_size":1280,"image_size":560,
         "intermediate_layers_indices":[3,7,15,23,30],"intermediate_size":5120,"max_num_tiles":4,"norm_eps":1e-05,"num_channels":3,
         "num_global_layers":8,"num_hidden_layers":32,"patch_size":14,"vision_output_dim":7680}}
        """;

    private const string QwenVl1 = """
        {"model_type":"qwen","hidden_size":4096,"intermediate_size":22016,"kv_channels":128,"layer_norm_epsilon":1e-06,"max_position_embeddings":8192,
         "no_bias":true,"num_attention_heads":32,"num_hidden_layers":32,"rotary_emb_base":10000,"rotary_pct":1.0,"scale_attn_weights":true,"seq_length":2048,
         "tie_word_embeddings":false,"torch_dtype":"bfloat16","use_dynamic_ntk":true,"use_logn_attn":true,"vocab_size":151936,
         "visual":{"heads":16,"image_size":448,"image_start_id":544,"layers":48,"mlp_ratio":4.9231,"output_dim":4096,"patch_size":14,"width":1664}}
        """;

    private const string Llama3BehindQwen2Tower = """
        {"model_type":"lorikeet_grid_llava","image_token_index":532,"projector_hidden_act":"gelu","multimodal_projector_bias":true,"tie_word_embeddings":false,
         "text_config":{"model_type":"llama","hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,
         "num_key_value_heads":8,"vocab_size":128320,"rms_norm_eps":1e-05,"rope_theta":500000.0,"torch_dtype":"bfloat16"},
         "vision_config":VISION}
        """;

    private static readonly string Composed = Llama3BehindQwen2Tower
        .Replace("VISION", Qwen2Vision.Replace("HIDDEN", "1536", StringComparison.Ordinal).Replace("{\"depth\"", "{\"model_type\":\"qwen2_vl_vision\",\"depth\"", StringComparison.Ordinal), StringComparison.Ordinal);

    private const string Molmo7 = """
        {"model_type":"molmo","attention_layer_norm":false,"clip_qkv":null,"embedding_size":152064,"hidden_size":3584,"initializer_range":0.02,
         "intermediate_size":37888,"layer_norm_eps":1e-06,"layer_norm_type":"rms","max_position_embeddings":4096,"norm_after":false,
         "num_attention_heads":28,"num_hidden_layers":28,"num_key_value_heads":4,"qkv_bias":true,"rope_theta":1000000.0,
         "tie_word_embeddings":false,"torch_dtype":"float32","use_position_ids":true,"vocab_size":152064,"weight_tying":false}
        """;

    public static TheoryData<string, string, string, double> Sizes() => new()
    {
        { "qwen2_vl", Qwen2Small, "qwen2-vl/sft-lora.yaml", 2.209e9 },
        { "qwen2_vl", Qwen2Large, "qwen2-vl/sft-lora.yaml", 8.291e9 },
        { "qwen2_5_vl", Qwen25, "qwen2.5-vl/sft-lora.yaml", 3.755e9 },
        { "qwen3_vl", Qwen3, "qwen3-vl/sft-lora.yaml", 2.128e9 },
        { "llava", Llava15, "llava/sft-lora.yaml", 7.063e9 },
        { "llava_next", LlavaNextMistral, "llava-next/sft-lora.yaml", 7.567e9 },
        { "mllama", Llama32Vision, "llama-3.2-vision/sft-lora.yaml", 10.67e9 },
        { "qwen_vl_v1", QwenVl1, "qwen-vl/sft-lora.yaml", 9.657e9 },
        { "pixtral", Pixtral, "pixtral/sft-lora.yaml", 12.68e9 },
        { "qwen2_vl", Composed, "compose/grid-stage2-lora.yaml", 8.719e9 },
        { "molmo", Molmo7, "molmo/sft-lora.yaml", 8.02e9 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void A_recipe_is_planned_at_its_real_size(string family, string config, string recipe, double parameters)
    {
        string folder = Directory.CreateTempSubdirectory("lorikeet-real-").FullName;
        try
        {
            WriteModel(family, config, folder);
            string data = Path.Combine(folder, "train.jsonl");
            File.WriteAllLines(data, Enumerable.Range(0, 60).Select(i => Runs.TinyRun.Row(i % 2 == 0 ? "photo.jpg" : "landscape.png", "What is it?", "A thing of some kind.")));
            RunConfig run = RunConfigReader.Load(
                Path.Combine(Golden.Root, "..", "..", "recipes", recipe),
                [$"--model.path={folder}", $"--data.train={data}", $"--data.image_root={Golden.Path("cases", "images")}", $"--train.output_dir={folder}/out"]).Config;
            Assert.Empty(run.Validate());
            using RunPlanner planner = RunPlanner.Open(run, new PlanEnvironment());
            RunPlan plan = planner.Plan(CancellationToken.None);
            Assert.Equal(parameters, plan.Training.ModelParameters, 0.001 * parameters);

            // Weights as they are published, in all but one of 16 bits; everything else that LoRA needs is small beside them.
            int bytes = config.Contains("\"torch_dtype\":\"float32\"", StringComparison.Ordinal) ? 4 : 2;
            Assert.InRange(plan.Account.Total, bytes * parameters, (bytes * parameters) + (8L << 30));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void WriteModel(string family, string config, string folder)
    {
        foreach (string file in Directory.EnumerateFiles(Golden.Path("models", family)).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "config.json"), config);
        string settings = Path.Combine(folder, "preprocessor_config.json");
        if (!File.Exists(settings))
        {
            return;
        }

        JsonNode pictures = JsonNode.Parse(File.ReadAllText(settings))!;
        if (pictures["crop_size"] is not null)
        {
            pictures["crop_size"] = new JsonObject { ["height"] = 336, ["width"] = 336 };
            pictures["size"] = new JsonObject { ["shortest_edge"] = 336 };
        }

        if (JsonNode.Parse(config)!["image_grid_pinpoints"] is { } grids)
        {
            pictures["image_grid_pinpoints"] = grids.DeepClone();
        }

        if (pictures["patch_size"] is JsonObject)
        {
            pictures["patch_size"] = new JsonObject { ["height"] = 16, ["width"] = 16 };
            pictures["size"] = new JsonObject { ["longest_edge"] = 1024 };
        }

        if (pictures["base_image_input_size"] is not null)
        {
            (pictures["base_image_input_size"], pictures["image_patch_size"]) = (new JsonArray(336, 336), 14);
            (pictures["image_token_length_h"], pictures["image_token_length_w"], pictures["max_crops"], pictures["overlap_margins"]) = (12, 12, 12, new JsonArray(4, 4));
            MoveAddedTokens(folder, 512, 152064);
        }

        if (pictures["max_image_tiles"] is not null)
        {
            pictures["size"] = new JsonObject { ["height"] = 560, ["width"] = 560 };
        }

        File.WriteAllText(settings, pictures.ToJsonString());
    }

    /// <summary>Moves the tokens behind a tiny vocabulary to their places behind a real one, where the model's second table of embeddings begins.</summary>
    private static void MoveAddedTokens(string folder, int from, int to)
    {
        string path = Path.Combine(folder, "tokenizer.json"), settingsPath = Path.Combine(folder, "tokenizer_config.json");
        JsonNode tokenizer = JsonNode.Parse(File.ReadAllText(path))!, settings = JsonNode.Parse(File.ReadAllText(settingsPath))!;
        JsonObject vocabulary = tokenizer["model"]!["vocab"]!.AsObject();
        for (int id = from; id < to; id++)
        {
            vocabulary[FormattableString.Invariant($"filler {id}")] = id;
        }

        foreach (JsonNode? token in tokenizer["added_tokens"]!.AsArray().Where(token => (int)token!["id"]! >= from))
        {
            token!["id"] = (int)token["id"]! + to - from;
        }

        settings.AsObject().Remove("added_tokens_decoder");
        File.WriteAllText(path, tokenizer.ToJsonString());
        File.WriteAllText(settingsPath, settings.ToJsonString());
    }
}
