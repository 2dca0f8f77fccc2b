using Lorikeet.Data.Sampling;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Training.Config.Binding;

namespace Lorikeet.Training.Config;

/// <summary>The samples: where they are, and how they become tokens.</summary>
public sealed record DataSection
{
    /// <summary>
    /// The training samples: a file (jsonl, json, csv, tsv, parquet), a pattern such as "part-*.jsonl", a directory, a data set of the hub (ORG/NAME), or a list of these or of
    /// sources, {path: ..., weight: ..., split: ..., max_samples: ..., format: ..., image_root: ..., prompt: ...}. Required.
    /// </summary>
    public DataSources? Train { get; init; }

    /// <summary>The samples of the evaluation loss, given in the same way.</summary>
    public DataSources? Eval { get; init; }

    /// <summary>Training samples held out for evaluation where data.eval is absent: below 1 a share of them, otherwise their number. Drawn from train.seed.</summary>
    [Bounds(Above = 0)]
    public double? ValidationSplit { get; init; }

    /// <summary>How long an epoch is where sources have weights.</summary>
    public StoppingStrategy StoppingStrategy { get; init; } = StoppingStrategy.AllExhausted;

    /// <summary>The folder that picture paths are relative to; by default the folder of the data file.</summary>
    [FilePath]
    public string? ImageRoot { get; init; }

    /// <summary>The format of the rows, or auto to recognise it from the first row.</summary>
    public string Format { get; init; } = "auto";

    /// <summary>The part of each training source that is used, such as "train[:6%]" or "train[100:200]".</summary>
    public string? TrainSplit { get; init; }

    /// <summary>At most this many samples of each training source.</summary>
    [Bounds(Min = 1)]
    public long? MaxSamples { get; init; }

    /// <summary>The question of rows that have a picture and a caption only.</summary>
    public string Prompt { get; init; } = "Describe this image.";

    /// <summary>Longest sample in tokens, image tokens included; null for no limit.</summary>
    [Bounds(Min = 1)]
    public int? MaxLength { get; init; } = 2048;

    /// <summary>What happens at a row that cannot be used.</summary>
    public RowErrorPolicy OnError { get; init; } = RowErrorPolicy.Stop;

    /// <summary>What happens at a sample that is longer than max_length.</summary>
    public OverflowPolicy OnOverflow { get; init; } = OverflowPolicy.Error;

    /// <summary>Only the assistant's words count in the loss; otherwise every token, those of pictures too.</summary>
    public bool AssistantOnlyLoss { get; init; } = true;

    /// <summary>Which tokens count in the loss, where assistant_only_loss says too little; null for what that says.</summary>
    public LossTokens? LossOn { get; init; }

    /// <summary>
    /// Put several samples together up to max_length tokens; they do not see each other, and a batch then counts packs. Every sample is
    /// measured before the first step.
    /// </summary>
    public bool Packing { get; init; }

    /// <summary>Draw the samples in a new order each epoch (from train.seed).</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>What happens to transparent pixels.</summary>
    public AlphaPolicy Alpha { get; init; } = AlphaPolicy.Reference;

    /// <summary>What happens to a picture's orientation tag.</summary>
    public ExifPolicy Exif { get; init; } = ExifPolicy.Reference;

    /// <summary>Factor of both edges that pictures are made smaller by when they are read, such as 0.5; null for none.</summary>
    [Bounds(Above = 0, Max = 1)]
    public double? ScaleFactor { get; init; }

    /// <summary>Largest width and height (one number for both) that pictures are reduced to when they are read, as Pillow's Image.thumbnail; smaller ones stay.</summary>
    public IReadOnlyList<int>? Thumbnail { get; init; }

    /// <summary>The filter of scale_factor and thumbnail.</summary>
    public ImageFilter Resample { get; init; } = ImageFilter.Bicubic;

    /// <summary>
    /// Longest edge in pixels. It replaces size.longest_edge where the model's processor has one, such as 768 (2 * 384) with tiles, and small
    /// pictures are enlarged to it; other models' pictures are reduced to it before their own processing. Null for the model's setting.
    /// </summary>
    [Bounds(Min = 1)]
    public int? LongestEdge { get; init; }

    /// <summary>Least area of a picture in pixels, for models that resize pictures to a range of areas; null for the model's setting.</summary>
    [Bounds(Min = 1)]
    public int? MinPixels { get; init; }

    /// <summary>Greatest area of a picture in pixels, for models that resize pictures to a range of areas, such as 262144 (512 * 512); null for the model's setting.</summary>
    [Bounds(Min = 1)]
    public int? MaxPixels { get; init; }

    /// <summary>Frames per second that are taken of a video, where its row says nothing; null for the model's setting, which is 2 as a rule.</summary>
    [Bounds(Above = 0)]
    public double? VideoFps { get; init; }

