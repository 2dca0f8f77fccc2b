using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Lorikeet.Testing;

/// <summary>
/// A hub on this machine: the part of its HTTP interface that pulling needs, with large files redirected to a store at a second port,
/// as the real one does. A test may look at every request and change any answer.
/// </summary>
public sealed class FakeHub : IDisposable
{
    private readonly MiniHttpServer _hub;
    private readonly MiniHttpServer _store;
    private readonly ConcurrentQueue<FakeRequest> _requests = new();

    /// <summary>Starts it with one repository.</summary>
    public FakeHub(string name = "org/name", bool isDataset = false)
    {
        (Name, IsDataset) = (name, isDataset);
        _hub = new MiniHttpServer(request => Answer(request, isStore: false));
        _store = new MiniHttpServer(request => Answer(request, isStore: true));
    }

    /// <summary>The hub's address.</summary>
    public Uri Endpoint => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_hub.Port}"));

    /// <summary>The store's address.</summary>
    public Uri Store => new(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{_store.Port}"));

    /// <summary>The repository.</summary>
    public string Name { get; }

    /// <summary>Whether it is a data set.</summary>
    public bool IsDataset { get; }

    /// <summary>The commit that main stands for.</summary>
    public string Commit { get; set; } = "0123456789abcdef0123456789abcdef01234567";

    /// <summary>The token that is asked for; null if everybody may read.</summary>
    public string? Token { get; set; }

    /// <summary>Whether the list of files has their sizes and hashes.</summary>
    public bool DescribesFiles { get; set; } = true;

    /// <summary>Whether the list of files comes with the revision; otherwise it has pages of its own.</summary>
    public bool ListsSiblings { get; set; } = true;

    /// <summary>Whether ranges are honoured.</summary>
    public bool HonoursRanges { get; set; } = true;

    /// <summary>The files by path.</summary>
    public ConcurrentDictionary<string, FakeFile> Files { get; } = new(StringComparer.Ordinal);

    /// <summary>Looks at a request and may return an answer of its own, or change the usual one that it is given.</summary>
    public Func<FakeRequest, FakeAnswer, FakeAnswer?> Interfere { get; set; } = static (_, _) => null;

    /// <summary>All requests so far.</summary>
    public IReadOnlyList<FakeRequest> Requests => [.. _requests];

    /// <summary>Requests for a file's content, at the hub or the store.</summary>
    public IEnumerable<FakeRequest> Downloads(string path) => Requests.Where(r => r.Method == "GET" && r.File == path);

    /// <summary>Forgets the requests so far.</summary>
    public void ForgetRequests() => _requests.Clear();

    /// <summary>Adds a file; large ones are in the store and named by SHA-256.</summary>
    public FakeFile Add(string path, byte[] content, bool isLarge = false) => Files[path] = new FakeFile(content, isLarge);

    /// <summary>Adds a small text file.</summary>
    public FakeFile Add(string path, string content) => Add(path, Encoding.UTF8.GetBytes(content));

    /// <summary>Adds a large file of bytes that depend on the place.</summary>
    public FakeFile AddLarge(string path, int size, int seed = 1)
    {
        byte[] content = new byte[size];
        uint state = (uint)seed * 2654435761u;
        for (int i = 0; i < size; i++)
        {
            state = (state * 1664525) + 1013904223;
            content[i] = (byte)(state >> 24);
        }

        return Add(path, content, isLarge: true);
    }

    /// <summary>Adds all files of a directory; those of 100 kB and more are large.</summary>
    public void AddDirectory(string directory)
    {
        foreach (string file in Directory.EnumerateFiles(directory))
        {
            byte[] content = File.ReadAllBytes(file);
            Add(Path.GetFileName(file), content, content.Length >= 100_000);
        }
    }

    /// <summary>Stops.</summary>
    public void Dispose()
    {
        _hub.Dispose();
        _store.Dispose();
    }

    private FakeAnswer Answer(FakeRequest request, bool isStore)
    {
        string prefix = (IsDataset ? "/datasets/" : "/") + Name + "/resolve/" + Commit + "/";
        string path = Uri.UnescapeDataString(request.Path);
        request = request with
        {
            IsStore = isStore,
            File = isStore ? path[1..] : path.StartsWith(prefix, StringComparison.Ordinal) ? path[prefix.Length..] : null,
        };
        _requests.Enqueue(request);
        FakeAnswer usual = Usual(request);
        return Interfere(request, usual) ?? usual;
    }

    private FakeAnswer Usual(FakeRequest request)
    {
        if (request.IsStore)
        {
            return Files.TryGetValue(request.File!, out FakeFile? stored) ? Content(stored, request) : FakeAnswer.Error(404);
        }

        if (Token is not null && request.Authorization != "Bearer " + Token)
        {
            return FakeAnswer.Error(401, "GatedRepo", "Access to this repository is restricted.");
        }

        string api = (IsDataset ? "/api/datasets/" : "/api/models/") + Name;
        if (request.Path.StartsWith(api + "/revision/", StringComparison.Ordinal))
        {
            string revision = Uri.UnescapeDataString(request.Path[(api.Length + "/revision/".Length)..]);
            return revision == "main" || revision == Commit ? FakeAnswer.Json(Listing()) : FakeAnswer.Error(404, "RevisionNotFound", "Invalid rev id");
        }

        if (request.Path == api + "/tree/" + Commit)
        {
            return TreePage(request);
        }

        if (request.Path == api + "/refs")
        {
            return FakeAnswer.Json(new JsonObject { ["branches"] = new JsonArray(new JsonObject { ["name"] = "main" }, new JsonObject { ["name"] = "fp16" }), ["tags"] = new JsonArray() });
        }

        if (request.File is null)
        {
            return FakeAnswer.Error(404, "RepoNotFound", "Repository not found");
        }

        if (!Files.TryGetValue(request.File, out FakeFile? file))
        {
            return FakeAnswer.Error(404, "EntryNotFound", "Entry not found");
        }

        FakeAnswer answer = file.IsLarge ? new FakeAnswer { Status = 302 } : Content(file, request);
        answer.Headers["X-Repo-Commit"] = Commit;
        if (file.IsLarge)
        {
            answer.Headers["Location"] = new Uri(Store, string.Join('/', request.File.Split('/').Select(Uri.EscapeDataString))).AbsoluteUri;
            answer.Headers["X-Linked-Etag"] = $"\"{file.Name}\"";
            answer.Headers["X-Linked-Size"] = file.Content.Length.ToString(CultureInfo.InvariantCulture);
        }

        return answer;
    }

    private FakeAnswer Content(FakeFile file, FakeRequest request)
    {
        var answer = new FakeAnswer { Status = 200, Body = file.Content };
        answer.Headers["ETag"] = $"\"{file.Name}\"";
        if (HonoursRanges && request.Range is { } range)
        {
            long end = Math.Min(range.End, file.Content.Length - 1);
            answer.Status = 206;
            answer.Body = file.Content[(int)range.Start..(int)(end + 1)];
            answer.Headers["Content-Range"] = string.Create(CultureInfo.InvariantCulture, $"bytes {range.Start}-{end}/{file.Content.Length}");
        }

        return answer;
    }

    private JsonObject Listing()
    {
        var listing = new JsonObject { ["id"] = Name, ["sha"] = Commit };
        if (ListsSiblings)
        {
            listing["siblings"] = new JsonArray([.. Files.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => Sibling(f.Key, f.Value))]);
        }

        return listing;
    }

    private JsonObject Sibling(string path, FakeFile file)
    {
        var entry = new JsonObject { ["rfilename"] = path };
        if (DescribesFiles)
        {
            (entry["blobId"], entry["size"]) = (file.BlobId, file.ListedSize);
            if (file.IsLarge)
            {
                entry["lfs"] = new JsonObject { ["sha256"] = file.Name, ["size"] = file.ListedSize, ["pointerSize"] = 134 };
            }
        }

        return entry;
    }

    // Two files a page.
    private FakeAnswer TreePage(FakeRequest request)
    {
        int from = request.Query.Contains("cursor=", StringComparison.Ordinal) ? int.Parse(request.Query.Split("cursor=")[1], CultureInfo.InvariantCulture) : 0;
        var page = new JsonArray([.. Files.OrderBy(f => f.Key, StringComparer.Ordinal).Skip(from).Take(2).Select(f =>
        {
            var entry = new JsonObject { ["type"] = "file", ["path"] = f.Key, ["oid"] = f.Value.BlobId, ["size"] = f.Value.ListedSize };
            if (f.Value.IsLarge)
            {
                entry["lfs"] = new JsonObject { ["oid"] = f.Value.Name, ["size"] = f.Value.ListedSize, ["pointerSize"] = 134 };
            }

            return entry;
        })]);
        FakeAnswer answer = FakeAnswer.Json(page);
        if (from + 2 < Files.Count)
        {
            answer.Headers["Link"] = string.Create(CultureInfo.InvariantCulture, $"<{Endpoint.AbsoluteUri.TrimEnd('/')}{request.Path}?recursive=true&cursor={from + 2}>; rel=\"next\"");
        }

        return answer;
    }
}

