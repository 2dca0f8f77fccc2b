using Lorikeet.Imaging.Video;

namespace Lorikeet.Data;

/// <summary>A video of a sample: a file, or pictures that are its frames. Nothing is read before it is asked for.</summary>
public sealed class VideoSource
{
    private readonly IReadOnlyList<ImageSource> _frames;

    private VideoSource(string name, string? filePath, IReadOnlyList<ImageSource> frames, VideoSettings settings) =>
        (Name, FilePath, _frames, Settings) = (name, filePath, frames, settings);

    /// <summary>Where the row refers to the video, for messages: <c>file:line: key 'videos[0]'</c>.</summary>
    public string Name { get; }

    /// <summary>Absolute path of the file or of the folder of frames; null where the row lists the frames.</summary>
    public string? FilePath { get; }

    /// <summary>The frames, where they are pictures; empty for a file.</summary>
    public IReadOnlyList<ImageSource> Frames => _frames;

    /// <summary>What the row asks of the video.</summary>
    public VideoSettings Settings { get; }

    /// <summary>A name for people: the file's, or how many frames are listed.</summary>
    public string Title => FilePath is { } path ? Path.GetFileName(path) : FormattableString.Invariant($"{_frames.Count} frames, {Path.GetFileName(_frames[0].FilePath ?? "embedded")} ...");

    /// <summary>A video in a file.</summary>
    /// <param name="path">Absolute path.</param>
    /// <param name="name">Where the row refers to it.</param>
    /// <param name="settings">What the row asks of it.</param>
    public static VideoSource FromFile(string path, string name, VideoSettings settings) => new(name, path, [], settings);

    /// <summary>A video given as its frames.</summary>
    /// <param name="frames">At least one.</param>
    /// <param name="folder">The folder that they are all the pictures of, or null.</param>
    /// <param name="name">Where the row refers to it.</param>
    /// <param name="settings">What the row asks of it.</param>
    public static VideoSource FromFrames(IReadOnlyList<ImageSource> frames, string? folder, string name, VideoSettings settings)
    {
        ArgumentNullException.ThrowIfNull(frames);
        ArgumentOutOfRangeException.ThrowIfZero(frames.Count);
        return new VideoSource(name, folder, frames, settings);
    }

    /// <summary>A video by its path: a file, or a folder whose pictures are its frames, in the order of their names and the numbers in them.</summary>
    /// <param name="path">The path.</param>
    /// <param name="name">Where the row, or the user, refers to it.</param>
    /// <param name="settings">What is asked of it.</param>
    /// <exception cref="InvalidDataException">The folder holds no pictures.</exception>
    public static VideoSource FromPath(string path, string name, VideoSettings settings)
    {
        if (!Directory.Exists(path))
        {
            return FromFile(Path.GetFullPath(path), name, settings);
        }

        string[] files = [.. Directory.EnumerateFiles(path).Where(ImageSource.IsPictureName).Order(NaturalOrder.Instance)];
        return files.Length > 0
            ? FromFrames([.. files.Select(file => ImageSource.FromFile(Path.GetFullPath(file), name))], Path.GetFullPath(path), name, settings)
            : throw new InvalidDataException($"{name}: the folder {path} holds no pictures; expected the frames of a video (.png, .jpg, ...).");
    }

    /// <summary>The video itself.</summary>
    /// <param name="applyExif">Whether orientation marks of frames that are pictures are obeyed.</param>
    public VideoClip Open(bool applyExif = false) => _frames.Count == 0
        ? new VideoFile(FilePath!, Name, Settings)
        : new FrameClip(
            Name,
            [.. _frames.Select((frame, i) => new PictureFrame(
                FormattableString.Invariant($"{Name}, frame {i} ({frame.FilePath ?? "embedded"})"), () => frame.ReadSize(applyExif), () => applyExif ? frame.Decode().Upright() : frame.Decode()))],
            Settings);

    /// <summary>Names in the order of people: runs of digits count as numbers.</summary>
    private sealed class NaturalOrder : IComparer<string>
    {
        public static readonly NaturalOrder Instance = new();

        public int Compare(string? x, string? y)
        {
            ReadOnlySpan<char> a = x, b = y;
            while (a.Length > 0 && b.Length > 0)
            {
                int digitsA = Digits(a), digitsB = Digits(b), difference;
                if (digitsA > 0 && digitsB > 0)
                {
                    ReadOnlySpan<char> n = a[..digitsA].TrimStart('0'), m = b[..digitsB].TrimStart('0');
                    difference = n.Length != m.Length ? n.Length - m.Length : n.SequenceCompareTo(m);
                    a = a[digitsA..];
                    b = b[digitsB..];
                }
                else
                {
                    difference = a[0] - b[0];
                    a = a[1..];
                    b = b[1..];
                }

                if (difference != 0)
                {
                    return difference;
                }
            }

            return a.Length != b.Length ? a.Length - b.Length : string.CompareOrdinal(x, y);
        }

        private static int Digits(ReadOnlySpan<char> text)
        {
            int end = text.IndexOfAnyExceptInRange('0', '9');
            return end < 0 ? text.Length : end;
        }
    }
}
