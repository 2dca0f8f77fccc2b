namespace Lorikeet.Models.Tests;

/// <summary>What a directory's path says of where the model came from.</summary>
public sealed class ModelOriginTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";

    [Theory]
    [InlineData("/hf/hub/models--org--name/snapshots/" + Commit)]
    [InlineData("/hf/hub/models--org--name/snapshots/" + Commit + "/")]
    public void A_snapshot_in_the_hubs_cache_is_a_repository_at_a_commit(string path) =>
        Assert.Equal($"org/name@{Commit}", ModelOrigin.Of(path)?.ToString());

    [Theory]
    [InlineData("/models/org/name")]
    [InlineData("/hf/hub/models--org--name/snapshots/main")]
    [InlineData("/hf/hub/datasets--org--name/snapshots/" + Commit)]
    [InlineData("/hf/hub/models--name/snapshots/" + Commit)]
    [InlineData("/hf/hub/models--org--name/other/" + Commit)]
    public void Any_other_directory_has_no_origin(string path) => Assert.Null(ModelOrigin.Of(path));
}