/// <summary>A file of the fake hub.</summary>
public sealed class FakeFile(byte[] content, bool isLarge)
{
    /// <summary>Its bytes.</summary>
    public byte[] Content { get; set; } = content;

    /// <summary>Whether it is kept in the store.</summary>
    public bool IsLarge { get; } = isLarge;

    /// <summary>The size that lists of files tell.</summary>
    public long ListedSize { get; set; } = content.Length;

    /// <summary>Git's hash of the content, or of a large file's pointer.</summary>
    public string BlobId { get; set; } = GitHash(content);

    /// <summary>SHA-256 of the content.</summary>
    public string Sha256 { get; set; } = Convert.ToHexStringLower(SHA256.HashData(content));

    /// <summary>The name of the content in a cache.</summary>
    public string Name => IsLarge ? Sha256 : BlobId;

    [SuppressMessage("Security", "CA5350", Justification = "Git names contents by SHA-1.")]
    private static string GitHash(byte[] content) =>
        Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content]));
}

/// <summary>A request that arrived.</summary>
public sealed record FakeRequest(string Method, string Path, string Query, string? Authorization, (long Start, long End)? Range)
{
    /// <summary>Whether it came to the store.</summary>
    public bool IsStore { get; init; }

    /// <summary>The file whose content or description is asked for; null for other requests.</summary>
    public string? File { get; init; }

