using System.Text.Json.Nodes;
using Lorikeet.Testing;

namespace Lorikeet.Hub.Tests;

/// <summary>Servers that mean harm: nothing is written outside the repository's folder, nothing is sent where it does not belong.</summary>
public sealed class HostileHubTests : IDisposable
{
    private readonly HubFolder _folder = new();

    [Theory]
    [InlineData("../../../evil.json")]
    [InlineData("/etc/evil.json")]
    [InlineData("a/../../evil.json")]
    [InlineData("a//b.json")]
    [InlineData("./a.json")]
    [InlineData("a/..")]
    [InlineData("..\\evil.json")]
    [InlineData("C:\\evil.json")]
    [InlineData("evil\u0000.json")]
    [InlineData("evil\n.json")]
    [InlineData("evil\u001b[2J.json")]
    [InlineData("")]
    public async Task Names_that_lead_elsewhere_stop_the_pull(string name)
    {
        _folder.AddModel(1000);
        _folder.Hub.Add(name, "evil");
        HubException failure = await _folder.Fails();
        Assert.Contains("names a file '", failure.Message, StringComparison.Ordinal);
        Assert.Contains("nothing was downloaded", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(failure.Message, c => char.IsControl(c));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Root));
        Assert.Single(_folder.Hub.Requests);
    }

    [Theory]
    [InlineData(".git/config.json")]
    [InlineData(".cache/huggingface/download/config.json.metadata")]
    [InlineData("re\u202Edael.json")]
    public async Task Odd_names_are_left_out_and_said_where_they_were_asked_for(string name)
    {
        _folder.AddModel(1000);
        _folder.Hub.Add(name, "odd");
        await _folder.Pull(new PullRequest(_folder.Id) { LocalDirectory = Path.Combine(_folder.Root, "own"), Files = new FileSelection { Include = ["*"] } });
        Assert.Contains(_folder.Notes, n => n.StartsWith("left out: ", StringComparison.Ordinal) && !n.Contains('\u202E', StringComparison.Ordinal));
        Assert.DoesNotContain(_folder.Hub.Requests, r => r.File == name);
    }

    [Theory]
    [InlineData("../../../../evil")]
    [InlineData("..")]
    [InlineData("not a hash")]
    [InlineData("")]
    public async Task Hashes_that_are_paths_stop_the_pull(string hash)
    {
        FakeFile weights = _folder.AddModel(1000);
        weights.Sha256 = hash;
        HubException failure = await _folder.Fails();
        Assert.Contains("the hash", failure.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Fact]
    public async Task Hashes_in_headers_are_not_trusted_either()
    {
        _folder.AddModel(1000);
        _folder.Hub.DescribesFiles = false;
        _folder.Hub.Interfere = (request, answer) =>
        {
            if (request.Method == "HEAD")
            {
                answer.Headers["X-Linked-Etag"] = "\"../../../evil\"";
            }

            return null;
        };
        Assert.Contains("no usable ETag", (await _folder.Fails()).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Theory]
    [InlineData("../../../evil")]
    [InlineData("main")]
    [InlineData("")]
    public async Task A_commit_that_is_none_stops_the_pull(string commit)
    {
        _folder.AddModel(1000);
        _folder.Hub.Interfere = (request, _) => request.Path.Contains("/revision/", StringComparison.Ordinal)
            ? FakeAnswer.Json(new JsonObject { ["sha"] = commit, ["siblings"] = new JsonArray() }) : null;
        Assert.Contains("names no commit", (await _folder.Fails()).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(long.MaxValue)]
    public async Task Absurd_sizes_stop_the_pull(long size)
    {
        _folder.AddModel(1000).ListedSize = size;
        Assert.Contains($"{size} bytes", (await _folder.Fails()).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("<html>login</html>")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ 1 ] }""")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ { "rfilename": 7 } ] }""")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ { "rfilename": "a\ud800.json" } ] }""")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ { "rfilename": "a.json", "size": 1e99 } ] }""")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ { "rfilename": "a.json", "size": 1, "lfs": {} } ] }""")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ { "rfilename": "a" }, { "rfilename": "a" } ] }""")]
    [InlineData("""{ "sha": "0123456789abcdef0123456789abcdef01234567", "siblings": [ { "rfilename": "a/b" }, { "rfilename": "a" } ] }""")]
    public async Task Nonsense_instead_of_a_list_of_files_is_an_error_that_says_so(string body)
    {
        _folder.Hub.Interfere = (_, _) => new FakeAnswer { Body = System.Text.Encoding.UTF8.GetBytes(body) };
        Assert.Contains("the answer to", (await _folder.Fails()).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Root));
    }

    [Fact]
    public async Task Lists_without_end_are_cut_off()
    {
        _folder.AddModel(1000);
        _folder.Options = _folder.Options with { MaxFiles = 3, MaxAnswerBytes = 10_000 };
        Assert.Contains("lists more than 3 files", (await _folder.Fails()).Message, StringComparison.Ordinal);
        _folder.Hub.Interfere = (_, _) => new FakeAnswer { Body = new byte[20_000] };
        Assert.Contains("longer than 10000 bytes", (await _folder.Fails()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_next_page_of_a_list_must_be_at_the_hub()
    {
        _folder.AddModel(1000);
        _folder.Hub.ListsSiblings = false;
        _folder.Options = _folder.Options with { Token = "hf_secret" };
        _folder.Hub.Interfere = (request, answer) =>
        {
            if (request.Path.Contains("/tree/", StringComparison.Ordinal))
            {
                answer.Headers["Link"] = $"<{_folder.Hub.Store}x>; rel=\"next\"";
            }

            return null;
        };
        Assert.Contains("at another host", (await _folder.Fails()).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Hub.Requests, r => r.IsStore);
    }

    [Fact]
    public async Task Redirects_in_circles_and_to_other_schemes_end()
    {
        _folder.AddModel(1000);
        string location = _folder.Hub.Endpoint + "again";
        _folder.Hub.Interfere = (request, _) =>
        {
            var answer = new FakeAnswer { Status = 302 };
            answer.Headers["Location"] = location;
            return answer;
        };
        Assert.Contains("redirects more than 10 times", (await _folder.Fails()).Message, StringComparison.Ordinal);
        location = "file:///etc/passwd";
        Assert.Contains("redirects to 'file:'", (await _folder.Fails()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_renamed_repository_is_followed_with_the_token_to_the_hub_only()
    {
        _folder.AddModel(1000);
        _folder.Hub.Token = "hf_secret";
        _folder.Options = _folder.Options with { Token = "hf_secret" };
        var request = new PullRequest(new RepositoryId("old/name"));
        _folder.Hub.Interfere = (request, _) =>
        {
            if (!request.Path.Contains("old/name", StringComparison.Ordinal))
            {
                return null;
            }

            var moved = new FakeAnswer { Status = 307 };
            moved.Headers["Location"] = request.Path.Replace("old/name", "org/name", StringComparison.Ordinal) + (request.Query.Length > 0 ? "?" + request.Query : "");
            return moved;
        };
        Snapshot pulled = await _folder.Pull(request);
        Assert.True(File.Exists(Path.Combine(pulled.Directory, "model.safetensors")));
        Assert.All(_folder.Hub.Requests, r => Assert.Equal(r.IsStore, r.Authorization is null));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_damaged_list_of_files_is_refused_or_harmless(int seed)
    {
        const string Commit = "0123456789abcdef0123456789abcdef01234567";
        string sha256 = new('a', 64);
        byte[] list = System.Text.Encoding.UTF8.GetBytes($$$"""
            {"sha":"{{{Commit}}}","siblings":[{"rfilename":"config.json","size":12,"blobId":"{{{Commit}}}"},{"rfilename":"sub/model.safetensors","size":12,"blobId":"{{{Commit}}}","lfs":{"sha256":"{{{sha256}}}","size":12}}]}
            """);
        string outside = Path.Combine(_folder.Root, "outside");
        Directory.CreateDirectory(outside);
        var mutator = new Mutator(seed, "../", "..", "/", "\\", "\\u0000", "\\ud800", "null", "[", "{", "-1", "9e99", "99999999999999999999", "\"", "//", "/etc/x", ".git/");
        _folder.Options = _folder.Options with { Retries = 0, CacheDirectory = Path.Combine(outside, "hub"), MaxFileBytes = 1 << 20 };
        byte[] body = list;
        _folder.Hub.Interfere = (request, _) => request.File is null ? new FakeAnswer { Body = body } : new FakeAnswer { Body = "x"u8.ToArray() };
        for (int n = 0; n < 100; n++)
        {
            body = mutator.Mutate(list);
            var request = new PullRequest(_folder.Id) { Files = new FileSelection { Include = ["*"] } };
            Exception? failure = await Record.ExceptionAsync(() => _folder.Pull(request));
            Assert.True(failure is HubException or InvalidDataException, $"{failure} after {System.Text.Encoding.UTF8.GetString(body)}");
            Assert.Equal([outside], Directory.EnumerateFileSystemEntries(_folder.Root));
            Assert.All(Directory.EnumerateFileSystemEntries(outside), entry => Assert.Equal("hub", Path.GetFileName(entry)));
            if (Directory.Exists(_folder.Options.CacheDirectory))
            {
                Assert.All(Directory.EnumerateFileSystemEntries(_folder.Options.CacheDirectory), entry => Assert.Contains(Path.GetFileName(entry), new[] { "CACHEDIR.TAG", ".locks", "models--org--name" }));
            }
        }
    }

    [Fact]
    public async Task Links_that_lie_in_the_cache_already_are_replaced_not_followed()
    {
        FakeFile weights = _folder.AddModel(1000);
        string victim = Path.Combine(_folder.Root, "victim");
        File.WriteAllText(victim, "mine");
        Directory.CreateDirectory(_folder.Snapshot);
        File.CreateSymbolicLink(Path.Combine(_folder.Snapshot, "model.safetensors"), victim);
        await _folder.Pull();
        Assert.Equal("mine", File.ReadAllText(victim));
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>What the hub refuses, and what the user is told to do.</summary>
public sealed class RefusalTests : IDisposable
{
    private readonly HubFolder _folder = new();

    [Fact]
    public async Task An_unknown_name_comes_with_similar_ones()
    {
        _folder.Hub.Interfere = (request, _) => request.Path == "/api/models"
            ? FakeAnswer.Json(new JsonArray(new JsonObject { ["id"] = "org/name-256m" }, new JsonObject { ["id"] = "other/name" })) : null;
        HubException failure = await _folder.Fails(new PullRequest(new RepositoryId("org/nam")));
        Assert.Contains("knows no model 'org/nam', or it is private; did you mean org/name-256m or other/name?", failure.Message, StringComparison.Ordinal);
        Assert.Contains("set HF_TOKEN", failure.Message, StringComparison.Ordinal);
        Assert.Contains(_folder.Hub.Requests, r => r.Query.Contains("search=nam", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_data_set_asked_for_as_a_model_is_named()
    {
        _folder.Hub.Interfere = (request, _) => request.Path == "/api/datasets/org/rows" ? FakeAnswer.Json(new JsonObject { ["id"] = "org/rows" }) : null;
        HubException failure = await _folder.Fails(new PullRequest(new RepositoryId("org/rows")));
        Assert.Contains("there is a data set of that name: --repo-type dataset", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_revision_comes_with_those_there_are()
    {
        _folder.AddModel(1000);
        HubException failure = await _folder.Fails(new PullRequest(_folder.Id with { Revision = "mian" }));
        Assert.Equal(HubFailure.NoSuchRevision, failure.Failure);
        Assert.Contains("org/name has no revision 'mian'; it has main, fp16", failure.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "accept its terms at", "set HF_TOKEN")]
    [InlineData("hf_other", "the token in use has no access", "accept its terms at")]
    public async Task A_gated_model_says_what_to_do(string? token, params string[] words)
    {
        _folder.AddModel(1000);
        _folder.Hub.Token = "hf_secret";
        _folder.Options = _folder.Options with { Token = token };
        HubException failure = await _folder.Fails();
        Assert.Equal(HubFailure.Denied, failure.Failure);
        Assert.All(words, word => Assert.Contains(word, failure.Message, StringComparison.Ordinal));
        Assert.DoesNotContain("hf_", failure.Message.Replace("hf_auth", "", StringComparison.Ordinal).Replace("HF_TOKEN", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gated_model_whose_list_is_public_says_the_same()
    {
        _folder.AddModel(1000);
        _folder.Hub.Interfere = (request, _) => request.File is not null ? FakeAnswer.Error(401, "GatedRepo", "Access to model org/name is restricted.") : null;
        HubException failure = await _folder.Fails();
        Assert.Equal(HubFailure.Denied, failure.Failure);
        Assert.Contains("org/name is gated or private: accept its terms at " + _folder.Hub.Endpoint + "org/name", failure.Message, StringComparison.Ordinal);
        Assert.Contains("restricted", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_vanishes_in_between_is_named()
    {
        _folder.AddModel(1000);
        _folder.Hub.Interfere = (request, _) => request.File == "config.json" ? FakeAnswer.Error(404, "EntryNotFound", "Entry not found") : null;
        Assert.Contains("config.json", (await _folder.Fails()).Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
