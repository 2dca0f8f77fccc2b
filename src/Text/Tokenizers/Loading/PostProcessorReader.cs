namespace Lorikeet.Text.Tokenizers;

/// <summary>Builds the post-processor from its section of tokenizer.json.</summary>
internal static class PostProcessorReader
{
    private const int MaxTypeId = 1 << 16;

    /// <summary>The post-processor of a section; null for none.</summary>
    /// <param name="part">The section.</param>
    /// <param name="maxId">Largest id that a special token may have.</param>
    public static IPostProcessor? Read(JsonPart part, int maxId)
    {
        int templates = 0;
        return Read(part, maxId, 0, ref templates);
    }

    /// <summary>The frame that transformers builds when tokenizer_config.json says add_bos_token or add_eos_token.</summary>
    public static TemplatePostProcessor Frame((string Token, int Id)? bos, (string Token, int Id)? eos)
    {
        TemplatePiece[] Around(int sequence) =>
        [
            .. Special(bos, sequence),
            new TemplatePiece(sequence, sequence, [], []),
            .. Special(eos, sequence),
        ];
        return new TemplatePostProcessor(Around(0), [.. Around(0), .. Around(1)]);
    }

    private static IEnumerable<TemplatePiece> Special((string Token, int Id)? token, int typeId) =>
        token is { } known ? [new TemplatePiece(-1, typeId, [known.Id], [known.Token])] : [];

    private static IPostProcessor? Read(JsonPart part, int maxId, int depth, ref int templates)
    {
        if (part.IsNull)
        {
            return null;
        }

        ComponentReader.CheckDepth(part, depth);
        string type = part.Required("type").String();
        if (type is "TemplateProcessing" or "BertProcessing" or "RobertaProcessing" && ++templates > 1)
        {
            throw part.Error("a second processor that puts texts together; at most one can be used.");
        }

        switch (type)
        {
            case "Sequence":
                List<IPostProcessor> parts = [];
                foreach (JsonPart item in part.Required("processors").Items())
                {
                    parts.Add(Read(item, maxId, depth + 1, ref templates) ?? throw item.Expected("a post-processor"));
                }

                return new SequencePostProcessor(parts);
            case "ByteLevel":
                return new ByteLevelPostProcessor(part["trim_offsets"].Bool(true), part["add_prefix_space"].Bool(true));
            case "TemplateProcessing":
                Dictionary<string, (int[] Ids, string[] Tokens)> specials = SpecialTokens(part["special_tokens"], maxId);
                TemplatePiece[] single = Template(part.Required("single"), specials, pair: false);
                return new TemplatePostProcessor(single, Template(part.Required("pair"), specials, pair: true));
            case "BertProcessing":
                return Bert(part, maxId);
            case "RobertaProcessing":
                return Roberta(part, maxId);
            default:
                throw ComponentReader.Unknown(part, "post-processor", type, "BertProcessing, ByteLevel, RobertaProcessing, Sequence, TemplateProcessing");
        }
    }

    private static TemplatePostProcessor Bert(JsonPart part, int maxId)
    {
        TemplatePiece cls = Named(part.Required("cls"), maxId);
        TemplatePiece sep = Named(part.Required("sep"), maxId);
        TemplatePiece[] single = [cls, new TemplatePiece(0, 0, [], []), sep];
        return new TemplatePostProcessor(single, [.. single, new TemplatePiece(1, 1, [], []), sep with { TypeId = 1 }]);
    }

    private static RobertaPostProcessor Roberta(JsonPart part, int maxId)
    {
        TemplatePiece cls = Named(part.Required("cls"), maxId);
        TemplatePiece sep = Named(part.Required("sep"), maxId);
        TemplatePiece[] single = [cls, new TemplatePiece(0, 0, [], []), sep];
        TemplatePostProcessor frame = new(single, [.. single, sep, new TemplatePiece(1, 0, [], []), sep]);
        return new RobertaPostProcessor(frame, part["trim_offsets"].Bool(true), part["add_prefix_space"].Bool(true));
    }

    // ["[SEP]", 102]
    private static TemplatePiece Named(JsonPart part, int maxId)
    {
        JsonPart[] items = part.Items().ToArray();
        return items.Length == 2
            ? new TemplatePiece(-1, 0, [items[1].Int(maxId)], [items[0].String()])
            : throw part.Expected("a token and its id");
    }

    private static Dictionary<string, (int[] Ids, string[] Tokens)> SpecialTokens(JsonPart part, int maxId)
    {
        Dictionary<string, (int[] Ids, string[] Tokens)> specials = new(StringComparer.Ordinal);
        if (part.IsNull)
        {
            return specials;
        }

        if (part.Element.ValueKind != System.Text.Json.JsonValueKind.Object)
        {
            throw part.Expected("an object");
        }

        foreach (System.Text.Json.JsonProperty property in part.Element.EnumerateObject())
        {
            JsonPart entry = new(part.File, $"{part.Path}.{property.Name}", property.Value);
            int[] ids = entry.Required("ids").Items().Select(item => item.Int(maxId)).ToArray();
            string[] tokens = entry.Required("tokens").Items().Select(item => item.String()).ToArray();
            specials[property.Name] = ids.Length == tokens.Length
                ? (ids, tokens)
                : throw entry.Error($"{ids.Length} ids but {tokens.Length} tokens.");
        }

        return specials;
    }

    private static TemplatePiece[] Template(JsonPart part, Dictionary<string, (int[] Ids, string[] Tokens)> specials, bool pair)
    {
        List<TemplatePiece> pieces = [];
        foreach (JsonPart item in part.Items())
        {
            JsonPart sequence = item["Sequence"];
            if (!sequence.IsNull)
            {
                JsonPart id = sequence.Required("id");
                int index = id.String() switch { "A" => 0, "B" when pair => 1, _ => throw id.Expected(pair ? "A or B" : "A") };
                pieces.Add(new TemplatePiece(index, sequence.Required("type_id").Int(MaxTypeId), [], []));
                continue;
            }

            JsonPart special = item["SpecialToken"];
            if (special.IsNull)
            {
                throw item.Expected("a Sequence or a SpecialToken");
            }

            string name = special.Required("id").String();
            pieces.Add(specials.TryGetValue(name, out (int[] Ids, string[] Tokens) known)
                ? new TemplatePiece(-1, special.Required("type_id").Int(MaxTypeId), known.Ids, known.Tokens)
                : throw special.Error($"'{name}' is not among special_tokens."));
        }

        return pieces.ToArray();
    }
}
