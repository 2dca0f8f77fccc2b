using System.Text;
using System.Text.Json.Nodes;

namespace Lorikeet.Cli.Demo;

/// <summary>The files of the demo's base model other than its weights: a SmolVLM configuration of small sizes and a byte-level tokenizer.</summary>
internal static class BaseModelFiles
{
    private static readonly string[] Specials = ["<|im_start|>", "<|im_end|>", "<end_of_utterance>", "<image>", "<fake_token_around_image>", "<global-img>"];

    /// <summary>Words that are one token; everything else is spelled in bytes.</summary>
    private static readonly string[] Words =
    [
        "User", "Assistant", "What", "Which", "Name", "Describe", "Repeat", " shape", " is", " this", " in", " the", " picture", " colour", " it", " a",
        " circle", " square", " triangle", " cross", " ring", " red", " green", " blue", " yellow", " purple", " black", " bin", " for", " list", " of",
    ];

    /// <summary>Writes every file but the weights.</summary>
    public static void Write(string directory)
    {
        Directory.CreateDirectory(directory);
        JsonObject tokenizer = Tokenizer(out int vocabulary);
        int padded = (vocabulary + 15) / 16 * 16;
        Save(directory, "tokenizer.json", tokenizer);
        Save(directory, "config.json", Config(padded));
        Save(directory, "tokenizer_config.json", new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["bos_token"] = Specials[0],
            ["eos_token"] = Specials[2],
            ["pad_token"] = Specials[1],
            ["clean_up_tokenization_spaces"] = false,
        });
        Save(directory, "generation_config.json", new JsonObject { ["eos_token_id"] = 2, ["pad_token_id"] = 1, ["bos_token_id"] = 0 });
        Save(directory, "preprocessor_config.json", Pictures());
        Save(directory, "processor_config.json", new JsonObject { ["image_seq_len"] = 16, ["processor_class"] = "SmolVLMProcessor" });
        File.WriteAllText(
            Path.Combine(directory, "chat_template.jinja"),
            "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}:{% for part in message['content'] %}{% if part['type'] == 'text' %} {{part['text']}}"
            + "{% elif part['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}");
    }

    private static JsonObject Config(int vocabulary) => new()
    {
        ["architectures"] = new JsonArray("SmolVLMForConditionalGeneration"),
        ["model_type"] = "smolvlm",
        ["image_token_id"] = 3,
        ["scale_factor"] = 2,
        ["tie_word_embeddings"] = false,
        ["torch_dtype"] = "bfloat16",
        ["bos_token_id"] = 0,
        ["pad_token_id"] = 1,
        ["eos_token_id"] = 2,
        ["vision_config"] = new JsonObject
        {
            ["model_type"] = "smolvlm_vision",
            ["hidden_size"] = 96,
            ["intermediate_size"] = 288,
            ["num_hidden_layers"] = 4,
            ["num_attention_heads"] = 3,
            ["image_size"] = ShapePictures.Size,
            ["patch_size"] = 8,
            ["num_channels"] = 3,
            ["hidden_act"] = "gelu_pytorch_tanh",
            ["layer_norm_eps"] = 1e-6,
        },
        ["text_config"] = new JsonObject
        {
            ["model_type"] = "llama",
            ["hidden_size"] = 128,
            ["intermediate_size"] = 352,
            ["num_hidden_layers"] = 4,
            ["num_attention_heads"] = 4,
            ["num_key_value_heads"] = 2,
            ["head_dim"] = 32,
            ["vocab_size"] = vocabulary,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10000.0,
            ["max_position_embeddings"] = 1024,
            ["hidden_act"] = "silu",
            ["tie_word_embeddings"] = false,
        },
    };

    private static JsonObject Pictures() => new()
    {
        ["image_processor_type"] = "SmolVLMImageProcessor",
        ["processor_class"] = "SmolVLMProcessor",
        ["do_convert_rgb"] = true,
        ["do_resize"] = true,
        ["size"] = new JsonObject { ["longest_edge"] = ShapePictures.Size },
        ["resample"] = 1,
        ["do_image_splitting"] = false,
        ["max_image_size"] = new JsonObject { ["longest_edge"] = ShapePictures.Size },
        ["do_rescale"] = true,
        ["rescale_factor"] = 1 / 255.0,
        ["do_normalize"] = true,
        ["image_mean"] = new JsonArray(0.5, 0.5, 0.5),
        ["image_std"] = new JsonArray(0.5, 0.5, 0.5),
        ["do_pad"] = true,
    };

    private static JsonObject Tokenizer(out int vocabulary)
    {
        var vocab = new JsonObject();
        var ids = new Dictionary<string, int>(StringComparer.Ordinal);
        void Add(string token)
        {
            if (ids.TryAdd(token, ids.Count))
            {
                vocab[token] = ids.Count - 1;
            }
        }

        Array.ForEach(Specials, Add);
        for (int b = 0; b < 256; b++)
        {
            Add(ByteSymbol(b).ToString());
        }

        var merges = new JsonArray();
        foreach (string word in Words)
        {
            string[] symbols = [.. Encoding.UTF8.GetBytes(word).Select(b => ByteSymbol(b).ToString())];
            string left = symbols[0];
            foreach (string right in symbols.Skip(1))
            {
                string merged = left + right;
                if (!ids.ContainsKey(merged))
                {
                    Add(merged);
                    merges.Add(new JsonArray(left, right));
                }

                left = merged;
            }
        }

        vocabulary = ids.Count;
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. Specials.Select((s, i) => (JsonNode)new JsonObject
            {
                ["id"] = i, ["content"] = s, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true,
            })]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = true },
            ["post_processor"] = null,
            ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true, ["use_regex"] = true },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE", ["dropout"] = null, ["unk_token"] = null, ["continuing_subword_prefix"] = null, ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false, ["byte_fallback"] = false, ["ignore_merges"] = false, ["vocab"] = vocab, ["merges"] = merges,
            },
        };
    }

    /// <summary>GPT-2's printable stand-in for a byte.</summary>
    private static char ByteSymbol(int b)
    {
        static bool IsPrintable(int x) => x is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
        return IsPrintable(b) ? (char)b : (char)(256 + Enumerable.Range(0, b).Count(x => !IsPrintable(x)));
    }

    private static void Save(string directory, string name, JsonObject json) =>
        File.WriteAllText(Path.Combine(directory, name), json.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true }) + "\n");
}
