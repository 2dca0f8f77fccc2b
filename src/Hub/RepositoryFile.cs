namespace Lorikeet.Hub;

/// <summary>A file of a repository, as the hub lists it.</summary>
/// <param name="Path">Its path, of segments separated by <c>/</c>; checked by <see cref="SafePath"/>.</param>
/// <param name="Size">Its bytes; null where the listing does not say.</param>
/// <param name="BlobId">The git hash of its content (of the pointer for a large file); null where the listing does not say.</param>
/// <param name="Sha256">The hash of a large file's content; null for a small one.</param>
internal sealed record RepositoryFile(string Path, long? Size, string? BlobId, string? Sha256)
{
    /// <summary>The name of its content in the cache: what the hub sends as ETag. Null while unknown.</summary>
    public string? BlobName => Sha256 ?? BlobId;

    /// <summary>True if size and name are known without asking further.</summary>
    public bool IsDescribed => Size is not null && BlobName is not null;
}

/// <summary>All files of a repository at one commit.</summary>
internal sealed record RepositoryListing(string Commit, IReadOnlyList<RepositoryFile> Files);
