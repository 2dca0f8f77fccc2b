using Lorikeet.Testing;

namespace Lorikeet.Hub.Tests;

/// <summary>Pulling into the cache: what comes, where it lies, what is sent to whom.</summary>
public sealed class PullTests : IDisposable
{
    private readonly HubFolder _folder = new();

    [Fact]
    public async Task The_cache_has_the_layout_of_the_hubs_own_clients()
    {
        FakeFile weights = _folder.AddModel();
        FakeFile template = _folder.Hub.Add("additional_chat_templates/tools.jinja", "{{ tools }}");
        Snapshot pulled = await _folder.Pull();
        Assert.Equal(_folder.Snapshot, pulled.Directory);
        Assert.Equal(_folder.Hub.Commit, pulled.Commit);
        Assert.EndsWith($"/models--org--name/snapshots/{_folder.Hub.Commit}", pulled.Directory, StringComparison.Ordinal);
        Assert.Equal("../../blobs/" + weights.Sha256, new FileInfo(Path.Combine(pulled.Directory, "model.safetensors")).LinkTarget);
        Assert.Equal("../../../blobs/" + template.BlobId, new FileInfo(Path.Combine(pulled.Directory, "additional_chat_templates", "tools.jinja")).LinkTarget);
        Assert.Equal(_folder.Hub.Commit, File.ReadAllText(Path.Combine(_folder.Repository, "refs", "main")));
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Equal("{{ tools }}", File.ReadAllText(Path.Combine(pulled.Directory, "additional_chat_templates", "tools.jinja")));
        Assert.True(File.Exists(Path.Combine(_folder.Options.CacheDirectory, ".locks", "models--org--name", weights.Sha256 + ".lock")));
        Assert.Contains("\"lfs_sha256\"", File.ReadAllText(Path.Combine(_folder.Repository, "trees", _folder.Hub.Commit + ".json")), StringComparison.Ordinal);
        Assert.Equal(_folder.Hub.Files.Count, Directory.GetFiles(Path.Combine(_folder.Repository, "blobs")).Length);
        Assert.Empty(_folder.Leftovers());
    }

    [Fact]
    public async Task A_second_pull_fetches_nothing()
    {
        _folder.AddModel();
        await _folder.Pull();
        _folder.Hub.ForgetRequests();
        await _folder.Pull();
        Assert.Single(_folder.Hub.Requests);
        Assert.Equal(0, _folder.Events.OfType<PullPlanned>().Last().Bytes);
    }

    [Fact]
    public async Task Large_files_come_in_ranges_from_the_store_which_never_sees_the_token()
    {
        _folder.AddModel();
        _folder.Hub.Token = "hf_secret";
        _folder.Options = _folder.Options with { Token = "hf_secret" };
        await _folder.Pull();
        List<FakeRequest> stored = [.. _folder.Hub.Requests.Where(r => r.IsStore)];
        Assert.Equal(7, stored.Count);
        Assert.All(stored, r => Assert.True(r.Range is { } range && range.End - range.Start < 16 << 10 && r.Authorization is null));
        Assert.All(_folder.Hub.Requests.Where(r => !r.IsStore), r => Assert.Equal("Bearer hf_secret", r.Authorization));
    }

    [Fact]
    public async Task A_new_commit_brings_only_what_changed()
    {
        _folder.AddModel();
        await _folder.Pull();
        string before = _folder.Snapshot;
        _folder.Hub.Commit = new string('b', 40);
        _folder.Hub.Add("config.json", "{ \"changed\": true }");
        _folder.Hub.ForgetRequests();
        Snapshot pulled = await _folder.Pull();
        Assert.Equal(new string('b', 40), pulled.Commit);
        Assert.Empty(_folder.Hub.Downloads("model.safetensors"));
        Assert.Single(_folder.Hub.Downloads("config.json"));
        Assert.Equal("{ \"of\": \"config.json\" }", File.ReadAllText(Path.Combine(before, "config.json")));
        Assert.Equal("{ \"changed\": true }", File.ReadAllText(Path.Combine(pulled.Directory, "config.json")));
        Assert.Equal(new string('b', 40), File.ReadAllText(Path.Combine(_folder.Repository, "refs", "main")));
    }

