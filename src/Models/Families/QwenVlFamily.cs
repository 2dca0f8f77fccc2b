using System.Text;
using Lorikeet.Imaging;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Text.Chat;
using Lorikeet.Text.Tokenizers;
using Encoding = Lorikeet.Text.Tokenizers.Encoding;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>qwen</c> for the catalog.</summary>
internal sealed class QwenVlFamily : Family
{
    public static readonly QwenVlFamily Instance = new();

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new QwenVl(weights, QwenVlConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new QwenVlInputs(directory);
}

/// <summary>Conversations as input of <see cref="QwenVl"/>: ChatML, a tiktoken vocabulary, 256 tokens a picture that spell its path.</summary>
internal sealed class QwenVlInputs : Processor
{
    private const string Start = "<img>", End = "</img>", Pad = "<imgpad>", Turn = "<|im_start|>", EndOfText = "<|endoftext|>", TurnEnd = "<|im_end|>\n";

    private const string Pattern =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The directories have no template; this is the prompt of the checkpoints' <c>chat()</c>, with pictures counted over the whole conversation.</summary>
    private const string ChatMl = """
        {%- set count = namespace(pictures=0) -%}
        {%- if not messages or messages[0].role != 'system' -%}{{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' -}}{%- endif -%}
        {%- for message in messages -%}
        {{- '<|im_start|>' + message.role + '\n' -}}
        {%- if message.content is string -%}{{- message.content -}}
        {%- else -%}{%- for part in message.content -%}
        {%- if part.type == 'image' -%}
        {%- set count.pictures = count.pictures + 1 -%}
        {{- 'Picture ' ~ count.pictures ~ ': <img>' ~ (part.image or part.path or part.url or '') ~ '</img>\n' -}}
        {%- elif part.type == 'text' -%}{{- part.text -}}{%- endif -%}
        {%- endfor -%}{%- endif -%}
        {{- '<|im_end|>\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
        """;

    private static readonly string[] SpecialTokens =
    [
        EndOfText, Turn, "<|im_end|>", .. Enumerable.Range(0, 205).Select(i => FormattableString.Invariant($"<|extra_{i}|>")),
        "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", Start, End, Pad,
    ];

    private readonly SquarePictures _pictures;
    private readonly QwenVlConfig _config;

    public QwenVlInputs(ModelDirectory directory)
        : base(directory, LoadTokenizer(directory), ChatMl)
    {
        _config = QwenVlConfig.From(directory.Config);
        int edge = _config.ImageSize;
        var pictures = new ClipPictures(ConfigSection.From("the settings of this model type", System.Text.Json.JsonSerializer.SerializeToElement(
            new { do_center_crop = false, size = new { height = edge, width = edge } })));
        _pictures = new SquarePictures(pictures, edge);
        if (Tokenizer.TokenToId(Start) != _config.ImageStartId)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{Path.Combine(directory.Path, "qwen.tiktoken")}: {Start} has id {Tokenizer.TokenToId(Start)}, config.json says visual.image_start_id {_config.ImageStartId}: the files belong to different models"));
        }
    }

    /// <summary>The end of a turn and the start of another end a reply too; the directories name only the end of text.</summary>
    public override IReadOnlyList<int> EosTokenIds =>
        [.. Directory.Generation.EosTokenIds.Concat(new[] { "<|im_end|>", Turn, EndOfText }.Select(t => Tokenizer.TokenToId(t)!.Value)).Distinct()];

    private int Edge => _config.ImageSize;

