using System.Globalization;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Tensors;
using Lorikeet.Text.Chat;
using Lorikeet.Text.Tokenizers;

namespace Lorikeet.Models;

/// <summary>Turns conversations into model input: template, image tokens, tokenizer, labels, pictures. A family adds its pictures.</summary>
public abstract class Processor
{
    /// <summary>Loads tokenizer and template of a model directory.</summary>
    protected Processor(ModelDirectory directory)
    {
        Directory = directory;
        Tokenizer = LoadTokenizer(directory);
        Template = ChatTemplate.Parse(directory.ChatTemplate(), Path.Combine(directory.Path, "chat_template"));
    }

    /// <summary>For families whose directories lack a tokenizer or a template in the usual form.</summary>
    /// <param name="directory">The model's directory.</param>
    /// <param name="tokenizer">Its tokenizer; null to load it as usual.</param>
    /// <param name="template">The family's chat template, used unless the directory has a <c>chat_template.jinja</c>.</param>
    protected Processor(ModelDirectory directory, Tokenizer? tokenizer, string template)
    {
        Directory = directory;
        Tokenizer = tokenizer ?? LoadTokenizer(directory);
        string file = Path.Combine(directory.Path, "chat_template.jinja");
        Template = File.Exists(file) ? ChatTemplate.Parse(directory.ChatTemplate(), file) : ChatTemplate.Parse(template, $"chat template of {directory.ModelType}");
    }

    /// <summary>The model's directory.</summary>
    public ModelDirectory Directory { get; }

    /// <summary>The tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>The chat template.</summary>
    public ChatTemplate Template { get; }

    /// <summary>
    /// Whether batches also hold what the reference's padding adds to a sample's result, where a family's reference has such an effect.
    /// For comparisons only: samples then depend on their batch.
    /// </summary>
    public bool PadsAsReference { get; set; }

    /// <summary>Ids that end a reply; empty when no file names one.</summary>
    public virtual IReadOnlyList<int> EosTokenIds => Directory.Generation.EosTokenIds;

    /// <summary>A conversation as tokens.</summary>
    /// <exception cref="InvalidDataException">The template fails, or pictures and their places differ in number.</exception>
    public EncodedSample Encode(Conversation conversation, EncodeOptions options)
    {
        Image[] images = [.. conversation.Images.Select(options.Images.Prepare)];
        VideoClip[] videos = [.. conversation.Videos.Select(video => new PreparedClip(video, options.Images))];
        RequireVideos(videos.Length);
        options = options with { Images = options.Images.AfterPreparing() };
        var sizes = new MediaSizes([.. images.Select(image => new PixelSize(image.Width, image.Height))], [.. videos.Select(video => video.Info)]);
        EncodedSample measured = Measure(conversation.Messages, sizes, options);
        return measured.Layout is { } layout ? measured with { Pixels = Pixels(images, videos, layout, options.Images) } : measured;
    }

    /// <summary>A conversation with pictures alone as tokens without its pixels.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="sizes">Sizes of the pictures in pixels (upright where orientation marks are obeyed), in the order of their places.</param>
    /// <param name="options">How the conversation becomes tokens.</param>
    /// <exception cref="InvalidDataException">The template fails, or pictures and their places differ in number.</exception>
    public EncodedSample Measure(IReadOnlyList<ChatMessage> messages, IReadOnlyList<PixelSize> sizes, EncodeOptions options) =>
        Measure(messages, new MediaSizes(sizes, []), options);

    /// <summary>A conversation as tokens without its pixels: all that checking, planning and packing need.</summary>
    /// <param name="messages">The turns.</param>
    /// <param name="media">Sizes of pictures and videos.</param>
    /// <param name="options">How the conversation becomes tokens.</param>
    /// <exception cref="InvalidDataException">The template fails, or pictures or videos and their places differ in number.</exception>
    public EncodedSample Measure(IReadOnlyList<ChatMessage> messages, MediaSizes media, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(media);
        RequireVideos(media.Videos.Count);
        if (!TakesPixelRange && (options.Images.MinPixels ?? options.Images.MaxPixels) is not null)
        {
            throw new InvalidDataException($"min_pixels and max_pixels are for models that resize pictures to a range of areas; {Directory.ModelType} does not. Use data.longest_edge or data.thumbnail instead.");
        }

        messages = ContentForm.For(Template, messages);
        IReadOnlyDictionary<string, object?> variables = Variables(options);
        ImageLayout? layout = media.Count == 0 ? null : Layout(media.InOrderOf(messages).Reduced(options.Images), options.Images);
        string text;
        IReadOnlyList<(int Start, int End)> spans = [];
        if (options.Loss is LossOn.AssistantTurns or LossOn.LastTurn && !options.AddGenerationPrompt)
        {
            (RenderedChat chat, spans) = AssistantSpans.Find(Template, messages, variables);
            text = chat.Text;
            spans = options.Loss == LossOn.LastTurn && spans.Count > 0 ? [spans[^1]] : spans;
        }
        else
        {
            text = Template.Render(messages, options.AddGenerationPrompt, variables).Text;
            spans = options.Loss == LossOn.Published && !options.AddGenerationPrompt ? PublishedSpans(text, messages, variables) : [];
        }

        ExpandedText expanded = Expand(text, layout);
        Encoding encoding = Tokenize(expanded.Text, AddsSpecialTokens(text));
        int[] labels = options.Loss == LossOn.AllTokens ? Array.ConvertAll(encoding.Ids, LabelOf) : Labels(expanded, encoding, spans);
        Amend(encoding.Ids, text);
        return new EncodedSample(encoding.Ids, labels, text, layout, null);
    }

