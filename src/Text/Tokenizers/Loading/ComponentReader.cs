namespace Lorikeet.Text.Tokenizers;

/// <summary>Builds normalizers, pre-tokenizers and decoders from their sections of tokenizer.json.</summary>
internal static class ComponentReader
{
    private const int MaxDepth = 32;

    /// <summary>The normalizer of a section; null for none.</summary>
    public static INormalizer? Normalizer(JsonPart part, int depth = 0)
    {
        if (part.IsNull)
        {
            return null;
        }

        CheckDepth(part, depth);
        string type = part.Required("type").String();
        switch (type)
        {
            case "Sequence":
                return new SequenceNormalizer(part.Required("normalizers").Items()
                    .Select(item => Normalizer(item, depth + 1) ?? throw item.Expected("a normalizer")).ToArray());
            case "NFC" or "NFD" or "NFKC" or "NFKD":
                return new UnicodeNormalizer(compatible: type[2] == 'K', compose: type[^1] == 'C');
            case "Prepend":
                return new PrependNormalizer(part.Required("prepend").String());
            case "Replace":
                return new ReplaceNormalizer(Pattern(part), part.Required("content").String());
            case "Lowercase":
                return new LowercaseNormalizer();
            case "Strip":
                return new StripNormalizer(part["strip_left"].Bool(true), part["strip_right"].Bool(true));
            case "StripAccents":
                return FilterNormalizer.StripAccents();
            case "Nmt":
                return FilterNormalizer.Nmt();
            case "ByteLevel":
                return new ByteLevelNormalizer();
            case "BertNormalizer" or "Bert":
                bool lowercase = part["lowercase"].Bool(true);
                return new BertNormalizer(
                    part["clean_text"].Bool(true), part["handle_chinese_chars"].Bool(true), part["strip_accents"].Bool(lowercase), lowercase);
            default:
                throw Unknown(part, "normalizer", type, "BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Prepend, Replace, Sequence, Strip, StripAccents");
        }
    }

    /// <summary>The pre-tokenizer of a section; null for none.</summary>
    public static PreTokenizer? PreTokenizer(JsonPart part, int depth = 0)
    {
        if (part.IsNull)
        {
            return null;
        }

        CheckDepth(part, depth);
        string type = part.Required("type").String();
        switch (type)
        {
            case "Sequence":
                return new SequencePreTokenizer(part.Required("pretokenizers").Items()
                    .Select(item => PreTokenizer(item, depth + 1) ?? throw item.Expected("a pre-tokenizer")).ToArray());
            case "ByteLevel":
                return new ByteLevelPreTokenizer(part["add_prefix_space"].Bool(true), part["use_regex"].Bool(true));
            case "Split":
                return new SplitPreTokenizer(Pattern(part), Behavior(part.Required("behavior")), part["invert"].Bool(false));
            case "Digits":
                bool single = part["individual_digits"].Bool(false);
                return new SplitPreTokenizer(new CodePointSet(CodePoint.IsNumeric), single ? SplitBehavior.Isolated : SplitBehavior.Contiguous);
            case "Metaspace":
                return new MetaspacePreTokenizer(Character(part.Required("replacement")), Scheme(part), part["split"].Bool(true));
            case "Punctuation":
                JsonPart behavior = part["behavior"];
                return new SplitPreTokenizer(new CodePointSet(CodePoint.IsPunctuation), behavior.IsNull ? SplitBehavior.Isolated : Behavior(behavior));
            case "Whitespace":
                // Words and runs of symbols; what no rule matches (white space) goes.
                return new SplitPreTokenizer(CodePointPattern.WordsAndSymbols(), SplitBehavior.Removed, invert: true);
            case "WhitespaceSplit":
                return new SplitPreTokenizer(new CodePointSet(CodePoint.IsWhiteSpace), SplitBehavior.Removed);
            case "BertPreTokenizer":
                return new SequencePreTokenizer([
                    new SplitPreTokenizer(new CodePointSet(CodePoint.IsWhiteSpace), SplitBehavior.Removed),
                    new SplitPreTokenizer(new CodePointSet(CodePoint.IsPunctuation), SplitBehavior.Isolated)]);
            case "CharDelimiterSplit" or "Delimiter":
                return new SplitPreTokenizer(CodePointPattern.Literal(Character(part.Required("delimiter"))), SplitBehavior.Removed, invert: false);
            case "FixedLength":
                int length = part["length"].IsNull ? 5 : part["length"].Int(int.MaxValue);
                return length > 0 ? new FixedLengthPreTokenizer(length) : throw part["length"].Error("must be at least 1.");
            default:
                throw Unknown(part, "pre-tokenizer", type, "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, Metaspace, Punctuation, Sequence, Split, Whitespace, WhitespaceSplit");
        }
    }

