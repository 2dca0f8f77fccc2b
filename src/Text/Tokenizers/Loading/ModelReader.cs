using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Text.Tokenizers;

/// <summary>Builds the model from its section of tokenizer.json.</summary>
internal static class ModelReader
{
    // Sixteen million: a hundred times the largest vocabulary in use. An id beyond would only allocate memory.
    private const int MaxId = 1 << 24;

    public static ITokenModel Read(JsonPart part)
    {
        JsonPart typePart = part["type"];
        string type = typePart.IsNull ? Guess(part) : typePart.String();
        switch (type)
        {
            case "BPE":
                return Bpe(part);
            case "WordLevel":
                return new WordLevelModel(ReadVocabulary(part), part.Required("unk_token").String());
            case "WordPiece":
                return new WordPieceModel(
                    ReadVocabulary(part),
                    part["unk_token"].StringOrNull() ?? "[UNK]",
                    part["continuing_subword_prefix"].StringOrNull() ?? "##",
                    part["max_input_chars_per_word"].IsNull ? 100 : part["max_input_chars_per_word"].Int(int.MaxValue));
            default:
                throw ComponentReader.Unknown(part, "model", type, "BPE, WordLevel, WordPiece");
        }
    }

    // Old files don't name the type.
    private static string Guess(JsonPart part) =>
        !part["merges"].IsNull ? "BPE"
        : !part["continuing_subword_prefix"].IsNull ? "WordPiece"
        : part["vocab"].Element.ValueKind == JsonValueKind.Array ? "Unigram"
        : "WordLevel";

    private static BpeModel Bpe(JsonPart part)
    {
        JsonPart dropout = part["dropout"];
        if (!dropout.IsNull && !(dropout.Element.ValueKind == JsonValueKind.Number && dropout.Element.TryGetDouble(out double p) && p == 0))
        {
            throw dropout.Error("BPE dropout would make encoding random; expected null or 0.");
        }

        BpeOptions options = new()
        {
            UnknownToken = part["unk_token"].StringOrNull(),
            ContinuingSubwordPrefix = part["continuing_subword_prefix"].StringOrNull() ?? "",
            EndOfWordSuffix = part["end_of_word_suffix"].StringOrNull() ?? "",
            FuseUnknown = part["fuse_unk"].Bool(false),
            ByteFallback = part["byte_fallback"].Bool(false),
            IgnoreMerges = part["ignore_merges"].Bool(false),
        };
        Vocabulary vocabulary = ReadVocabulary(part);
        MergeTable merges = ReadMerges(part.Required("merges"), vocabulary, options.ContinuingSubwordPrefix, out bool acrossSpaceMark);
        return new BpeModel(vocabulary, merges, options) { MergesAcrossSpaceMark = acrossSpaceMark };
    }

    private static Vocabulary ReadVocabulary(JsonPart model)
    {
        JsonPart part = model.Required("vocab");
        if (part.Element.ValueKind != JsonValueKind.Object)
        {
            throw part.Expected("an object of tokens and ids");
        }

        Vocabulary vocabulary = new(part.Element.GetPropertyCount());
        foreach (JsonProperty property in part.Element.EnumerateObject())
        {
            string token;
            try
            {
                token = property.Name;
            }
            catch (InvalidOperationException)
            {
                throw part.Error("a token holds an escape that is no character (a lone surrogate).");
            }

            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt32(out int id) || id is < 0 or > MaxId)
            {
                throw part.Error($"token '{token}': expected an id from 0 to {MaxId}, found {property.Value.GetRawText()}.");
            }

            if (!vocabulary.TryAdd(token, id))
            {
                string other = vocabulary.Token(id) ?? token;
                throw part.Error(other == token
                    ? $"token '{token}' is listed twice."
                    : $"tokens '{other}' and '{token}' have the same id {id}.");
            }
        }

        return vocabulary;
    }

    private static MergeTable ReadMerges(JsonPart part, Vocabulary vocabulary, string prefix, out bool acrossSpaceMark)
    {
        if (part.Element.ValueKind != JsonValueKind.Array)
        {
            throw part.Expected("an array of pairs");
        }

        acrossSpaceMark = false;
        MergeTable merges = new(part.Element.GetArrayLength());
        char[] joined = new char[256];
        int rank = 0;
        int index = 0;
        foreach (JsonElement item in part.Element.EnumerateArray())
        {
            JsonPart at = new(part.File, part.Path, item);
            if (!Pair(at, index, out string left, out string right))
            {
                index++;
                continue;
            }

            int skip = prefix.Length <= right.Length ? prefix.Length : throw Merge(part, index, $"'{right}' is shorter than continuing_subword_prefix '{prefix}'.");
            int length = left.Length + right.Length - skip;
            if (length > joined.Length)
            {
                joined = new char[length * 2];
            }

            left.CopyTo(joined);
            right.AsSpan(skip).CopyTo(joined.AsSpan(left.Length));
            int leftId = vocabulary.TryGetId(left, out int id) ? id : throw Merge(part, index, $"token '{left}' is not in the vocabulary.");
            int rightId = vocabulary.TryGetId(right, out id) ? id : throw Merge(part, index, $"token '{right}' is not in the vocabulary.");
            int merged = vocabulary.TryGetId(joined.AsSpan(0, length), out id)
                ? id
                : throw Merge(part, index, $"the merged token '{new string(joined, 0, length)}' is not in the vocabulary.");
            merges.Set(leftId, rightId, rank++, merged);
            acrossSpaceMark |= right.StartsWith((char)BpeModel.SpaceMark) && !left.EndsWith((char)BpeModel.SpaceMark);
            index++;
        }

        return merges;
    }

    // "left right" or ["left", "right"]; false for the version comment that old files begin with.
    private static bool Pair(JsonPart item, int index, out string left, out string right)
    {
        if (item.Element.ValueKind == JsonValueKind.Array && item.Element.GetArrayLength() == 2)
        {
            JsonPart at = item with { Path = Indexed(item.Path, index) };
            left = (at with { Element = item.Element[0] }).String();
            right = (at with { Element = item.Element[1] }).String();
            return true;
        }

        if (item.Element.ValueKind != JsonValueKind.String)
        {
            throw (item with { Path = Indexed(item.Path, index) }).Expected("\"left right\" or [\"left\", \"right\"]");
        }

        string text = item.String();
        left = right = "";
        if (text.StartsWith("#version", StringComparison.Ordinal))
        {
            return false;
        }

        int space = text.IndexOf(' ', StringComparison.Ordinal);
        if (space < 0 || text.IndexOf(' ', space + 1) >= 0)
        {
            throw (item with { Path = Indexed(item.Path, index) }).Expected("two tokens with one space between");
        }

        left = text[..space];
        right = text[(space + 1)..];
        return true;
    }

    private static string Indexed(string path, int index) => string.Create(CultureInfo.InvariantCulture, $"{path}[{index}]");

    private static InvalidDataException Merge(JsonPart part, int index, string message) =>
        (part with { Path = Indexed(part.Path, index) }).Error(message);
}