    /// <summary>A measured conversation with pictures that show nothing: as large as the real ones, for planning.</summary>
    /// <param name="measured">From <see cref="Measure(IReadOnlyList{ChatMessage}, MediaSizes, EncodeOptions)"/>.</param>
    /// <param name="media">What it was measured with.</param>
    /// <param name="options">What it was measured with.</param>
    public EncodedSample WithBlankPixels(EncodedSample measured, MediaSizes media, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(measured);
        ArgumentNullException.ThrowIfNull(media);
        return measured.Layout is { } layout ? measured with { Pixels = BlankPixels(media.Reduced(options.Images).Images, layout, options.Images) } : measured;
    }

    /// <summary>Whether the tokenizer adds its own special tokens: not where the template already wrote the first one.</summary>
    public virtual bool AddsSpecialTokens(string rendered) =>
        Tokenizer.BosToken is not { Length: > 0 } bos || !rendered.StartsWith(bos, StringComparison.Ordinal);

    /// <summary>Joins samples to a batch.</summary>
    /// <param name="samples">At least one.</param>
    /// <param name="keys">Random key of each sample (seed, epoch and row mixed), or null where nothing is dropped.</param>
    public ModelInput Collate(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys = null)
    {
        int total = samples.Sum(s => s.Ids.Length);
        int[] ids = new int[total], labels = new int[total];
        long[] tokenKeys = keys is null ? [] : new long[total];
        int n = 0;
        for (int b = 0; b < samples.Count; b++)
        {
            samples[b].Ids.CopyTo(ids, n);
            samples[b].Labels.CopyTo(labels, n);
            for (int i = 0; keys is not null && i < samples[b].Ids.Length; i++)
            {
                tokenKeys[n + i] = (long)Rng.Key(keys[b], (ulong)i);
            }

            n += samples[b].Ids.Length;
        }

        return new ModelInput(new TokenBatch(ids, labels, [.. samples.Select(s => s.Ids.Length)], tokenKeys), CollateImages(samples, keys));
    }

    /// <summary>Values under the reference processor's names and in its padded layout, pictures only; for comparisons.</summary>
    public abstract IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceImages(IReadOnlyList<EncodedSample> samples);

    /// <summary>What of the pictures differs in the reference's left-padded batches of prompts, by name; empty for most families.</summary>
    public virtual IReadOnlyDictionary<string, (Array Values, long[] Shape)> ReferenceLeftPadded(IReadOnlyList<EncodedSample> prompts) =>
        new Dictionary<string, (Array, long[])>();

    /// <summary>
    /// The pictures as the model sees them, made visible again: normalisation undone, tiles put together, at the size that the layout names.
    /// </summary>
    /// <param name="sample">A sample with pixels.</param>
    public abstract IReadOnlyList<Image> Visible(EncodedSample sample);

    /// <summary>Whether pictures are resized to a range of areas, so that min_pixels and max_pixels apply.</summary>
    protected virtual bool TakesPixelRange => false;

    /// <summary>Whether the family takes videos; then it overrides the other <c>Layout</c> and the other <c>Pixels</c>.</summary>
    public virtual bool TakesVideos => false;

    /// <summary>What becomes of the pictures and videos of one sample.</summary>
    /// <param name="media">What is known of them; at least one.</param>
    /// <param name="options">Treatment of pictures.</param>
    protected virtual ImageLayout Layout(MediaSizes media, ImageOptions options) => Layout(media.Images, options);

    /// <summary>Makes the pixels of one sample with videos.</summary>
    /// <param name="images">Its pictures, upright where orientation marks are obeyed.</param>
    /// <param name="videos">Its videos.</param>
    /// <param name="layout">What <c>Layout</c> returned for them.</param>
    /// <param name="options">Treatment of pictures.</param>
    protected virtual object Pixels(IReadOnlyList<Image> images, IReadOnlyList<VideoClip> videos, ImageLayout layout, ImageOptions options) => Pixels(images, layout, options);

    /// <summary>What becomes of the pictures of one sample.</summary>
    /// <param name="sizes">Their sizes in pixels; at least one.</param>
    /// <param name="options">Treatment of pictures.</param>
    protected abstract ImageLayout Layout(IReadOnlyList<PixelSize> sizes, ImageOptions options);

    /// <summary>Makes the pixels of one sample in the family's own form.</summary>
    /// <param name="images">Its pictures, upright where orientation marks are obeyed.</param>
    /// <param name="layout">What <c>Layout</c> returned for their sizes.</param>
    /// <param name="options">Treatment of pictures.</param>
    protected abstract object Pixels(IReadOnlyList<Image> images, ImageLayout layout, ImageOptions options);

