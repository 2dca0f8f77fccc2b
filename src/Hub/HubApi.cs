using System.Globalization;
using System.Text.Json;

namespace Lorikeet.Hub;

/// <summary>
/// What is asked of the hub: a revision's commit and files, and a file's description.
/// Source: the behaviour of huggingface_hub's <c>repo_info</c>, <c>list_repo_tree</c> and <c>get_hf_file_metadata</c>.
/// </summary>
internal sealed class HubApi(HubHttp http, HubOptions options, Retrying retrying, RepositoryId id)
{
    private const int MaxPages = 1000;

    /// <summary>The commit of the id's revision and all files at it.</summary>
    public async Task<RepositoryListing> List(CancellationToken cancel)
    {
        Uri address = http.Address($"{id.ApiPath}/revision/{Uri.EscapeDataString(id.RevisionOrMain)}?blobs=true");
        (byte[] body, _) = await retrying.Run($"{id}", () => http.GetJson(address, cancel), null, cancel).ConfigureAwait(false);
        using JsonDocument document = Parse(body, address);
        JsonElement root = document.RootElement;
        string? commit = Text(root, "sha");
        if (commit is null || !RepositoryId.IsCommit(commit))
        {
            throw Nonsense(address, "names no commit of 40 hexadecimal digits");
        }

        if (id.IsPinned && commit != id.Revision)
        {
            throw Nonsense(address, $"is about the commit {commit}");
        }

        if (root.TryGetProperty("siblings", out JsonElement siblings) && siblings.ValueKind == JsonValueKind.Array)
        {
            return new RepositoryListing(commit, Checked([.. siblings.EnumerateArray().Select(entry => Sibling(entry, address))], address));
        }

        return new RepositoryListing(commit, Checked(await Tree(commit, cancel).ConfigureAwait(false), address));
    }

    /// <summary>Size and content name of a file that the listing left open.</summary>
    public async Task<RepositoryFile> Describe(RepositoryFile file, string commit, CancellationToken cancel)
    {
        Uri address = FileAddress(file, commit);
        using HttpResponseMessage answer = await retrying.Run(file.Path, () => http.Head(address, cancel), null, cancel).ConfigureAwait(false);
        if (HubHttp.Header(answer, "X-Repo-Commit") is { } found && found != commit)
        {
            throw Nonsense(address, "is about another commit");
        }

        string? etag = HubHttp.Header(answer, "X-Linked-Etag") ?? HubHttp.Header(answer, "ETag");
        etag = etag?.Trim().Replace("W/", "", StringComparison.Ordinal).Trim('"');
        if (etag is null || !SafePath.IsBlobName(etag))
        {
            throw Nonsense(address, "has no usable ETag");
        }

        long? size = long.TryParse(HubHttp.Header(answer, "X-Linked-Size"), NumberStyles.None, CultureInfo.InvariantCulture, out long linked) ? linked
            : (int)answer.StatusCode < 300 ? answer.Content.Headers.ContentLength : null;
        if (size is null || (file.Size is { } listed && listed != size))
        {
            throw Nonsense(address, size is null ? "does not tell the file's size" : "tells another size than the list of files");
        }

        if (file.BlobName is { } known && known != etag)
        {
            throw Nonsense(address, "tells another hash than the list of files");
        }

        return Limited(file with { Size = size, BlobId = etag.Length == 64 ? file.BlobId : etag, Sha256 = etag.Length == 64 ? etag : null }, address);
    }

    /// <summary>Where a file is fetched.</summary>
    public Uri FileAddress(RepositoryFile file, string commit) =>
        http.Address($"{id.FilePath}/resolve/{commit}/{string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString))}");