    [Fact]
    public async Task A_pinned_commit_writes_no_ref()
    {
        _folder.AddModel();
        Snapshot pulled = await _folder.Pull(new PullRequest(_folder.Id with { Revision = _folder.Hub.Commit }));
        Assert.True(Directory.Exists(pulled.Directory));
        Assert.False(Directory.Exists(Path.Combine(_folder.Repository, "refs")));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task Hubs_that_list_less_are_asked_file_by_file_or_page_by_page(bool describes, bool lists)
    {
        FakeFile weights = _folder.AddModel();
        (_folder.Hub.DescribesFiles, _folder.Hub.ListsSiblings) = (describes, lists);
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Equal("../../blobs/" + weights.Sha256, new FileInfo(Path.Combine(_folder.Snapshot, "model.safetensors")).LinkTarget);
        Assert.Equal(!describes, _folder.Hub.Requests.Any(r => r.Method == "HEAD"));
    }

    [Fact]
    public async Task Only_what_loading_needs_is_fetched_and_pickles_and_programs_are_refused_by_name()
    {
        _folder.AddModel(1000);
        foreach (string name in new[] { "pytorch_model.bin", "modeling_x.py", "model.onnx", "picture.png", "onnx/model.onnx", "original/consolidated.00.pth", "consolidated.safetensors", "sub/config.json", "chat_template.jinja" })
        {
            _folder.Hub.Add(name, "x");
        }

        await _folder.Pull();
        Assert.Equal(
            ["README.md", "chat_template.jinja", "config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json"],
            Directory.EnumerateFileSystemEntries(_folder.Snapshot).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Contains(_folder.Notes, n => n.StartsWith("left out: pytorch_model.bin: a pickle", StringComparison.Ordinal));
        Assert.Contains(_folder.Notes, n => n.StartsWith("left out: modeling_x.py: programs", StringComparison.Ordinal));
        Assert.Contains(_folder.Notes, n => n.StartsWith("6 other files are not needed", StringComparison.Ordinal));
        Assert.DoesNotContain(_folder.Hub.Requests, r => r.File is "pytorch_model.bin" or "modeling_x.py");
    }

    [Fact]
    public async Task Patterns_choose_among_the_rest_but_never_a_pickle()
    {
        _folder.AddModel(1000);
        _folder.Hub.Add("onnx/model.onnx", "graph");
        _folder.Hub.Add("onnx/weights.bin", "pickle");
        await _folder.Pull(new PullRequest(_folder.Id) { Files = new FileSelection { Include = ["onnx/*", "*.json"], Exclude = ["tok*"] } });
        Assert.Equal(["config.json", "onnx/model.onnx", "preprocessor_config.json"],
            Directory.EnumerateFiles(_folder.Snapshot, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(_folder.Snapshot, f)).Order(StringComparer.Ordinal));
        Assert.Contains(_folder.Notes, n => n.StartsWith("left out: onnx/weights.bin", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_model_of_pickles_alone_is_refused()
    {
        _folder.Hub.Add("config.json", "{}");
        _folder.Hub.Add("pytorch_model.bin", "x");
        var failure = await Assert.ThrowsAsync<InvalidDataException>(() => _folder.Pull());
        Assert.Contains("only there as pickles (pytorch_model.bin)", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Hub.Requests, r => r.File is not null);
    }

    [Fact]
    public async Task Shards_with_names_of_their_own_come_by_the_index()
    {
        _folder.AddModel(1000);
        _folder.Hub.Files.TryRemove("model.safetensors", out _);
        _folder.Hub.Add("model.safetensors.index.json", """{ "weight_map": { "a": "part-a.safetensors", "b": "model-00002-of-00002.safetensors", "c": "../evil.safetensors" } }""");
        FakeFile shard = _folder.Hub.AddLarge("part-a.safetensors", 5000, 2);
        _folder.Hub.AddLarge("model-00002-of-00002.safetensors", 5000, 3);
        await _folder.Pull();
        Assert.Equal(shard.Content, _folder.Pulled("part-a.safetensors"));
        Assert.False(File.Exists(Path.Combine(_folder.Repository, "snapshots", "evil.safetensors")));
    }

    [Fact]
    public async Task A_whole_snapshot_is_found_without_the_hub_and_an_incomplete_one_is_not()
    {
        FakeFile weights = _folder.AddModel();
        var client = new HubClient(_folder.Options);
        Assert.Null(client.FindCached(_folder.Id));
        await _folder.Pull();
        _folder.Hub.ForgetRequests();
        Assert.Equal(_folder.Snapshot, client.FindCached(_folder.Id)!.Directory);
        Assert.Equal(_folder.Snapshot, client.FindCached(_folder.Id with { Revision = _folder.Hub.Commit })!.Directory);
        Assert.Null(client.FindCached(_folder.Id with { Revision = "other" }));
        Assert.Empty(_folder.Hub.Requests);

        string blob = Path.Combine(_folder.Repository, "blobs", weights.Sha256);
        File.WriteAllBytes(blob, weights.Content[..^1]);
        Assert.Null(client.FindCached(_folder.Id));
        File.Delete(blob);
        Assert.Null(client.FindCached(_folder.Id));
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
    }

    [Fact]
    public async Task A_snapshot_of_another_client_without_a_list_of_files_is_found_if_a_model_can_be_loaded_from_it()
    {
        _folder.AddModel();
        await _folder.Pull();
        Directory.Delete(Path.Combine(_folder.Repository, "trees"), recursive: true);
        var client = new HubClient(_folder.Options);
        Assert.NotNull(client.FindCached(_folder.Id));
        File.Delete(Path.Combine(_folder.Snapshot, "tokenizer.json"));
        Assert.Null(client.FindCached(_folder.Id));
    }

    // A model with pictures, one that reads a tiktoken vocabulary and has no settings of pictures, a text model, a vision tower alone.
    [Theory]
    [InlineData("""{ "vision_config": {}, "text_config": {} }""", "tokenizer.json", "preprocessor_config.json")]
    [InlineData("""{ "vocab_size": 151936, "visual": {} }""", "qwen.tiktoken")]
    [InlineData("""{ "vocab_size": 32000 }""", "tokenizer.json")]
    [InlineData("""{ "image_size": 224 }""")]
    public async Task Offline_a_pulled_model_of_any_kind_is_found_and_one_that_lacks_a_file_is_not(string config, params string[] needed)
    {
        _folder.Hub.Add("config.json", config);
        _folder.Hub.AddLarge("model.safetensors", 1000);
        foreach (string file in needed)
        {
            _folder.Hub.Add(file, "{}");
        }

        Snapshot pulled = await _folder.Pull();
        Assert.All(needed, file => Assert.True(File.Exists(Path.Combine(pulled.Directory, file))));
        Directory.Delete(Path.Combine(_folder.Repository, "trees"), recursive: true);
        var client = new HubClient(_folder.Options with { IsOffline = true });
        Assert.Equal(pulled.Directory, client.FindCached(_folder.Id)?.Directory);
        foreach (string file in (string[])[.. needed, "config.json", "model.safetensors"])
        {
            string path = Path.Combine(pulled.Directory, file), aside = path + ".aside";
            File.Move(path, aside);
            Assert.Null(client.FindCached(_folder.Id));
            File.Move(aside, path);
        }
    }

    [Fact]
    public async Task Offline_no_request_is_made()
    {
        _folder.AddModel();
        HubOptions online = _folder.Options;
        _folder.Options = online with { IsOffline = true };
        HubException failure = await _folder.Fails();
        Assert.Contains("HF_HUB_OFFLINE", failure.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Hub.Requests);
        _folder.Options = online;
        await _folder.Pull();
        _folder.Hub.ForgetRequests();
        _folder.Options = online with { IsOffline = true };
        Assert.Equal(_folder.Snapshot, (await _folder.Pull()).Directory);
        Assert.Empty(_folder.Hub.Requests);
    }

    [Fact]
    public async Task A_directory_of_the_users_gets_plain_files_and_is_completed_by_content()
    {
        FakeFile weights = _folder.AddModel();
        string own = Path.Combine(_folder.Root, "own");
        var request = new PullRequest(_folder.Id) { LocalDirectory = own };
        await _folder.Pull(request);
        Assert.Null(new FileInfo(Path.Combine(own, "model.safetensors")).LinkTarget);
        Assert.Equal(weights.Content, File.ReadAllBytes(Path.Combine(own, "model.safetensors")));
        string[] record = File.ReadAllLines(Path.Combine(own, ".cache", "huggingface", "download", "model.safetensors.metadata"));
        Assert.Equal([_folder.Hub.Commit, weights.Sha256], record[..2]);
        Assert.False(Directory.Exists(_folder.Options.CacheDirectory));
        byte[] damaged = [.. weights.Content];
        damaged[500] ^= 1;
        File.WriteAllBytes(Path.Combine(own, "model.safetensors"), damaged);
        _folder.Hub.ForgetRequests();
        await _folder.Pull(request);
        Assert.Equal(weights.Content, File.ReadAllBytes(Path.Combine(own, "model.safetensors")));
        Assert.Empty(_folder.Hub.Downloads("config.json"));
        Assert.Contains("model.safetensors: the file that was there is replaced", _folder.Notes);
    }

    [Fact]
    public async Task A_damaged_copy_in_the_cache_is_found_and_replaced_when_asked_for()
    {
        FakeFile weights = _folder.AddModel(30_000);
        await _folder.Pull();
        string blob = Path.Combine(_folder.Repository, "blobs", weights.Sha256);
        byte[] damaged = [.. weights.Content];
        damaged[20_000] ^= 1;
        File.WriteAllBytes(blob, damaged);
        await _folder.Pull();
        Assert.Equal(damaged, _folder.Pulled("model.safetensors"));
        _folder.Hub.ForgetRequests();
        await _folder.Pull(new PullRequest(_folder.Id) { Verify = true });
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Contains(_folder.Notes, n => n.StartsWith("model.safetensors: the copy in the cache is damaged", StringComparison.Ordinal));
        Assert.Empty(_folder.Hub.Downloads("config.json"));
    }

    [Fact]
    public async Task A_pull_of_what_is_there_writes_nothing()
    {
        _folder.AddModel(1000);
        await _folder.Pull();
        string[] before = [.. Directory.EnumerateFileSystemEntries(_folder.Root, "*", SearchOption.AllDirectories)];
        DateTime[] times = [.. before.Select(File.GetLastWriteTimeUtc)];
        await _folder.Pull();
        Assert.Equal(before.Zip(times), Directory.EnumerateFileSystemEntries(_folder.Root, "*", SearchOption.AllDirectories).Select(e => (e, File.GetLastWriteTimeUtc(e))));
    }

    [Fact]
    public async Task Too_little_room_on_the_disk_is_said_before_anything_is_fetched()
    {
        _folder.AddModel();
        _folder.Options = _folder.Options with { FreeSpace = _ => 50_000 };
        HubException failure = await _folder.Fails();
        Assert.Contains("has only 50000 bytes free", failure.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Hub.Requests, r => r.File is not null);
    }

    [Fact]
    public async Task Files_of_the_same_content_are_fetched_once()
    {
        _folder.AddModel(1000);
        _folder.Hub.AddLarge("model-00001-of-00002.safetensors", 3000, 9);
        _folder.Hub.AddLarge("model-00002-of-00002.safetensors", 3000, 9);
        _folder.Hub.Files.TryRemove("model.safetensors", out _);
        await _folder.Pull();
        Assert.Single(_folder.Hub.Requests, r => r.IsStore);
        Assert.Equal(_folder.Pulled("model-00001-of-00002.safetensors"), _folder.Pulled("model-00002-of-00002.safetensors"));
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>Pulling data sets.</summary>
public sealed class DatasetPullTests
{
    [Fact]
    public async Task Tables_and_lines_come_into_a_folder_of_their_own()
    {
        using var folder = new HubFolder("org/rows", isDataset: true);
        folder.Hub.AddLarge("data/train-00000-of-00001.parquet", 3000);
        folder.Hub.Add("train.jsonl", "{}\n");
        folder.Hub.Add("load.py", "import os");
        folder.Hub.Add("images/a.png", "png");
        Snapshot pulled = await folder.Pull();
        Assert.Contains("/datasets--org--rows/snapshots/", pulled.Directory, StringComparison.Ordinal);
        Assert.Equal(["data/train-00000-of-00001.parquet", "train.jsonl"],
            Directory.EnumerateFiles(pulled.Directory, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(pulled.Directory, f)).Order(StringComparer.Ordinal));
        Assert.Contains(folder.Notes, n => n.StartsWith("left out: load.py", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pictures_and_captions_come_where_no_table_holds_them()
    {
        using var folder = new HubFolder("org/pictures", isDataset: true);
        string[] names = ["metadata.jsonl", "train/a.png", "train/a.txt", "train/b.JPG"];
        Array.ForEach(names, name => folder.Hub.Add(name, name));
        folder.Hub.Add("train/archive.zip", "zip");
        Snapshot pulled = await folder.Pull();
        Assert.Equal(names, Directory.EnumerateFiles(pulled.Directory, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(pulled.Directory, f)).Order(StringComparer.Ordinal));
        Assert.Contains(folder.Notes, n => n.StartsWith("1 other file is not needed", StringComparison.Ordinal));
        Assert.NotNull(new HubClient(folder.Options).FindCached(folder.Id));
    }
}
