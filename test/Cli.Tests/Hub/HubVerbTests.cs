using Lorikeet.Cli.Commands;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Hub;

/// <summary>The verbs on models of a hub: pull by itself, and train, chat and merge by a repository's name.</summary>
public sealed class HubVerbTests : IDisposable
{
    private static readonly Func<CliHost, Verb>[] Verbs = [ChatCommand.Create, EvalCommand.Create, MergeCommand.Create, PullCommand.Create, TrainCommand.Create];

    private readonly FakeHub _hub = new("tiny/model");
    private readonly TinyCommands _tiny = new();
    private readonly Dictionary<string, string> _environment;

    public HubVerbTests()
    {
        _hub.AddDirectory(Golden.Path("models", "smolvlm"));
        _environment = new() { ["HF_ENDPOINT"] = _hub.Endpoint.AbsoluteUri, ["HF_HOME"] = Path.Combine(_tiny.Folder, "hf") };
        _tiny.Model = "tiny/model";
    }

    private string Snapshot => Path.Combine(_tiny.Folder, "hf", "hub", "models--tiny--model", "snapshots", _hub.Commit);

    [Fact]
    public void Pull_prints_the_directory_and_says_the_commit()
    {
        TestHost test = Run(ExitCodes.Done, "pull", "tiny/model");
        Assert.Equal(Snapshot + "\n", test.Result);
        Assert.Contains($"tiny/model at commit {_hub.Commit}\n", test.Messages, StringComparison.Ordinal);
        Assert.Contains("files fetched and checked", test.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', test.Messages);
        Assert.Equal(File.ReadAllBytes(Golden.Path("models", "smolvlm", "model.safetensors")), File.ReadAllBytes(Path.Combine(Snapshot, "model.safetensors")));
    }

    [Fact]
    public void Chat_pulls_a_model_by_its_name_and_then_uses_the_cache_also_offline()
    {
        string[] chat = ["chat", "tiny/model", "--prompt", "Hello", "--max-new-tokens", "2"];
        TestHost first = Run(ExitCodes.Done, chat);
        Assert.Contains("there is no directory 'tiny/model'; pulling tiny/model from 127.0.0.1", first.Messages, StringComparison.Ordinal);
        _hub.ForgetRequests();
        _environment["HF_HUB_OFFLINE"] = "1";
        TestHost second = Run(ExitCodes.Done, chat);
        Assert.Equal(first.Result, second.Result);
        Assert.Contains($"taken from the cache, commit {_hub.Commit}", second.Messages, StringComparison.Ordinal);
        Run(ExitCodes.Done, ["chat", $"tiny/model@{_hub.Commit}", .. chat[2..]]);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void A_run_pins_the_commit_and_its_adapter_finds_its_base_again()
    {
        TestHost trained = Train(ExitCodes.Done);
        Assert.Contains($"path: \"tiny/model@{_hub.Commit}\"", File.ReadAllText(Path.Combine(_tiny.Output, "run.yaml")).Replace('\'', '"'), StringComparison.Ordinal);
        string config = File.ReadAllText(Path.Combine(_tiny.Output, "adapter_config.json"));
        Assert.Contains("\"base_model_name_or_path\": \"tiny/model\"", config, StringComparison.Ordinal);
        Assert.Contains($"\"revision\": \"{_hub.Commit}\"", config, StringComparison.Ordinal);
        Assert.Contains($"chat tiny/model@{_hub.Commit} --adapter", trained.Result, StringComparison.Ordinal);
        _hub.ForgetRequests();
        Run(ExitCodes.Done, "chat", _tiny.Output, "--prompt", "Hello", "--max-new-tokens", "2");
        Run(ExitCodes.Done, "merge", "tiny/model", "--adapter", _tiny.Output, "--output", Path.Combine(_tiny.Folder, "merged"));
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void A_run_by_name_gives_the_bytes_of_a_run_by_directory()
    {
        Train(ExitCodes.Done);
        byte[] byName = File.ReadAllBytes(Path.Combine(_tiny.Output, "adapter_model.safetensors"));
        Directory.Delete(_tiny.Output, recursive: true);
        _tiny.Model = Golden.Path("models", "smolvlm");
        Train(ExitCodes.Done);
        Assert.Equal(byName, File.ReadAllBytes(Path.Combine(_tiny.Output, "adapter_model.safetensors")));
    }

    [Fact]
    public void A_run_trains_on_the_directory_of_a_pulled_data_set()
    {
        using var rows = new FakeHub("tiny/rows", isDataset: true);
        string picture = Convert.ToBase64String(File.ReadAllBytes(Path.Combine(_tiny.Images, "tiny.png")));
        string row = TinyCommands.Row(picture, "a dot") + "\n";
        rows.Add("README.md", "# Rows");
        rows.Add("data/train-00000-of-00001.jsonl", row + row);
        rows.Add("data/test-00000-of-00001.jsonl", row);
        (string models, _environment["HF_ENDPOINT"]) = (_environment["HF_ENDPOINT"], rows.Endpoint.AbsoluteUri);
        string directory = Run(ExitCodes.Done, "pull", "tiny/rows", "--repo-type", "dataset").Result.TrimEnd('\n');
        _environment["HF_ENDPOINT"] = models;
        TestHost trained = Train(ExitCodes.Done, "--data.train", directory, "--data.image_root", "null");
        Assert.Contains("1 of other splits (test)", trained.Messages, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_tiny.Output, "adapter_model.safetensors")));
    }

    [Fact]
    public void Data_sets_are_named_like_models()
    {
        _tiny.Model = Golden.Path("models", "smolvlm");
        using var rows = new FakeHub("tiny/rows", isDataset: true);
        string picture = Convert.ToBase64String(File.ReadAllBytes(Path.Combine(_tiny.Images, "tiny.png")));
        string row = TinyCommands.Row(picture, "a dot") + "\n";
        rows.Add("data/train-00000-of-00001.jsonl", row + row);
        rows.Add("data/test-00000-of-00001.jsonl", row);
        _environment["HF_ENDPOINT"] = rows.Endpoint.AbsoluteUri;
        TestHost first = Train(ExitCodes.Done, "--data.train", "[{path: tiny/rows, max_samples: 2}]", "--data.image_root", "null");
        Assert.Contains("there is no file or directory 'tiny/rows'; pulling tiny/rows", first.Messages, StringComparison.Ordinal);
        string saved = File.ReadAllText(Path.Combine(_tiny.Output, "run.yaml"));
        Assert.Contains($"datasets--tiny--rows/snapshots/{rows.Commit}", saved, StringComparison.Ordinal);
        byte[] adapter = File.ReadAllBytes(Path.Combine(_tiny.Output, "adapter_model.safetensors"));

        // From the cache, also offline; the evaluation's rows, too.
        rows.ForgetRequests();
        _environment["HF_HUB_OFFLINE"] = "1";
        TestHost second = Train(ExitCodes.Done, "--overwrite", "--data.train", $"tiny/rows@{rows.Commit}", "--data.image_root", "null");
        Assert.Contains("1 of other splits (test)", second.Messages, StringComparison.Ordinal);
        Assert.Equal(adapter, File.ReadAllBytes(Path.Combine(_tiny.Output, "adapter_model.safetensors")));
        TestHost evaluated = Run(ExitCodes.Done, "eval", _tiny.Output, "--data", "tiny/rows", "--metrics", "loss");
        Assert.Contains("taken from the cache", evaluated.Messages, StringComparison.Ordinal);
        Assert.Empty(rows.Requests);
    }

    [Fact]
    public void A_misspelt_data_file_is_no_data_set()
    {
        TestHost test = Train(ExitCodes.Input, "--data.train", "tiny/rows.jsonl");
        Assert.Contains("tiny/rows.jsonl: cannot open the data file: the file does not exist", test.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain(_hub.Requests, r => r.Path.Contains("rows", StringComparison.Ordinal));
    }

    [Fact]
    public void A_directory_beside_the_run_file_wins_over_a_repository_of_its_name()
    {
        string own = Path.Combine(_tiny.Folder, "tiny", "model");
        Directory.CreateDirectory(own);
        foreach (string file in Directory.GetFiles(Golden.Path("models", "smolvlm")))
        {
            File.Copy(file, Path.Combine(own, Path.GetFileName(file)));
        }

        Train(ExitCodes.Done);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void What_is_neither_a_directory_nor_on_the_hub_is_said_to_be_neither()
    {
        _tiny.Model = "tiny/modle";
        TestHost test = Train(ExitCodes.Input);
        string error = Assert.Single(test.Messages.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal));
        Assert.StartsWith("error: there is no directory 'tiny/modle', and 127.0.0.1", error, StringComparison.Ordinal);
        Assert.Contains("knows no model 'tiny/modle'", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_tiny.Output));
    }

    [Theory]
    [InlineData("name", "no repository of the hub")]
    [InlineData("../evil/x", "no repository of the hub")]
    [InlineData("a/b@../../x", "no repository of the hub")]
    [InlineData("a/b --revision ../x", "no revision")]
    [InlineData("a/b@main --revision main", "given twice")]
    [InlineData("a/b --repo-type space", "expected model or dataset")]
    public void Malformed_ids_are_refused_before_anything_is_asked(string arguments, string message)
    {
        TestHost test = Run(ExitCodes.Input, ["pull", .. arguments.Split(' ')]);
        Assert.Contains(message, test.Messages, StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);
    }

    [Theory]
    [InlineData("HF_ENDPOINT", "ftp://x")]
    [InlineData("HF_ENDPOINT", "huggingface.co")]
    [InlineData("HF_HUB_DOWNLOAD_TIMEOUT", "soon")]
    [InlineData("HF_TOKEN", "hf_secret\r\nX-Evil: 1")]
    public void Unusable_settings_are_named_and_a_token_is_never_shown(string variable, string value)
    {
        _environment[variable] = value;
        TestHost test = Run(ExitCodes.Input, "pull", "tiny/model");
        Assert.Contains(variable, test.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", test.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void The_token_comes_from_the_variable_or_from_the_file_that_a_login_leaves()
    {
        _hub.Token = "hf_secret";
        TestHost test = Run(ExitCodes.Input, "pull", "tiny/model");
        Assert.Contains("tiny/model is gated or private: accept its terms at", test.Messages, StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(_environment["HF_HOME"]).FullName, "token"), "hf_secret\n");
        Assert.DoesNotContain("secret", Run(ExitCodes.Done, "pull", "tiny/model").Messages, StringComparison.Ordinal);
        _environment["HF_TOKEN"] = "hf_wrong";
        test = Run(ExitCodes.Input, "pull", "tiny/model");
        Assert.Contains("the token in use has no access", test.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain("wrong", test.Messages, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _hub.Dispose();
        _tiny.Dispose();
    }

    private TestHost Train(int expected, params string[] more)
    {
        string file = Path.Combine(_tiny.Folder, "run.yaml");
        File.WriteAllText(file, $$"""
            model: { path: '{{_tiny.Model}}', compute: float32 }
            data: { train: train.jsonl, image_root: images, shuffle: false }
            lora: { r: 2 }
            train: { output_dir: out, max_steps: 1, per_device_train_batch_size: 2, learning_rate: 1.0e-3 }
            """);
        return Run(expected, ["train", file, .. more]);
    }

    private TestHost Run(int expected, params string[] arguments)
    {
        var test = new TestHost(environment: name => _environment.GetValueOrDefault(name));
        int code = test.Run(Verbs, arguments);
        Assert.True(code == expected, test.Messages);
        return test;
    }
}
