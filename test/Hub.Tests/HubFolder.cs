using Lorikeet.Testing;

namespace Lorikeet.Hub.Tests;

/// <summary>A fake hub and an empty cache, with impatient settings so that tests are quick.</summary>
internal sealed class HubFolder : IDisposable
{
    public HubFolder(string name = "org/name", bool isDataset = false)
    {
        Hub = new FakeHub(name, isDataset);
        Root = Directory.CreateTempSubdirectory("lorikeet-hub-").FullName;
        Options = new HubOptions
        {
            CacheDirectory = Path.Combine(Root, "hub"),
            Endpoint = Hub.Endpoint,
            RangeBytes = 16 << 10,
            RecordBytes = 4 << 10,
            RetryDelay = TimeSpan.FromMilliseconds(1),
            StallTimeout = TimeSpan.FromSeconds(5),
            AnswerTimeout = TimeSpan.FromSeconds(5),
            Connections = 4,
        };
        Id = new RepositoryId(name, null, isDataset ? RepositoryKind.Dataset : RepositoryKind.Model);
    }

    public FakeHub Hub { get; }

    public string Root { get; }

    public HubOptions Options { get; set; }

    public RepositoryId Id { get; }

    public List<PullEvent> Events { get; } = [];

    public IEnumerable<string> Notes => Events.OfType<PullNote>().Select(note => note.Text);

    public string Repository => Path.Combine(Options.CacheDirectory, Id.FolderName);

    public string Snapshot => Path.Combine(Repository, "snapshots", Hub.Commit);

    /// <summary>Adds what a small model has: settings and weights of <paramref name="bytes"/> bytes.</summary>
    public FakeFile AddModel(int bytes = 100_000)
    {
        foreach (string name in new[] { "config.json", "tokenizer.json", "preprocessor_config.json", "README.md" })
        {
            Hub.Add(name, $"{{ \"of\": \"{name}\" }}");
        }

        return Hub.AddLarge("model.safetensors", bytes);
    }

    public Task<Snapshot> Pull(PullRequest? request = null, TimeProvider? clock = null) =>
        new HubClient(Options, Events.Add, clock).Pull(request ?? new PullRequest(Id), TestContext.Current.CancellationToken);

    public async Task<HubException> Fails(PullRequest? request = null) => await Assert.ThrowsAsync<HubException>(() => Pull(request));

    public byte[] Pulled(string file) => File.ReadAllBytes(Path.Combine(Snapshot, file));

    /// <summary>Names below the repository's folder that are neither contents with a name nor links nor records.</summary>
    public string[] Leftovers() => !Directory.Exists(Repository) ? []
        : [.. Directory.EnumerateFiles(Repository, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository, f)).Where(f => f.Contains(".incomplete", StringComparison.Ordinal) || f.Contains(".ranges", StringComparison.Ordinal) || f.EndsWith(".tmp", StringComparison.Ordinal))];

    public void Dispose()
    {
        Hub.Dispose();
        Directory.Delete(Root, recursive: true);
    }
}
