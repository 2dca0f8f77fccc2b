using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>What the processor files of an Idefics3 or SmolVLM directory say. Defaults are the reference classes'.</summary>
public sealed record SmolVlmProcessorSettings
{
    /// <summary>Keys that change nothing here: names of classes, settings of video, and switches of other frameworks.</summary>
    private static readonly HashSet<string> Immaterial = new(StringComparer.Ordinal)
    {
        "image_processor_type", "feature_extractor_type", "processor_class", "auto_map", "video_sampling", "video_processor", "return_tensors",
        "return_row_col_info", "data_format", "input_data_format", "device", "disable_grouping", "default_to_square", "do_pad", "pad_size",
        "crop_size", "size_divisor", "do_center_crop", "do_sample_frames", "fps", "num_frames", "return_metadata", "video_metadata",
        "image_seq_length", "image_seq_len", "padding", "return_mm_token_type_ids", "is_split_into_words", "add_special_tokens",
    };

    private static readonly string[] ImageProcessors = ["Idefics3ImageProcessor", "SmolVLMImageProcessor"];

    /// <summary>Whether other modes become RGB (<c>do_convert_rgb</c>).</summary>
    public bool DoConvertRgb { get; init; } = true;

    /// <summary>Whether the first resize, to <see cref="LongestEdge"/>, takes place (<c>do_resize</c>).</summary>
    public bool DoResize { get; init; } = true;

    /// <summary>Whether pictures are cut into tiles (<c>do_image_splitting</c>); otherwise each becomes one tile, squeezed to a square.</summary>
    public bool DoImageSplitting { get; init; } = true;

    /// <summary>Longest edge after the first resize, in pixels (<c>size.longest_edge</c>).</summary>
    public int LongestEdge { get; init; } = 4 * 364;

    /// <summary>Size after the first resize, in pixels, if it is given by both edges (<c>size.width</c>, <c>size.height</c>) instead.</summary>
    public (int Width, int Height)? FixedSize { get; init; }

    /// <summary>Edge of a tile in pixels (<c>max_image_size.longest_edge</c>).</summary>
    public int TileSize { get; init; } = 364;

    /// <summary>The filter of all resizes (<c>resample</c>).</summary>
    public ResizeFilter Resample { get; init; } = ResizeFilter.Lanczos;

    /// <summary>Rescaling, means and standard deviations.</summary>
    public NormalizationSettings Normalization { get; init; } = new();

    /// <summary>Image tokens per tile (<c>image_seq_len</c>).</summary>
    public int ImageSeqLen { get; init; } = 169;

    /// <summary>The token that stands for a picture, and for each feature row of it.</summary>
    public string ImageToken { get; init; } = "<image>";

    /// <summary>The token before each tile and after the last one.</summary>
    public string FakeImageToken { get; init; } = "<fake_token_around_image>";

    /// <summary>The token before the features of the whole picture.</summary>
    public string GlobalImageToken { get; init; } = "<global-img>";

    /// <summary>Keys of the files that are not known and were left aside; worth a line to the user.</summary>
    public IReadOnlyList<string> IgnoredKeys { get; init; } = [];

    /// <summary>Reads a directory's settings and compares them with the model's sizes.</summary>
    /// <param name="directory">A directory of model type idefics3 or smolvlm.</param>
    /// <exception cref="InvalidDataException">A file is missing, or a setting is unusable or contradicts config.json.</exception>
    public static SmolVlmProcessorSettings From(ModelDirectory directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        var settings = new SmolVlmProcessorSettings().With(directory.ImageProcessorConfig) with
        {
            ImageSeqLen = directory.ProcessorConfig?.TryInt("image_seq_len") ?? 169,
            ImageToken = Token("image_token", "<image>"),
            FakeImageToken = Token("fake_image_token", "<fake_token_around_image>"),
            GlobalImageToken = Token("global_image_token", "<global-img>"),
        };
        settings.RequireAgreement(directory);
        return settings;

        string Token(string role, string otherwise) => directory.SpecialTokens.GetValueOrDefault(role, otherwise);
    }

