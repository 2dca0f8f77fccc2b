namespace Lorikeet.Imaging.Video;

/// <summary>A video, or pictures that stand for one. Nothing is read before it is asked for.</summary>
public abstract class VideoClip
{
    private readonly Lazy<VideoInfo> _info;

    /// <summary>Names a clip.</summary>
    /// <param name="name">What messages call it.</param>
    protected VideoClip(string name)
    {
        Name = name;
        _info = new(ReadInfo, LazyThreadSafetyMode.ExecutionAndPublication);
    }

    /// <summary>What messages call it.</summary>
    public string Name { get; }

    /// <summary>Size, number and rate of the frames; read once.</summary>
    /// <exception cref="InvalidDataException">It is no video, or beyond the caps; the message begins with <see cref="Name"/>.</exception>
    /// <exception cref="DllNotFoundException">The program that reads videos is not installed; the message says how to install it.</exception>
    public VideoInfo Info => _info.Value;

    /// <summary>Decodes frames one at a time; each is as large as <see cref="Info"/> says.</summary>
    /// <param name="indices">Numbers of frames from 0, in increasing order, each once.</param>
    /// <exception cref="InvalidDataException">A frame cannot be decoded; the message begins with <see cref="Name"/>.</exception>
    public abstract IEnumerable<Image> Read(IReadOnlyList<int> indices);

    /// <summary>Reads what <see cref="Info"/> gives.</summary>
    protected abstract VideoInfo ReadInfo();
}