    /// <summary>All header lines.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();
}

/// <summary>An answer to send.</summary>
public sealed class FakeAnswer
{
    /// <summary>Status code.</summary>
    public int Status { get; set; } = 200;

    /// <summary>Header lines besides the length.</summary>
    public Dictionary<string, string> Headers { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>The body.</summary>
    public byte[] Body { get; set; } = [];

    /// <summary>Bytes of the body after which the connection is cut; null sends all.</summary>
    public int? CutAfter { get; set; }

    /// <summary>Bytes of the body after which nothing more comes while the connection stays open; null sends all.</summary>
    public int? StallAfter { get; set; }

    /// <summary>Waited before every 16 KiB of the body.</summary>
    public TimeSpan Pause { get; set; }

    /// <summary>Called with the bytes of the body that were just sent.</summary>
    public Action<int>? OnSent { get; set; }

    /// <summary>A JSON answer.</summary>
    public static FakeAnswer Json(JsonNode node)
    {
        ArgumentNullException.ThrowIfNull(node);
        return new FakeAnswer { Body = Encoding.UTF8.GetBytes(node.ToJsonString()), Headers = { ["Content-Type"] = "application/json" } };
    }

    /// <summary>A refusal, as the hub words it.</summary>
    public static FakeAnswer Error(int status, string? code = null, string? message = null)
    {
        var answer = new FakeAnswer { Status = status };
        if (code is not null)
        {
            answer.Headers["X-Error-Code"] = code;
        }

        if (message is not null)
        {
            answer.Headers["X-Error-Message"] = message;
        }

        return answer;
    }
}