    private async Task<List<RepositoryFile>> Tree(string commit, CancellationToken cancel)
    {
        var files = new List<RepositoryFile>();
        Uri? page = http.Address($"{id.ApiPath}/tree/{commit}?recursive=true");
        for (int pages = 0; page is not null && pages < MaxPages && files.Count <= options.MaxFiles; pages++)
        {
            Uri address = page;
            (byte[] body, page) = await retrying.Run($"{id}", () => http.GetJson(address, cancel), null, cancel).ConfigureAwait(false);
            using JsonDocument document = Parse(body, address);
            if (document.RootElement.ValueKind != JsonValueKind.Array)
            {
                throw Nonsense(address, "is no list of files");
            }

            files.AddRange(document.RootElement.EnumerateArray().Where(entry => Text(entry, "type") == "file").Select(entry => TreeEntry(entry, address)));
        }

        return page is null || files.Count > options.MaxFiles ? files : throw Nonsense(page, "is the beginning of an endless list");
    }

    private RepositoryFile Sibling(JsonElement entry, Uri address)
    {
        string? sha256 = entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object
            ? Text(lfs, "sha256") ?? throw Nonsense(address, "has a large file without its hash") : null;
        return Limited(new RepositoryFile(Name(entry, "rfilename", address), Size(entry, address), Text(entry, "blobId"), sha256), address);
    }

    private RepositoryFile TreeEntry(JsonElement entry, Uri address)
    {
        string? sha256 = entry.TryGetProperty("lfs", out JsonElement lfs) && lfs.ValueKind == JsonValueKind.Object
            ? Text(lfs, "oid") ?? throw Nonsense(address, "has a large file without its hash") : null;
        return Limited(new RepositoryFile(Name(entry, "path", address), Size(entry, address), Text(entry, "oid"), sha256), address);
    }

    // Names and hashes become paths on this machine, sizes become files: all are looked at before anything is written.
    private RepositoryFile Limited(RepositoryFile file, Uri address)
    {
        if ((file.Sha256 is { } sha256 && !(ContentHash.IsHash(sha256) && sha256.Length == 64)) || (file.BlobName is { } name && !SafePath.IsBlobName(name)))
        {
            throw Nonsense(address, $"gives the file '{SafeText.Of(file.Path)}' the hash '{SafeText.Of(file.BlobName!)}'");
        }

        return file.Size is null or >= 0 && file.Size <= options.MaxFileBytes || file.Size is null ? file
            : throw Nonsense(address, string.Create(CultureInfo.InvariantCulture, $"gives the file '{SafeText.Of(file.Path)}' {file.Size} bytes; at most {options.MaxFileBytes} are expected"));
    }

    private List<RepositoryFile> Checked(List<RepositoryFile> files, Uri address)
    {
        if (files.Count > options.MaxFiles)
        {
            throw Nonsense(address, string.Create(CultureInfo.InvariantCulture, $"lists more than {options.MaxFiles} files"));
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (RepositoryFile file in files)
        {
            if (SafePath.Danger(file.Path) is { } danger)
            {
                throw Nonsense(address, $"names a file '{SafeText.Of(file.Path)}', which {danger}; nothing was downloaded");
            }

            if (!names.Add(file.Path))
            {
                throw Nonsense(address, $"names the file '{SafeText.Of(file.Path)}' twice");
            }
        }

        foreach (string name in names)
        {
            for (int slash = name.LastIndexOf('/'); slash > 0; slash = name.LastIndexOf('/', slash - 1))
            {
                if (names.Contains(name[..slash]))
                {
                    throw Nonsense(address, $"names '{SafeText.Of(name[..slash])}' both as a file and as a directory");
                }
            }
        }

        return files;
    }

    private static string Name(JsonElement entry, string key, Uri address) => Text(entry, key) ?? throw Nonsense(address, "has a file without a name");

    private static long? Size(JsonElement entry, Uri address)
    {
        if (!entry.TryGetProperty("size", out JsonElement size) || size.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out long bytes) ? bytes : throw Nonsense(address, "has a size that is no whole number");
    }

    private static string? Text(JsonElement parent, string key)
    {
        try
        {
            return parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate: no text.
            return null;
        }
    }

    private static JsonDocument Parse(byte[] body, Uri address)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException broken)
        {
            throw Nonsense(address, $"is no JSON ({broken.Message}); is HF_ENDPOINT the address of a hub?");
        }
    }

    private static HubException Nonsense(Uri address, string what) => new($"{address.Authority}: the answer to {SafeText.Of(address.AbsolutePath)} {what}");
}
