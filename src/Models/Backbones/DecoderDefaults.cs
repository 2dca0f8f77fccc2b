using System.Text.Json.Nodes;

namespace Lorikeet.Models.Backbones;

/// <summary>What the reference's configuration classes take for keys that a text config leaves out; files that it saves hold only what differs.</summary>
/// <remarks>Source: transformers, the configuration classes of the model types.</remarks>
internal static class DecoderDefaults
{
    private const string Llama = """
        {"vocab_size":32000,"hidden_size":4096,"intermediate_size":11008,"num_hidden_layers":32,"num_attention_heads":32,
         "hidden_act":"silu","max_position_embeddings":2048,"rms_norm_eps":1e-6,"rope_theta":10000.0}
        """;

    private const string Qwen2InVision = """
        {"vocab_size":152064,"hidden_size":8192,"intermediate_size":29568,"num_hidden_layers":80,"num_attention_heads":64,"num_key_value_heads":8,
         "hidden_act":"silu","max_position_embeddings":32768,"rms_norm_eps":1e-5,"rope_theta":1000000.0,"sliding_window":4096,"max_window_layers":80}
        """;

    private static readonly Dictionary<string, JsonObject> Known = new Dictionary<string, string>
    {
        ["llama"] = Llama,
        ["mistral"] = """
            {"vocab_size":32000,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":8,
             "hidden_act":"silu","max_position_embeddings":131072,"rms_norm_eps":1e-6,"rope_theta":10000.0,"sliding_window":4096}
            """,
        ["mllama_text_model"] = """
            {"vocab_size":128256,"hidden_size":4096,"intermediate_size":14336,"num_hidden_layers":40,"num_attention_heads":32,"num_key_value_heads":8,
             "hidden_act":"silu","max_position_embeddings":131072,"rms_norm_eps":1e-5,"rope_theta":500000.0,
             "cross_attention_layers":[3,8,13,18,23,28,33,38]}
            """,
        ["phi3"] = """
            {"vocab_size":32064,"hidden_size":3072,"intermediate_size":8192,"num_hidden_layers":32,"num_attention_heads":32,"hidden_act":"silu",
             "max_position_embeddings":4096,"original_max_position_embeddings":4096,"rms_norm_eps":1e-5,"rope_theta":10000.0,"sliding_window":null}
            """,
        ["qwen2"] = """
            {"vocab_size":151936,"hidden_size":4096,"intermediate_size":22016,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":32,
             "hidden_act":"silu","max_position_embeddings":32768,"rms_norm_eps":1e-6,"rope_theta":10000.0,"sliding_window":4096,"max_window_layers":28}
            """,
        ["qwen2_vl"] = Qwen2InVision,
        ["qwen2_vl_text"] = Qwen2InVision,
        ["qwen2_5_vl"] = Qwen2InVision,
        ["qwen2_5_vl_text"] = Qwen2InVision,
        ["qwen3"] = """
            {"vocab_size":151936,"hidden_size":4096,"intermediate_size":22016,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":32,
             "head_dim":128,"hidden_act":"silu","max_position_embeddings":32768,"rms_norm_eps":1e-6,"rope_theta":10000.0,"sliding_window":4096,"max_window_layers":28}
            """,
        ["qwen3_vl_text"] = """
            {"vocab_size":151936,"hidden_size":4096,"intermediate_size":22016,"num_hidden_layers":32,"num_attention_heads":32,"num_key_value_heads":32,
             "head_dim":128,"hidden_act":"silu","max_position_embeddings":128000,"rms_norm_eps":1e-6,"rope_theta":500000.0}
            """,
    }.ToDictionary(p => p.Key, p => JsonNode.Parse(p.Value)!.AsObject(), StringComparer.Ordinal);

    /// <summary>A text config with what it leaves out.</summary>
    /// <param name="text">The text part of config.json.</param>
    /// <param name="variant">The variant of the decoder, where the model type has no defaults of its own.</param>
    public static ConfigSection Fill(ConfigSection text, string variant) =>
        text.WithDefaults(Known.GetValueOrDefault(text.TryString("model_type") ?? variant) ?? Known[variant]);
}
