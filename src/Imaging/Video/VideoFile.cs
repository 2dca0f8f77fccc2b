using System.Globalization;
using System.Text;

namespace Lorikeet.Imaging.Video;

/// <summary>
/// A video file, read by the programs ffprobe and ffmpeg. They are started directly, never by a shell, may open this one file as one of
/// the usual containers (no playlists, no network), and are ended where they take too long. Frames come out upright, as RGB.
/// </summary>
/// <param name="path">Path of the file.</param>
/// <param name="name">What messages call it.</param>
/// <param name="settings">What the row asks of it.</param>
/// <param name="limits">Caps, or null for the usual ones.</param>
public sealed class VideoFile(string path, string name, VideoSettings settings, VideoLimits? limits = null) : VideoClip(name)
{
    private const string Containers =
        "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,flv,asf,ogg,gif,apng,h264,hevc,m4v,ivf,dv,mxf,nut,wtv,rm,mjpeg,yuv4mpegpipe,av1,obu";

    private readonly VideoLimits _limits = limits ?? VideoLimits.Default;
    private readonly string _path = Path.GetFullPath(path);

    /// <inheritdoc/>
    public override IEnumerable<Image> Read(IReadOnlyList<int> indices)
    {
        ArgumentNullException.ThrowIfNull(indices);
        if (indices.Count == 0)
        {
            yield break;
        }

        (int width, int height) = Info.Size;
        string[] arguments =
        [
            "-nostdin", "-v", "error",

            // A stream may change its size on the way: the filters must go on counting then.
            "-reinit_filter", "0", .. Opening(), "-map", "0:V:0",

            // Frames are given new times, so that none is doubled or dropped.
            "-vf", $"select='{AnyOf(indices, 0, indices.Count)}',settb=1/25,setpts=N,scale={width}:{height}", "-r", "25",
            "-frames:v", indices.Count.ToString(CultureInfo.InvariantCulture), "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1",
        ];
        using MediaProgram ffmpeg = MediaProgram.Start("ffmpeg", arguments, Name, _limits.MaxTime);
        for (int i = 0; i < indices.Count; i++)
        {
            byte[] pixels = new byte[3 * width * height];
            if (ffmpeg.Output.ReadAtLeast(pixels, pixels.Length, throwOnEndOfStream: false) < pixels.Length)
            {
                ffmpeg.RequireSuccess();
                throw new InvalidDataException($"{Name}: {_path} ends before frame {indices[i]}, though its index counts {Info.Frames} frames; it is damaged or cut. Encode it again.");
            }

            yield return new Image(width, height, PixelMode.RGB, pixels);
        }

        ffmpeg.RequireSuccess();
    }

    /// <inheritdoc/>
    protected override VideoInfo ReadInfo()
    {
        var file = new FileInfo(_path);
        if (!file.Exists || file.Length == 0 || file.Length > _limits.MaxBytes)
        {
            throw new InvalidDataException(
                !file.Exists ? $"{Name}: {_path} does not exist." : $"{Name}: {_path} has {file.Length} bytes; expected a video of at most {_limits.MaxBytes} bytes.");
        }

        string[] arguments =
        [
            "-v", "error", .. Opening(), "-select_streams", "V:0", "-of", "compact",
            "-show_entries", "stream=width,height,avg_frame_rate,r_frame_rate:stream_side_data=rotation:packet=flags",
        ];
        using MediaProgram ffprobe = MediaProgram.Start("ffprobe", arguments, Name, _limits.MaxTime);
        var found = new ProbeResult();
        using (var lines = new StreamReader(ffprobe.Output, Encoding.UTF8))
        {
            while (lines.ReadLine() is { } line)
            {
                found.Add(line);
                if (found.Frames > _limits.MaxFrames)
                {
                    throw new InvalidDataException($"{Name}: {_path} has more than {_limits.MaxFrames} frames. Cut it.");
                }
            }
        }

        ffprobe.RequireSuccess();
        if (found.Fps is not { } fps || found.Frames == 0)
        {
            throw new InvalidDataException($"{Name}: {_path} has no video that can be read (frames: {found.Frames}).");
        }

        _limits.Frame.RequireSize($"{Name}: {_path}", found.Width, found.Height);
        return new VideoInfo(new PixelSize(found.Width, found.Height), found.Frames, fps) { Settings = settings };
    }

    private string[] Opening() => ["-protocol_whitelist", "file,pipe", "-format_whitelist", Containers, "-i", "file:" + _path];

    /// <summary>Whether a frame's number is one of some, as ffmpeg's expressions say it: a balanced tree, because their depth is limited.</summary>
    private static string AnyOf(IReadOnlyList<int> indices, int first, int end)
    {
        if (end - first == 1)
        {
            return string.Create(CultureInfo.InvariantCulture, $"eq(n,{indices[first]})");
        }

        int middle = first + ((end - first) / 2);
        return $"({AnyOf(indices, first, middle)}+{AnyOf(indices, middle, end)})";
    }

    /// <summary>The lines of ffprobe, <c>section|key=value|...</c>.</summary>
    private sealed class ProbeResult
    {
        private bool _isSideways;
        private int _width, _height;

        public int Width => _isSideways ? _height : _width;

        public int Height => _isSideways ? _width : _height;

        public int Frames { get; private set; }

        public double? Fps { get; private set; }

        public void Add(string line)
        {
            string[] fields = line.Split('|');
            if (fields[0] == "packet")
            {
                // Packets marked D come before the cut where playing begins: decoded, and not shown.
                Frames += fields.Any(f => f.StartsWith("flags=", StringComparison.Ordinal) && f.Contains('D', StringComparison.Ordinal)) ? 0 : 1;
                return;
            }

            string Value(string key) => fields.FirstOrDefault(f => f.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..] ?? "";
            if (fields[0] == "stream")
            {
                _ = int.TryParse(Value("width"), CultureInfo.InvariantCulture, out _width);
                _ = int.TryParse(Value("height"), CultureInfo.InvariantCulture, out _height);
                Fps = Rate(Value("avg_frame_rate")) ?? Rate(Value("r_frame_rate"));
                _isSideways = double.TryParse(Value("rotation"), CultureInfo.InvariantCulture, out double angle) && Math.Abs(Math.Round(angle / 90) % 2) == 1;
            }
        }

        private static double? Rate(string fraction)
        {
            string[] parts = fraction.Split('/');
            return parts.Length == 2 && double.TryParse(parts[0], CultureInfo.InvariantCulture, out double over)
                && double.TryParse(parts[1], CultureInfo.InvariantCulture, out double under) && over > 0 && under > 0 ? over / under : null;
        }
    }
}
