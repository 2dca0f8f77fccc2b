using System.Text;
using System.Text.Json.Nodes;

namespace Lorikeet.Cli.Bench;

/// <summary>Makes the tokenizer.json of models that only speed is measured on.</summary>
internal static class ByteLevelTokenizer
{
    /// <summary>A byte-level tokenizer whose vocabulary is the special tokens, the bytes, and what spells some words.</summary>
    /// <param name="specials">Tokens that stand for themselves, from id 0 on.</param>
    /// <param name="words">Words that are one token.</param>
    /// <param name="vocabulary">Number of tokens.</param>
    public static JsonObject Make(string[] specials, string[] words, out int vocabulary)
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

        Array.ForEach(specials, Add);
        for (int b = 0; b < 256; b++)
        {
            Add(ByteSymbol(b).ToString());
        }

        var merges = new JsonArray();
        foreach (string word in words)
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
            ["added_tokens"] = new JsonArray([.. specials.Select((s, i) => (JsonNode)new JsonObject
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
}
