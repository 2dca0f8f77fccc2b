namespace Lorikeet.Hub;

/// <summary>Where the hub is, where its files are kept, and how patiently they are fetched.</summary>
public sealed record HubOptions
{
    /// <summary>The public hub.</summary>
    public static readonly Uri PublicHub = new("https://huggingface.co");

    /// <summary>The hub's address (<c>HF_ENDPOINT</c>); http or https, a path before the API is kept.</summary>
    public Uri Endpoint { get; init; } = PublicHub;

    /// <summary>The cache (<c>HF_HUB_CACHE</c>, by default <c>$HF_HOME/hub</c>).</summary>
    public required string CacheDirectory { get; init; }

    /// <summary>The access token, or null. It is sent to the endpoint's own host alone.</summary>
    public string? Token { get; init; }

    /// <summary>No request ever leaves the machine (<c>HF_HUB_OFFLINE</c>).</summary>
    public bool IsOffline { get; init; }

    /// <summary>What the program calls itself in requests.</summary>
    public string UserAgent { get; init; } = "lorikeet";

    /// <summary>Requests under way at a time.</summary>
    public int Connections { get; init; } = 8;

    /// <summary>Bytes asked for with one request; larger files are fetched in ranges, several at a time.</summary>
    public long RangeBytes { get; init; } = 32L << 20;

    /// <summary>A range's progress is recorded after this many bytes, or a second, so that a kill costs no more than that.</summary>
    public long RecordBytes { get; init; } = 1L << 20;

    /// <summary>How long the server may take to answer (<c>HF_HUB_ETAG_TIMEOUT</c>).</summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a download may stand still (<c>HF_HUB_DOWNLOAD_TIMEOUT</c>).</summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a request is tried again without any progress in between.</summary>
    public int Retries { get; init; } = 5;

    /// <summary>The first pause before trying again; it doubles each time.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest pause, also where the server asks for a longer one.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Files that a repository may have.</summary>
    public int MaxFiles { get; init; } = 100_000;

    /// <summary>Bytes that a file may have.</summary>
    public long MaxFileBytes { get; init; } = 1L << 40;

    /// <summary>Bytes of a JSON answer.</summary>
    public int MaxAnswerBytes { get; init; } = 64 << 20;

    /// <summary>Tells the free bytes of the disk that holds a directory.</summary>
    public Func<string, long> FreeSpace { get; init; } = static directory => new DriveInfo(directory).AvailableFreeSpace;
}
