using Lorikeet.Imaging;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Families;

/// <summary>Model type <c>molmo</c> for the catalog.</summary>
internal sealed class MolmoFamily : Family
{
    public static readonly MolmoFamily Instance = new();

    /// <inheritdoc/>
    public override VisionLanguageModel Build(WeightScope weights, ConfigSection config, IDisposable? files) => new Molmo(weights, MolmoConfig.From(config), files);

    /// <inheritdoc/>
    public override Processor Processor(ModelDirectory directory) => new MolmoInputs(directory);
}

/// <summary>Pixels of one picture.</summary>
/// <param name="Patches">[Crops P, PatchSize PatchSize Channels].</param>
/// <param name="Masks">[Crops P].</param>
internal sealed record MolmoPixels(float[] Patches, float[] Masks);

/// <summary>Conversations as input of <see cref="Molmo"/>: image tokens stand before the text, wherever the picture stands in the message.</summary>
internal sealed class MolmoInputs : Processor
{
    /// <summary>The token that begins every input, ends every answer, and pads.</summary>
    private const string EndOfText = "<|endoftext|>";

    /// <summary>The processor of the checkpoints has no template: it writes " User: ... Assistant:" itself, and training ends answers with the end of text.</summary>
    private const string Rule = """
        {%- for message in messages -%}
        {%- set parts = namespace(text='') -%}
        {%- if message.content is string -%}{%- set parts.text = message.content -%}
        {%- else -%}{%- for part in message.content if part.type == 'text' -%}{%- set parts.text = parts.text + part.text -%}{%- endfor -%}
        {%- endif -%}
        {%- if message.role == 'user' -%}{{- ' User: ' + parts.text + ' Assistant:' -}}
        {%- elif message.role == 'assistant' -%}{{- ' ' + parts.text + '<|endoftext|>' -}}
        {%- else -%}{{- raise_exception('this model knows only the roles user and assistant, not ' + message.role) -}}
        {%- endif -%}
        {%- endfor -%}
        """;

    private readonly MolmoConfig _config;
    private readonly MolmoImageSettings _settings;

