using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lorikeet.Data;
using Lorikeet.Imaging;
using Lorikeet.Imaging.Video;
using Lorikeet.Models;
using Lorikeet.Training.Batching;

namespace Lorikeet.Training.Checks;

/// <summary>
/// Turns a row into a verdict: the sample as training would take it, and everything that is wrong with it. What it says depends on the row
/// alone. Safe from several threads.
/// </summary>
/// <param name="dataset">The rows.</param>
/// <param name="processor">The model's processor.</param>
/// <param name="loader">The loader that training takes them from.</param>
public sealed class SampleCheck(Dataset dataset, Processor processor, SampleLoader loader)
{
    // EXIF orientations from here on exchange width and height.
    private const int FirstSideways = 5;

    private readonly string[] _specialTokens = [.. processor.Tokenizer.SpecialTokens];
    private readonly SearchValues<string> _anySpecialToken = SearchValues.Create([.. processor.Tokenizer.SpecialTokens], StringComparison.Ordinal);

    /// <summary>Pictures with a side below this many pixels are warned about.</summary>
    public int MinSide { get; init; } = 8;

    /// <summary>Pictures whose longer side is more than so many times the shorter one are warned about.</summary>
    public double MaxAspectRatio { get; init; } = 50;

    /// <summary>Whether the pictures' bytes are hashed, to recognise what is there twice.</summary>
    public bool HashesPictures { get; init; }

    /// <summary>Caps of pictures.</summary>
    public DecodeLimits Limits { get; init; } = DecodeLimits.Default;

    /// <summary>Reads a row and judges it.</summary>
    /// <param name="index">0-based number in the data.</param>
    /// <param name="reading">How far pictures are read.</param>
    /// <exception cref="InvalidDataException">The whole file is unusable: it changed while in use.</exception>
    public SampleVerdict Judge(long index, PictureReading reading)
    {
        string origin = dataset.Describe(index);
        Sample sample;
        try
        {
            sample = dataset.Read(index);
        }
        catch (InvalidDataException e) when (RowFaults.Of(e) != RowFault.File)
        {
            return new SampleVerdict { Origin = origin, Findings = [Finding.Of(KindOf(RowFaults.Of(e)), origin, e.Message)] };
        }

        var findings = new List<Finding>();
        AddSpecialTokens(sample, findings);
        var verdict = new SampleVerdict { Origin = origin, Sample = sample, Findings = findings };
        List<PictureFacts> pictures = Pictures(sample, reading, findings);
        List<VideoFacts> videos = Videos(sample, reading, findings);
        if (pictures.Count < sample.Images.Count || videos.Count < sample.Videos.Count)
        {
            return verdict;
        }

        var media = new MediaSizes([.. pictures.Select(p => p.Seen)], [.. videos.Select(v => v.Clip.Info)]);
        (LoadedSample loaded, Finding? error) = loader.Fit(index, sample, media, options => reading == PictureReading.Encode
            ? processor.Encode(new Conversation(sample.Messages, [.. pictures.Select(p => p.Decoded!)]) { Videos = [.. videos.Select(v => v.Clip)] }, options)
            : processor.Measure(sample.Messages, media, options));
        if ((error ?? Handled(loaded.Remark)) is { } finding)
        {
            findings.Add(finding);
        }

        return verdict with { Pictures = pictures, Videos = videos, Encoded = loaded.Sample };
    }

    /// <summary>What the loader says about a row that it handles instead of refusing.</summary>
    private static Finding? Handled(RowRemark? remark) => remark is null ? null : new Finding(
        FindingKind.TooLongHandled, remark.Origin, remark.Action == RowAction.Dropped ? $"{remark.Reason}: it is left out (data.on_overflow: drop)" : $"{remark.Reason} (data.on_overflow: downscale)");

    /// <summary>The pictures that can be read; findings tell of the others, all of them.</summary>
    private List<PictureFacts> Pictures(Sample sample, PictureReading reading, List<Finding> findings)
    {
        var pictures = new List<PictureFacts>();
        foreach (ImageSource source in sample.Images)
        {
            try
            {
                PictureFacts facts = ReadPicture(source, reading);
                pictures.Add(facts);
                AddOddities(source, facts, sample.Origin, findings);
            }
            catch (InvalidDataException e)
            {
                bool isGone = source.FilePath is { } path && !File.Exists(path);
                findings.Add(Finding.Of(isGone ? FindingKind.MissingImage : FindingKind.BadImage, sample.Origin, e.Message));
            }
        }

        return pictures;
    }

