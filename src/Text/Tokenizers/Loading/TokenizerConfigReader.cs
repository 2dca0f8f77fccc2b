using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Text.Tokenizers;

/// <summary>
/// What tokenizer_config.json changes.
/// Source: the behaviour of transformers 5 (TokenizersBackend): tokens of added_tokens_decoder that differ from
/// tokenizer.json replace or extend it, tokens with a role are special, add_bos_token/add_eos_token rebuild the frame,
/// split_special_tokens leaves special tokens in a text alone. clean_up_tokenization_spaces is ignored, as it is there
/// for BPE.
/// </summary>
internal static class TokenizerConfigReader
{
    private static readonly string[] Roles = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>Adds the tokens and returns the roles.</summary>
    public static SpecialTokenNames Apply(JsonPart config, AddedVocabulary added)
    {
        added.IgnoreSpecialInText = config["split_special_tokens"].Bool(false);
        added.BeginGroup();
        foreach (AddedToken token in DeclaredTokens(config["added_tokens_decoder"]))
        {
            if (!added.Tokens.Values.Contains(token))
            {
                added.Add(token);
            }
        }

        Dictionary<string, string> names = new(StringComparer.Ordinal);
        foreach (string role in Roles)
        {
            if (!config[role].IsNull)
            {
                AddedToken token = Named(config[role]);
                names[role] = token.Content;
                MakeSpecial(token, added);
            }
        }

        foreach (string key in (string[])["additional_special_tokens", "extra_special_tokens"])
        {
            foreach (JsonPart item in Values(config[key]))
            {
                MakeSpecial(Named(item), added);
            }
        }

        return new SpecialTokenNames
        {
            Bos = names.GetValueOrDefault("bos_token"),
            Eos = names.GetValueOrDefault("eos_token"),
            Pad = names.GetValueOrDefault("pad_token"),
            Unk = names.GetValueOrDefault("unk_token"),
        };
    }

    /// <summary>The frame that the config asks for; null if it leaves tokenizer.json's own.</summary>
    public static IPostProcessor? Frame(JsonPart config, SpecialTokenNames names, Vocabulary vocabulary, AddedVocabulary added)
    {
        JsonPart bos = config["add_bos_token"];
        JsonPart eos = config["add_eos_token"];
        if (bos.Element.ValueKind == JsonValueKind.Undefined && eos.Element.ValueKind == JsonValueKind.Undefined)
        {
            return null;
        }

        (string Token, int Id)? Known(bool wanted, string? token) =>
            wanted && token is not null && (added.TryGetId(token, out int id) || vocabulary.TryGetId(token, out id)) ? (token, id) : null;
        return PostProcessorReader.Frame(Known(bos.Bool(false), names.Bos), Known(eos.Bool(false), names.Eos));
    }

    private static IEnumerable<AddedToken> DeclaredTokens(JsonPart part)
    {
        if (part.IsNull)
        {
            return [];
        }

        if (part.Element.ValueKind != JsonValueKind.Object)
        {
            throw part.Expected("an object of ids and tokens");
        }

        List<(int Id, AddedToken Token)> tokens = [];
        foreach (JsonProperty property in part.Element.EnumerateObject())
        {
            JsonPart item = new(part.File, $"{part.Path}.{property.Name}", property.Value);
            if (!int.TryParse(property.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
            {
                throw item.Error("expected an id as the key.");
            }

            tokens.Add((id, TokenizerReader.AddedToken(item)));
        }

        return tokens.OrderBy(entry => entry.Id).Select(entry => entry.Token);
    }

    // A string or {"content": ...}.
    private static AddedToken Named(JsonPart part) => part.Element.ValueKind == JsonValueKind.Object
        ? TokenizerReader.AddedToken(part, special: true) with { Special = true }
        : new AddedToken(part.String()) { Special = true };

    private static IEnumerable<JsonPart> Values(JsonPart part)
    {
        if (part.IsNull)
        {
            return [];
        }

        // Newer files name the tokens: {"image_token": "<image>"}.
        return part.Element.ValueKind == JsonValueKind.Object
            ? part.Element.EnumerateObject().Select(property => new JsonPart(part.File, $"{part.Path}.{property.Name}", property.Value)).ToArray()
            : part.Items();
    }

    private static void MakeSpecial(AddedToken token, AddedVocabulary added)
    {
        // One that is there keeps its way of matching.
        added.Add(added.TryGetId(token.Content, out int id) ? added.Tokens[id] with { Special = true } : token);
    }
}