    public MolmoInputs(ModelDirectory directory)
        : base(directory, null, Rule)
    {
        _config = MolmoConfig.From(directory.Config);
        ConfigSection section = directory.ImageProcessorConfig;
        _settings = MolmoImageSettings.From(section);
        if (_settings.Size != _config.Vision.ImageSize || _settings.Patch != _config.Vision.PatchSize)
        {
            throw section.Wrong("base_image_input_size", FormattableString.Invariant(
                $"{_config.Vision.ImageSize} pixels in patches of {_config.Vision.PatchSize}, the sizes of the vision tower; the file belongs to another model"));
        }

        if (Tokenizer.TokenToId(MolmoLayout.Patch) != _config.PatchTokenId)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"{directory.TokenizerPath}: {MolmoLayout.Patch} has id {Tokenizer.TokenToId(MolmoLayout.Patch)}, expected {_config.PatchTokenId} (embedding_size + 2): tokenizer and config.json belong to different models"));
        }
    }

    private int ValuesPerCrop => _config.Patches * _config.Vision.PatchWidth;

    /// <summary>Never: the text begins with the one special token, which <see cref="Expand"/> writes.</summary>
    public override bool AddsSpecialTokens(string rendered) => false;

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples)
    {
        int B = samples.Count, most = samples.Max(s => Layout(s)?.Crops ?? 0), P = _config.Patches;
        if (most == 0)
        {
            return new Dictionary<string, (Array, long[])>();
        }

        float[] images = new float[checked(B * most * ValuesPerCrop)], masks = new float[B * most * P];
        Array.Fill(images, -1);
        Array.Fill(masks, -1);
        for (int b = 0; b < B; b++)
        {
            if (samples[b].Pixels is MolmoPixels pixels)
            {
                pixels.Patches.CopyTo(images, b * most * ValuesPerCrop);
                pixels.Masks.CopyTo(masks, b * most * P);
            }
        }

        return new Dictionary<string, (Array, long[])>
        {
            ["images"] = (images, [B, most, P, _config.Vision.PatchWidth]),
            ["image_masks"] = (masks, [B, most, P]),
            ["image_input_idx"] = Index(samples, _ => 0),
        };
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceLeftPadded(IReadOnlyList<EncodedSample> prompts)
    {
        int longest = prompts.Max(p => p.Ids.Length);
        return prompts.All(p => p.Layout is null)
            ? new Dictionary<string, (Array, long[])>()
            : new Dictionary<string, (Array, long[])> { ["left.image_input_idx"] = Index(prompts, p => longest - p.Ids.Length) };
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Image> Visible(EncodedSample sample)
    {
        if (sample is not { Pixels: MolmoPixels pixels } || Layout(sample) is not { } layout)
        {
            return [];
        }

        PixelSize canvas = _settings.Canvas(layout.Rows, layout.Columns);
        byte[] rgb = new byte[checked(3 * canvas.Width * canvas.Height)];
        int p = _settings.Patch, side = _settings.Side;
        for (int crop = 1; crop < layout.Crops; crop++)
        {
            int top = (crop - 1) / layout.Columns * _settings.Window, left = (crop - 1) % layout.Columns * _settings.Window;
            for (int i = 0; i < ValuesPerCrop; i++)
            {
                int channel = i % 3, pixel = i / 3, patch = pixel / (p * p);
                int y = top + (patch / side * p) + (pixel / p % p), x = left + (patch % side * p) + (pixel % p);
                float value = (pixels.Patches[(crop * ValuesPerCrop) + i] * _settings.Std[channel]) + _settings.Mean[channel];
                rgb[(((y * canvas.Width) + x) * 3) + channel] = (byte)Math.Clamp(MathF.Round(value * 255), 0, 255);
            }
        }

        return [new Image(canvas.Width, canvas.Height, PixelMode.RGB, rgb)];
    }

    /// <inheritdoc/>
    protected override int LabelOf(int id) => id < _config.Vocabulary ? id : TokenBatch.Ignored;

    /// <inheritdoc/>
    protected override ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options)
    {
        if (sizes.Count != 1)
        {
            throw new InvalidDataException(FormattableString.Invariant(
                $"the sample has {sizes.Count} pictures; this model takes one picture per sample, which stands before all text. Put them into samples of their own, or into one picture."));
        }

        PixelSize size = Reduction(options)?.SizeAfter(sizes[0]) ?? sizes[0];
        (int rows, int columns) = (options.DoImageSplitting == false ? _settings with { MaxCrops = 1 } : _settings).Tiling(size.Width, size.Height);

        // Too thin a picture fails here, before anything is decoded or trained.
        MolmoImageSettings.Fit(size, _settings.Canvas(rows, columns));
        MolmoImageSettings.Fit(size, new PixelSize(_settings.Size, _settings.Size));
        return new MolmoLayout(_settings, rows, columns);
    }

    /// <summary>
    /// The overview, then the crops. Masks are one crop ahead of the pictures, as the model was trained: the overview has those of the
    /// first crop, and the last crop has -1.
    /// </summary>
    protected override object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options)
    {
        var (_, rows, columns) = (MolmoLayout)layout;
        Image rgb = images[0].ToRgb(options.Alpha);
        rgb = Reduction(options)?.Apply(rgb) ?? rgb;
        int P = _config.Patches, crops = (rows * columns) + 1;
        float[] patches = new float[checked(crops * ValuesPerCrop)], masks = new float[crops * P];
        MolmoCanvas overview = MolmoCanvas.Of(rgb, new PixelSize(_settings.Size, _settings.Size), _settings);
        overview.Cut(0, 0, _settings, patches.AsSpan(0, ValuesPerCrop), masks.AsSpan(0, P));
        MolmoCanvas canvas = MolmoCanvas.Of(rgb, _settings.Canvas(rows, columns), _settings);
        for (int i = 0; i < rows * columns; i++)
        {
            Span<float> values = patches.AsSpan((i + 1) * ValuesPerCrop, ValuesPerCrop);
            canvas.Cut(i % columns * _settings.Window, i / columns * _settings.Window, _settings, values, masks.AsSpan(i * P, P));
        }

        masks.AsSpan((crops - 1) * P).Fill(-1);
        return new MolmoPixels(patches, masks);
    }

    /// <inheritdoc/>
    protected override ExpandedText Expand(string text, ImageLayout? layout)
    {
        string before = EndOfText + (layout as MolmoLayout)?.Text();
        return new ExpandedText(before + text, [new TextMove(0, 0, 0, before.Length)]);
    }

    /// <inheritdoc/>
    protected override VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys)
    {
        if (samples.All(s => s.Layout is null))
        {
            return null;
        }

        var patches = new List<float[]>();
        var masks = new List<float[]>();
        var rows = new List<(int Cell, int Place)>();
        var rowKeys = new List<long>();
        int[] counts = new int[samples.Count];
        int crops = 0;
        for (int b = 0; b < samples.Count; b++)
        {
            if (samples[b] is not { Pixels: MolmoPixels pixels } || Layout(samples[b]) is not { } layout)
            {
                continue;
            }

            (int Cell, int Place)[] used = [.. layout.Tokens().Select((token, cell) => ((crops * _config.Pooled) + cell, token + 1)).Where(x => x.Item2 > 0).OrderBy(x => x.Item2)];
            counts[b] = used.Length;
            rows.AddRange(used);
            patches.Add(pixels.Patches);
            masks.Add(pixels.Masks);
            for (int row = 0; keys is not null && row < layout.Crops * (_config.Patches + 1); row++)
            {
                // Odd second part: never equal to the key of a token.
                rowKeys.Add((long)Rng.Key(keys[b], (ulong)row, 1));
            }

            crops += layout.Crops;
        }

        return new MolmoVision(
            counts,
            crops,
            [.. patches.SelectMany(p => p)],
            [.. masks.SelectMany(m => m)],
            [.. rows.Select(r => r.Cell)],
            [.. rows.Select(r => r.Place)],
            [.. rowKeys]);
    }

    private static MolmoLayout? Layout(EncodedSample sample) => sample.Layout as MolmoLayout;

    private static PictureReduction? Reduction(ImageOptions options) =>
        options.LongestEdge is { } edge ? new PictureReduction { Thumbnail = new PixelSize(edge, edge) } : null;

    /// <summary>Tokens of all pooled features in the reference's layout: -100 for those that become none, -1 for crops that pad the batch.</summary>
    private (Array Values, long[] Shape) Index(IReadOnlyList<EncodedSample> samples, Func<EncodedSample, int> shift)
    {
        int most = samples.Max(s => Layout(s)?.Crops ?? 0), pooled = _config.Pooled;
        long[] index = new long[samples.Count * most * pooled];
        Array.Fill(index, -1);
        for (int b = 0; b < samples.Count; b++)
        {
            int[] tokens = Layout(samples[b])?.Tokens() ?? [];
            for (int i = 0; i < tokens.Length; i++)
            {
                index[(b * most * pooled) + i] = tokens[i] < 0 ? -100 : tokens[i] + 1 + shift(samples[b]);
            }
        }

        return (index, [samples.Count, most, pooled]);
    }
}