    /// <summary>These settings with those replaced that a section holds: a preprocessor_config.json, or keyword arguments of a processor call.</summary>
    /// <param name="section">Keys as transformers names them.</param>
    /// <exception cref="InvalidDataException">A value is unusable, or a key asks for something this family's processor does not do.</exception>
    public SmolVlmProcessorSettings With(ConfigSection section)
    {
        ArgumentNullException.ThrowIfNull(section);
        Refuse(section);
        var size = section.TrySection("size");
        int? longest = size?.TryInt("longest_edge");
        (int, int)? both = size is not null && longest is null ? (size.Int("width"), size.Int("height")) : null;
        int resample = section.Int("resample", (int)Resample);
        var result = this with
        {
            DoConvertRgb = section.Bool("do_convert_rgb", DoConvertRgb),
            DoResize = section.Bool("do_resize", DoResize),
            DoImageSplitting = section.Bool("do_image_splitting", DoImageSplitting),
            LongestEdge = longest ?? LongestEdge,
            FixedSize = size is null ? FixedSize : both,
            TileSize = section.TrySection("max_image_size")?.Int("longest_edge") ?? TileSize,
            Resample = Enum.IsDefined((ResizeFilter)resample) ? (ResizeFilter)resample : throw section.Wrong("resample", "a number from 0 to 5"),
            Normalization = new NormalizationSettings
            {
                DoRescale = section.Bool("do_rescale", Normalization.DoRescale),
                RescaleFactor = section.Double("rescale_factor", Normalization.RescaleFactor),
                DoNormalize = section.Bool("do_normalize", Normalization.DoNormalize),
                Mean = section.TryDoubles("image_mean") ?? Normalization.Mean,
                Std = section.TryDoubles("image_std") ?? Normalization.Std,
            },
            IgnoredKeys = [.. IgnoredKeys, .. Unknown(section)],
        };
        RequirePositive(result.TileSize, section, "max_image_size");
        RequirePositive(Math.Min(result.LongestEdge, both is { } edges ? Math.Min(edges.Item1, edges.Item2) : int.MaxValue), section, "size");
        return result;
    }

    private static void RequirePositive(int pixels, ConfigSection section, string key)
    {
        const int Most = 1 << 14;
        if (pixels is < 1 or > Most)
        {
            throw section.Wrong(key, $"edges of 1 to {Most} pixels");
        }
    }

    private static void Refuse(ConfigSection section)
    {
        string? type = section.TryString("image_processor_type") ?? section.TryString("feature_extractor_type");
        if (type is not null && !ImageProcessors.Any(known => type.StartsWith(known, StringComparison.Ordinal)))
        {
            throw section.Wrong("image_processor_type", string.Join(" or ", ImageProcessors));
        }
        if (section.Bool("do_center_crop", false))
        {
            throw section.Wrong("do_center_crop", "false: this family's pictures are cut into tiles, never cropped");
        }
    }

    private static IEnumerable<string> Unknown(ConfigSection section)
    {
        string[] used =
        [
            "do_convert_rgb", "do_resize", "do_image_splitting", "size", "max_image_size", "resample", "do_rescale", "rescale_factor",
            "do_normalize", "image_mean", "image_std",
        ];
        return section.Json.EnumerateObject().Select(p => p.Name).Where(name => !Immaterial.Contains(name) && !used.Contains(name));
    }

    private void RequireAgreement(ModelDirectory directory)
    {
        var config = directory.Config;
        int? patch = config.TrySection("vision_config")?.TryInt("patch_size");
        int? scale = config.TryInt("scale_factor");
        if (patch is not > 0 || scale is not > 0)
        {
            return;
        }
        int side = TileSize / patch.Value;
        int rows = side * side / (scale.Value * scale.Value);
        if (rows != ImageSeqLen)
        {
            throw new InvalidDataException(
                $"{directory.Path}: image_seq_len is {ImageSeqLen} (processor_config.json), but tiles of {TileSize} pixels (max_image_size) in patches " +
                $"of {patch} with scale_factor {scale} (config.json) give {rows} feature rows; one of the files belongs to another model.");
        }
    }
}

/// <summary>Deviations from what the reference does to pictures; the run file's data section.</summary>
public sealed record SmolVlmImageOptions
{
    /// <summary>Transparency: dropped as in the reference, or blended on white.</summary>
    public AlphaHandling Alpha { get; init; }

    /// <summary>Replaces the configured longest edge, in pixels; fewer pixels make fewer tiles.</summary>
    public int? LongestEdge { get; init; }
}