    /// <summary>The videos that can be read; findings tell of the others, all of them.</summary>
    private List<VideoFacts> Videos(Sample sample, PictureReading reading, List<Finding> findings)
    {
        var videos = new List<VideoFacts>();
        foreach (VideoSource source in sample.Videos)
        {
            try
            {
                VideoClip clip = source.Open(loader.Options.Encode.Images.ApplyExif);
                if (reading == PictureReading.Decode)
                {
                    // Frames are decoded one behind the other: the last one shows whether all of them can be.
                    _ = clip.Read([clip.Info.Frames - 1]).Count();
                }

                _ = clip.Info;
                videos.Add(new VideoFacts(clip, HashesPictures ? ContentOf(source) : 0));
            }
            catch (InvalidDataException e)
            {
                bool isGone = source.FilePath is { } path && !Path.Exists(path);
                findings.Add(Finding.Of(isGone ? FindingKind.MissingImage : FindingKind.BadImage, sample.Origin, e.Message));
            }
        }

        return videos;
    }

    private UInt128 ContentOf(VideoSource source)
    {
        // The same file with other wishes is another video.
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(source.Settings.ToString()));
        if (source.Frames.Count == 0)
        {
            using FileStream file = File.OpenRead(source.FilePath!);
            hash.AppendData(SHA256.HashData(file));
        }

        foreach (ImageSource frame in source.Frames)
        {
            hash.AppendData(SHA256.HashData(frame.ReadBytes(Limits)));
        }

        return BinaryPrimitives.ReadUInt128LittleEndian(hash.GetHashAndReset());
    }

    private PictureFacts ReadPicture(ImageSource source, PictureReading reading)
    {
        byte[] bytes = source.ReadBytes(Limits);
        UInt128 content = HashesPictures ? BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(bytes)) : 0;
        string name = source.FilePath ?? "the embedded picture";
        bool upright = loader.Options.Encode.Images.ApplyExif;
        try
        {
            if (reading == PictureReading.Header)
            {
                PixelSize size = ImageDecoder.ReadSize(bytes, name, false, Limits);
                return new PictureFacts(size, upright ? ImageDecoder.ReadSize(bytes, name, true, Limits) : size, content, false, null);
            }

            Image image = ImageDecoder.Decode(bytes, name, Limits);
            bool turns = upright && image.Orientation >= FirstSideways;
            var stored = new PixelSize(image.Width, image.Height);
            return new PictureFacts(stored, turns ? new PixelSize(stored.Height, stored.Width) : stored, content, IsBlank(image), reading == PictureReading.Encode ? image : null);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{source.Name}: {e.Message}", e);
        }
    }

    private void AddOddities(ImageSource source, PictureFacts facts, string origin, List<Finding> findings)
    {
        PixelSize size = facts.Stored;
        int shorter = Math.Min(size.Width, size.Height), longer = Math.Max(size.Width, size.Height);
        string what = string.Create(CultureInfo.InvariantCulture, $"{source.Name}: {source.FilePath ?? "the embedded picture"} is {size.Width} x {size.Height} pixels");
        if (shorter < MinSide)
        {
            findings.Add(Finding.Of(FindingKind.TinyImage, origin, string.Create(CultureInfo.InvariantCulture, $"{what}; a side below {MinSide} is seldom meant. Look at it.")));
        }

        if (longer > MaxAspectRatio * shorter)
        {
            findings.Add(Finding.Of(FindingKind.ExtremeAspectRatio, origin, string.Create(CultureInfo.InvariantCulture, $"{what}, more than {MaxAspectRatio} : 1; little is left of it after resizing. Crop or remove it.")));
        }

        if (facts.IsBlank && shorter >= MinSide)
        {
            findings.Add(Finding.Of(FindingKind.BlankImage, origin, $"{what}, all of one colour: nothing can be seen on it. Look at it."));
        }
    }

    private static bool IsBlank(Image image) =>
        image.Pixels.AsSpan(image.BytesPerPixel).SequenceEqual(image.Pixels.AsSpan(0, image.Pixels.Length - image.BytesPerPixel));

    private void AddSpecialTokens(Sample sample, List<Finding> findings)
    {
        for (int i = 0; i < sample.Messages.Count; i++)
        {
            string text = sample.Messages[i].AllText;
            int at = text.AsSpan().IndexOfAny(_anySpecialToken);
            if (at >= 0)
            {
                string token = _specialTokens.Where(t => text.AsSpan(at).StartsWith(t, StringComparison.Ordinal)).MaxBy(t => t.Length)!;
                findings.Add(new Finding(FindingKind.SpecialTokenText, sample.Origin, string.Create(
                    CultureInfo.InvariantCulture,
                    $"message {i + 1} ({sample.Messages[i].Role}) holds the text '{token}', which the tokenizer takes for a special token: it can end a turn or open another. Remove it, unless it is meant.")));
            }
        }
    }

    private static FindingKind KindOf(RowFault fault) => fault switch
    {
        RowFault.Unreadable => FindingKind.UnreadableRow,
        RowFault.Roles => FindingKind.Roles,
        RowFault.EmptyAnswer => FindingKind.EmptyAnswer,
        RowFault.EmptyMessage => FindingKind.EmptyMessage,
        RowFault.ImagePlaces => FindingKind.ImagePlaces,
        RowFault.MissingImage => FindingKind.MissingImage,
        RowFault.ImageReference => FindingKind.BadImage,
        _ => FindingKind.RowFormat,
    };
}