    /// <summary>As <c>Pixels</c> for pictures that show nothing. A family may do without the work, but not without the sizes.</summary>
    /// <param name="sizes">Sizes of the pictures in pixels.</param>
    /// <param name="layout">What <c>Layout</c> returned for them.</param>
    /// <param name="options">Treatment of pictures.</param>
    protected virtual object BlankPixels(IReadOnlyList<PixelSize> sizes, ImageLayout layout, ImageOptions options) =>
        Pixels([.. sizes.Select(size => new Image(size.Width, size.Height, PixelMode.RGB, new byte[checked(3 * size.Width * size.Height)]))], layout, options);

    /// <summary>Multiplies image tokens.</summary>
    /// <param name="text">The rendered chat template.</param>
    /// <param name="layout">What becomes of the pictures; null where there are none.</param>
    /// <exception cref="InvalidDataException">The text has another number of places than there are pictures.</exception>
    protected abstract ExpandedText Expand(string text, ImageLayout? layout);

    /// <summary>Joins the pictures of samples.</summary>
    protected abstract VisionInput? CollateImages(IReadOnlyList<EncodedSample> samples, IReadOnlyList<ulong>? keys);

    /// <summary>The tokens of the expanded text.</summary>
    protected virtual Encoding Tokenize(string text, bool addSpecialTokens) => Tokenizer.Encode(text, addSpecialTokens);

    /// <summary>Last changes of ids that no text has, in place.</summary>
    /// <param name="ids">Ids of the expanded text.</param>
    /// <param name="rendered">The text before it was expanded.</param>
    protected virtual void Amend(int[] ids, string rendered)
    {
    }

    /// <summary>The supervised parts of a rendered conversation by the training script that was published with the model (<see cref="LossOn.Published"/>).</summary>
    /// <param name="text">The rendered chat template.</param>
    /// <param name="messages">The turns.</param>
    /// <param name="variables">What the template was rendered with.</param>
    /// <returns>Spans [start, end) of the text, in order.</returns>
    /// <exception cref="InvalidDataException">The family has no such rule.</exception>
    protected virtual IReadOnlyList<(int Start, int End)> PublishedSpans(
        string text, IReadOnlyList<ChatMessage> messages, IReadOnlyDictionary<string, object?> variables) =>
        throw new InvalidDataException($"data.loss_on: published is for models whose own training script has a label rule that differs from the others; for {Directory.ModelType} none is known. Use assistant_turns.");

    /// <summary>The label of a supervised token: the token, or <see cref="TokenBatch.Ignored"/> where the head has no row for it.</summary>
    protected virtual int LabelOf(int id) => id;

    private void RequireVideos(int videos)
    {
        if (videos > 0 && !TakesVideos)
        {
            throw new InvalidDataException($"the sample has {videos} video(s), and models of type {Directory.ModelType} take pictures alone. Use a model that takes videos (docs/models.md), or give chosen frames as pictures.");
        }
    }

    private static Tokenizer LoadTokenizer(ModelDirectory directory)
    {
        string config = Path.Combine(directory.Path, "tokenizer_config.json");
        return Tokenizer.Load(directory.TokenizerPath, File.Exists(config) ? config : null);
    }

    private Dictionary<string, object?> Variables(EncodeOptions options)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach ((string name, string value) in Directory.SpecialTokens)
        {
            variables[name] = value;
        }

        foreach ((string name, object? value) in options.TemplateVariables)
        {
            variables[name] = value;
        }

        return variables;
    }

    /// <summary>A token is supervised when it begins inside an answer's span.</summary>
    private int[] Labels(ExpandedText expanded, Encoding encoding, IReadOnlyList<(int Start, int End)> spans)
    {
        int[] labels = new int[encoding.Ids.Length];
        Array.Fill(labels, TokenBatch.Ignored);
        int[] points = CodePointOf(expanded.Text);
        foreach ((int start, int end) in spans)
        {
            int first = points[expanded.MapOffset(start)], last = points[expanded.MapOffset(end)];
            for (int i = 0; i < labels.Length; i++)
            {
                (int tokenStart, int tokenEnd) = encoding.Offsets[i];
                if (tokenStart >= first && tokenStart < last && tokenEnd > tokenStart)
                {
                    labels[i] = LabelOf(encoding.Ids[i]);
                }
            }
        }

        return labels;
    }

    private static int[] CodePointOf(string text)
    {
        int[] points = new int[text.Length + 1];
        int count = 0;
        for (int i = 0; i < text.Length; i++)
        {
            points[i] = count;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length)
            {
                count++;
            }
        }

        points[text.Length] = count;
        return points;
    }
}

/// <summary>A model with its processor.</summary>
/// <param name="Model">The model.</param>
/// <param name="Processor">The processor.</param>
/// <param name="Directory">Where they came from.</param>
public sealed record LoadedModel(VisionLanguageModel Model, Processor Processor, ModelDirectory Directory) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Directory.ModelType} model at {Directory.Path}");
}