    /// <summary>What makes the decoding steps for a section, from the last to the first; the input is the step that follows.</summary>
    public static Func<DecodeStage, DecodeStage> Decoder(JsonPart part, int depth = 0)
    {
        if (part.IsNull)
        {
            return next => new SpacedStage { Next = next };
        }

        CheckDepth(part, depth);
        string type = part.Required("type").String();
        switch (type)
        {
            case "Sequence":
                Func<DecodeStage, DecodeStage>[] parts = part.Required("decoders").Items()
                    .Select(item => item.IsNull ? throw item.Expected("a decoder") : Decoder(item, depth + 1)).Reverse().ToArray();
                return next => parts.Aggregate(next, (chain, make) => make(chain));
            case "ByteLevel":
                return next => new ByteLevelStage { Next = next };
            case "ByteFallback":
                return next => new ByteFallbackStage { Next = next };
            case "Fuse":
                return next => new FuseStage { Next = next };
            case "Replace":
                return ReplaceDecoder(part);
            case "Metaspace":
                string mark = Character(part.Required("replacement"));
                bool prepended = Scheme(part) != PrependScheme.Never;
                return next => new MetaspaceStage(mark, prepended) { Next = next };
            case "Strip":
                string content = Character(part.Required("content"));
                int start = part.Required("start").Int(int.MaxValue);
                int stop = part.Required("stop").Int(int.MaxValue);
                return next => new StripStage(content, start, stop) { Next = next };
            case "WordPiece":
                string prefix = part["prefix"].StringOrNull() ?? "##";
                bool cleanup = part["cleanup"].Bool(true);
                return next => new WordPieceStage(prefix, cleanup) { Next = next };
            case "BPEDecoder":
                string suffix = part["suffix"].StringOrNull() ?? "</w>";
                return next => new BpeSuffixStage(suffix) { Next = next };
            case "CTC":
                string pad = part["pad_token"].StringOrNull() ?? "<pad>";
                string delimiter = part["word_delimiter_token"].StringOrNull() ?? "|";
                bool clean = part["cleanup"].Bool(true);
                return next => new CtcStage(pad, delimiter, clean) { Next = next };
            default:
                throw Unknown(part, "decoder", type, "BPEDecoder, ByteFallback, ByteLevel, CTC, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece");
        }
    }

    public static InvalidDataException Unknown(JsonPart part, string what, string type, string known) =>
        part["type"].Error($"the {what} type '{type}' is not supported (supported: {known}).");

    public static void CheckDepth(JsonPart part, int depth)
    {
        if (depth > MaxDepth)
        {
            throw part.Error($"sequences nested deeper than {MaxDepth}.");
        }
    }

    private static Func<DecodeStage, DecodeStage> ReplaceDecoder(JsonPart part)
    {
        string content = part.Required("content").String();
        JsonPart literal = part.Required("pattern")["String"];
        if (!literal.IsNull && literal.String() is [char only] && !char.IsSurrogate(only))
        {
            return next => new ReplaceCharStage(only, content) { Next = next };
        }

        CodePointPattern pattern = Pattern(part);
        return next => new ReplaceStage(pattern, content) { Next = next };
    }

    // {"String": ".."} or {"Regex": ".."}
    private static CodePointPattern Pattern(JsonPart part)
    {
        JsonPart pattern = part.Required("pattern");
        if (!pattern["String"].IsNull)
        {
            return CodePointPattern.Literal(pattern["String"].String());
        }

        JsonPart regex = pattern["Regex"];
        if (regex.IsNull)
        {
            throw pattern.Error("expected {\"String\": ...} or {\"Regex\": ...}.");
        }

        try
        {
            return CodePointPattern.Parse(regex.String());
        }
        catch (FormatException error)
        {
            throw regex.Error($"{error.Message}.");
        }
    }

    private static string Character(JsonPart part)
    {
        string text = part.String();
        return CodePoint.FromString(text).Length == 1 ? text : throw part.Expected("a single character");
    }

    private static SplitBehavior Behavior(JsonPart part) => part.String() switch
    {
        "Removed" => SplitBehavior.Removed,
        "Isolated" => SplitBehavior.Isolated,
        "MergedWithPrevious" => SplitBehavior.MergedWithPrevious,
        "MergedWithNext" => SplitBehavior.MergedWithNext,
        "Contiguous" => SplitBehavior.Contiguous,
        _ => throw part.Expected("Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous"),
    };

    // Older files say add_prefix_space instead of prepend_scheme.
    private static PrependScheme Scheme(JsonPart part)
    {
        JsonPart scheme = part["prepend_scheme"];
        PrependScheme value = scheme.IsNull ? PrependScheme.Always : scheme.String() switch
        {
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            "always" => PrependScheme.Always,
            _ => throw scheme.Expected("first, never or always"),
        };
        if (part["add_prefix_space"].Bool(true))
        {
            return value;
        }

        bool contradiction = !scheme.IsNull && value != PrependScheme.Never;
        return contradiction ? throw scheme.Error("contradicts add_prefix_space: false.") : PrependScheme.Never;
    }
}