    /// <summary>Number of frames that are taken of every video, instead of video_fps.</summary>
    [Bounds(Min = 1)]
    public int? VideoNframes { get; init; }

    /// <summary>Fewest frames of a video, where it has so many; null for the model's setting, which is 4 as a rule.</summary>
    [Bounds(Min = 1)]
    public int? VideoMinFrames { get; init; }

    /// <summary>Most frames of a video; longer ones are taken with fewer per second. Null for the model's setting, which is 768 as a rule.</summary>
    [Bounds(Min = 1)]
    public int? VideoMaxFrames { get; init; }

    /// <summary>Least area of a video's frame in pixels; null for the model's setting.</summary>
    [Bounds(Min = 1)]
    public int? VideoMinPixels { get; init; }

    /// <summary>Greatest area of a video's frame in pixels, such as 65536 (256 * 256); null for the model's setting.</summary>
    [Bounds(Min = 1)]
    public int? VideoMaxPixels { get; init; }

    /// <summary>Greatest area of all frames of a video together, in pixels of merged frames; null for the model's setting.</summary>
    [Bounds(Min = 1)]
    public long? VideoTotalPixels { get; init; }

    /// <summary>Random changes to training samples.</summary>
    public AugmentSection Augment { get; init; } = new();

    /// <summary>Which tokens count in the loss, whichever key says so.</summary>
    internal LossTokens Loss => LossOn ?? (AssistantOnlyLoss ? LossTokens.AssistantTurns : LossTokens.AllTokens);

    /// <summary>What is asked of videos.</summary>
    internal VideoSettings Video => new()
    {
        Fps = VideoFps,
        NFrames = VideoNframes,
        MinFrames = VideoMinFrames,
        MaxFrames = VideoMaxFrames,
        MinPixels = VideoMinPixels,
        MaxPixels = VideoMaxPixels,
        TotalPixels = VideoTotalPixels,
    };

    /// <summary>How pictures are made smaller when they are read; null where they are not.</summary>
    internal PictureReduction? Reduction => ScaleFactor is null && Thumbnail is null ? null : new PictureReduction
    {
        ScaleFactor = ScaleFactor ?? 1,
        Thumbnail = Thumbnail is { Count: > 0 } limit ? new PixelSize(limit[0], limit[^1]) : null,
        Resample = (ResizeFilter)Resample,
    };
}

/// <summary>Which tokens count in the loss.</summary>
public enum LossTokens
{
    /// <summary>Every turn of the assistant.</summary>
    AssistantTurns,

    /// <summary>The assistant's last turn only.</summary>
    LastTurn,

    /// <summary>Every token, those of pictures too.</summary>
    AllTokens,

    /// <summary>What the training script that was published with the model trains, for models whose script differs.</summary>
    Published,
}

/// <summary>What happens at a row that cannot be used.</summary>
public enum RowErrorPolicy
{
    /// <summary>The run stops with the row's file and line.</summary>
    Stop,

    /// <summary>The row is left out, listed in quarantine.jsonl with the reason, and counted.</summary>
    Skip,
}

/// <summary>What happens at a sample that is too long.</summary>
public enum OverflowPolicy
{
    /// <summary>The run stops with the sample's place and length.</summary>
    Error,

    /// <summary>The sample is left out, listed in quarantine.jsonl, and counted.</summary>
    Drop,

    /// <summary>The sample's pictures are made smaller until it fits, which quarantine.jsonl lists; nothing is cut off.</summary>
    Downscale,
}

/// <summary>How a smaller picture is made of a larger one. The numbers are Pillow's.</summary>
public enum ImageFilter
{
    /// <summary>The nearest pixel.</summary>
    Nearest = ResizeFilter.Nearest,

    /// <summary>Truncated sinc.</summary>
    Lanczos = ResizeFilter.Lanczos,

    /// <summary>Triangle.</summary>
    Bilinear = ResizeFilter.Bilinear,

    /// <summary>Cubic convolution, Pillow's default.</summary>
    Bicubic = ResizeFilter.Bicubic,

    /// <summary>Mean.</summary>
    Box = ResizeFilter.Box,

    /// <summary>Hamming-windowed sinc.</summary>
    Hamming = ResizeFilter.Hamming,
}

/// <summary>What happens to transparent pixels.</summary>
public enum AlphaPolicy
{
    /// <summary>What the model family's reference does.</summary>
    Reference,

    /// <summary>They are blended with white.</summary>
    White,
}

/// <summary>What happens to a picture's orientation tag.</summary>
public enum ExifPolicy
{
    /// <summary>What the model family's reference does.</summary>
    Reference,

    /// <summary>The picture is turned as its tag says.</summary>
    Apply,
}