    /// <inheritdoc/>
    public override bool AddsSpecialTokens(string rendered) => false;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples) => _pictures.Reference(samples);

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample) => _pictures.Visible(sample);

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options) => new QwenVlLayout(_config, sizes.Count);

    /// <inheritdoc/>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options) => _pictures.Make(images, options);

    /// <inheritdoc/>
    protected override object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) => _pictures.Blank(sizes.Count);

    /// <summary>Padding in place of each path; <see cref="Amend"/> spells the path.</summary>
    protected override ExpandedText Expand(string text, ImageLayout? layout)
    {
        (int Start, int Length)[] paths = [.. Paths(text)];
        if (paths.Length != (layout?.Pictures.Count ?? 0))
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"the text has {paths.Length} spans {Start}...{End}, but the sample has {layout?.Pictures.Count ?? 0} pictures; a literal {Start} in a message counts as one."));
        }

        var expanded = new StringBuilder();
        var moves = new List<TextMove>();
        int done = 0;
        foreach ((int start, int length) in paths)
        {
            expanded.Append(text, done, start - done);
            int from = expanded.Length;
            expanded.Insert(from, Pad, QwenVlConfig.SlotTokens);
            moves.Add(new TextMove(start, length, from, expanded.Length - from));
            done = start + length;
        }

        return new ExpandedText(expanded.Append(text, done, text.Length - done).ToString(), moves);
    }

    /// <summary>
    /// The published fine-tuning script supervises the marks of every turn, the system's and the user's too: its start, its end and the
    /// newline behind that; and what the assistant says. Never the roles.
    /// </summary>
    /// <inheritdoc/>
    protected override IReadOnlyList<(int Start, int End)> PublishedSpans(
        string text, IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?> variables)
    {
        var spans = new List<(int, int)>();

        // Turns are told apart by rendering ever more of them: a message may spell out the marks.
        bool hasSystem = messages.Count > 0 && messages[0].Role == "system";
        int start = 0;
        for (int k = hasSystem ? 1 : 0; k <= messages.Count; k++)
        {
            string upTo = k == messages.Count ? text : Template.Render([.. messages.Take(k)], addGenerationPrompt: false, variables).Text;
            string role = k == 0 ? "system" : messages[k - 1].Role, opening = $"{Turn}{role}\n";
            if (upTo.Length < start || !text.StartsWith(upTo, StringComparison.Ordinal)
                || !upTo.AsSpan(start).StartsWith(opening) || !upTo.AsSpan(start + opening.Length).EndsWith(TurnEnd))
            {
                throw new InvalidDataException($"{Template.Name}: turn {k} does not stand between '{Turn}{role}' and '<|im_end|>' with a newline behind each, so data.loss_on: published cannot tell its parts. Use the model's own template, or assistant_turns.");
            }

            spans.Add((start, start + Turn.Length));
            spans.Add((role == "assistant" ? start + opening.Length : upTo.Length - TurnEnd.Length, upTo.Length));
            start = upTo.Length;
        }

        return spans;
    }

    /// <summary>Role, the newline behind it and the content are tokenized apart.</summary>
    protected override Encoding Tokenize(string text, bool addSpecialTokens)
    {
        var cuts = new List<int>();
        for (int at = text.IndexOf(Turn, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Turn, at + 1, StringComparison.Ordinal))
        {
            int newline = text.IndexOf('\n', at);
            if (newline >= 0)
            {
                cuts.AddRange([newline, newline + 1]);
            }
        }

        var parts = new List<(Encoding Encoding, int Utf16, int Points)>();
        int start = 0, points = 0;
        foreach (int cut in cuts.Append(text.Length).Distinct())
        {
            string part = text[start..cut];
            parts.Add((Tokenizer.Encode(part, addSpecialTokens: false), start, points));
            points += part.EnumerateRunes().Count();
            start = cut;
        }

        static (int, int) Shift((int Start, int End) range, int by) => (range.Start + by, range.End + by);
        return new Encoding
        {
            Ids = [.. parts.SelectMany(p => p.Encoding.Ids)],
            Tokens = [.. parts.SelectMany(p => p.Encoding.Tokens)],
            Offsets = [.. parts.SelectMany(p => p.Encoding.Offsets.Select(o => Shift(o, p.Points)))],
            Utf16Offsets = [.. parts.SelectMany(p => p.Encoding.Utf16Offsets.Select(o => Shift(o, p.Utf16)))],
            SpecialTokensMask = [.. parts.SelectMany(p => p.Encoding.SpecialTokensMask)],
            TypeIds = [.. parts.SelectMany(p => p.Encoding.TypeIds)],
        };
    }

    /// <summary>
    /// Writes the bytes of each path over the first slots of its picture. The model never sees them (features stand in their place), so a
    /// path that doesn't fit is left out; the reference, which opens the path, refuses it.
    /// </summary>
    protected override void Amend(int[] ids, string rendered)
    {
        int at = 0;
        foreach ((int start, int length) in Paths(rendered))
        {
            byte[] path = System.Text.Encoding.UTF8.GetBytes(rendered.Substring(start, length).Normalize(NormalizationForm.FormC));
            at = Array.IndexOf(ids, _config.ImageStartId, at) + 1;
            for (int i = 0; i < path.Length && path.Length < QwenVlConfig.SlotTokens - 1; i++)
            {
                ids[at + i] = path[i];
            }

            at += QwenVlConfig.SlotTokens;
        }
    }

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        int pictures = samples.Sum(s => s.ImageCount);
        if (pictures == 0)
        {
            return null;
        }

        float[] patches = new float[checked(pictures * _pictures.Values)];
        var rowKeys = new List<long>();
        int done = 0;
        for (int b = 0; b < samples.Count; b++)
        {
            float[] pixels = SquarePictures.Of(samples[b]);
            for (int i = 0; i < samples[b].ImageCount; i++, done++)
            {
                Span<float> target = patches.AsSpan(done * _pictures.Values, _pictures.Values);
                Patches.Extract(pixels.AsSpan(i * _pictures.Values, _pictures.Values), 3, Edge, Edge, (_config.PatchSize, _config.PatchSize), target);
            }

            for (int row = 0; keys is not null && row < samples[b].ImageCount * _config.Patches; row++)
            {
                // Odd second part: never equal to the key of a token.
                rowKeys.Add((long)Rng.Key(keys[b], (ulong)row, 1));
            }
        }

        return new QwenVlVision([.. samples.Select(s => s.ImageCount * _config.Queries)], pictures, patches, [.. rowKeys]);
    }

    private static Tokenizer LoadTokenizer(ModelDirectory directory)
    {
        string path = Path.Combine(directory.Path, "qwen.tiktoken");
        return File.Exists(path)
            ? Tokenizer.LoadTiktoken(path, new TiktokenOptions { Pattern = Pattern, SpecialTokens = SpecialTokens, NormalizeNfc = true })
            : throw new InvalidDataException($"{directory.Path}: qwen.tiktoken is missing. Fetch it from the model's page.");
    }

    /// <summary>What stands between image tags.</summary>
    /// <exception cref="InvalidDataException">A tag is not closed, or a path holds a special token.</exception>
    private static IEnumerable<(int Start, int Length)> Paths(string text)
    {
        for (int at = text.IndexOf(Start, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Start, at, StringComparison.Ordinal))
        {
            int start = at + Start.Length, end = text.IndexOf(End, start, StringComparison.Ordinal);
            if (end < 0)
            {
                throw new InvalidDataException($"the text has {Start} without {End} behind it; a literal {Start} in a message begins the path of a picture.");
            }

            string path = text[start..end];
            if (SpecialTokens.FirstOrDefault(t => path.Contains(t, StringComparison.Ordinal)) is { } special)
            {
                throw new InvalidDataException($"the path '{path}' between {Start} and {End} holds {special}; rename the file.");
            }

            yield return (start, end - start);
            at = end;
        }
    }
}

/// <summary>Pictures of one size each, stretched to it.</summary>
/// <param name="Config">Sizes of the model.</param>
/// <param name="Count">Number of pictures.</param>
internal sealed record QwenVlLayout(QwenVlConfig Config, int Count) : ImageLayout
{
    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures =>
        [.. Enumerable.Repeat(new PictureShape(Config.ImageSize, Config.ImageSize, Config.Queries, Config.Patches), Count)];
}
