using System.Globalization;
using Lorikeet.Testing;

namespace Lorikeet.Hub.Tests;

/// <summary>Networks that break and servers that fail, lie or change their mind.</summary>
public sealed class BrokenPullTests : IDisposable
{
    private readonly HubFolder _folder = new();

    [Fact]
    public async Task Connections_that_are_cut_go_on_where_they_were_cut()
    {
        FakeFile weights = _folder.AddModel();
        int cuts = 0;
        _folder.Hub.Interfere = (request, answer) =>
        {
            if (request.IsStore && Interlocked.Increment(ref cuts) <= 10)
            {
                answer.CutAfter = 5000;
            }

            return null;
        };
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Contains(_folder.Notes, n => n.Contains("trying again", StringComparison.Ordinal));

        // No byte that arrived was asked for twice: ranges begin where others were cut, or at a boundary.
        Assert.All(_folder.Hub.Requests.Where(r => r.IsStore), r => Assert.True(r.Range!.Value.Start % (16 << 10) % 5000 == 0, $"{r.Range}"));
        Assert.Empty(_folder.Leftovers());
    }

    [Fact]
    public async Task A_cancelled_pull_goes_on_without_asking_again_for_what_has_arrived()
    {
        FakeFile weights = _folder.AddModel(400_000);
        using var cancel = new CancellationTokenSource();
        _folder.Hub.Interfere = (request, answer) =>
        {
            answer.Pause = request.IsStore ? TimeSpan.FromMilliseconds(5) : TimeSpan.Zero;
            return null;
        };
        Task<Snapshot> pull = new HubClient(_folder.Options, e =>
        {
            _folder.Events.Add(e);
            if (_folder.Events.OfType<PullAdvanced>().Sum(a => a.Bytes) > 150_000)
            {
                cancel.Cancel();
            }
        }).Pull(new PullRequest(_folder.Id), cancel.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pull);
        Assert.False(File.Exists(Path.Combine(_folder.Snapshot, "model.safetensors")));
        Assert.Contains(_folder.Leftovers(), f => f.EndsWith(weights.Sha256 + ".lorikeet.incomplete", StringComparison.Ordinal));
        long kept = PartialFile.Peek(Path.Combine(_folder.Repository, "blobs", weights.Sha256), 400_000);
        Assert.InRange(kept, 140_000, 399_999);
        await GoesOn(weights, kept);
    }

    [Fact]
    public async Task A_killed_pull_goes_on_from_its_record_even_if_its_last_line_is_torn()
    {
        FakeFile weights = _folder.AddModel(200_000);
        string blob = Path.Combine(_folder.Repository, "blobs", weights.Sha256);
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        byte[] data = new byte[200_000];
        weights.Content.AsSpan(0, 50_000).CopyTo(data);
        weights.Content.AsSpan(100_000, 30_000).CopyTo(data.AsSpan(100_000));
        File.WriteAllBytes(blob + ".lorikeet.incomplete", data);
        File.WriteAllText(blob + ".lorikeet.ranges", "size 200000 200000\ndone 0 50000\ndone 100000 130000\ndone 150000 1");
        Assert.Equal(80_000, PartialFile.Peek(blob, 200_000));
        await GoesOn(weights, 80_000);
        Assert.DoesNotContain(_folder.Hub.Downloads("model.safetensors"), r => r.IsStore && (r.Range!.Value.Start < 50_000 || r.Range.Value.Start is >= 100_000 and < 130_000));
    }

    [Fact]
    public async Task Kept_bytes_that_are_damaged_are_fetched_anew()
    {
        FakeFile weights = _folder.AddModel(60_000);
        string blob = Path.Combine(_folder.Repository, "blobs", weights.Sha256);
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        File.WriteAllBytes(blob + ".lorikeet.incomplete", new byte[60_000]);
        File.WriteAllText(blob + ".lorikeet.ranges", "size 60000 60000\ndone 0 20000\n");
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Contains(_folder.Notes, n => n.Contains("damaged (wrong hash); fetching it anew", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Content_with_the_wrong_hash_never_becomes_visible(bool isLarge)
    {
        FakeFile weights = _folder.AddModel(30_000);
        FakeFile wrong = isLarge ? weights : _folder.Hub.Files["config.json"];
        wrong.Content = [.. wrong.Content[..^1], (byte)(wrong.Content[^1] ^ 1)];
        HubException failure = await _folder.Fails();
        Assert.Contains(isLarge ? "model.safetensors: its SHA-256 should be " + weights.Sha256 : "config.json: its git hash should be", failure.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder.Snapshot, isLarge ? "model.safetensors" : "config.json")));
        Assert.False(File.Exists(Path.Combine(_folder.Repository, "blobs", wrong.Name)));
        Assert.DoesNotContain(_folder.Leftovers(), f => f.Contains(wrong.Name, StringComparison.Ordinal));
        Assert.Null(new HubClient(_folder.Options).FindCached(_folder.Id));
    }

    [Theory]
    [InlineData("longer", "30100")]
    [InlineData("shorter", "29900")]
    public async Task Another_size_than_listed_is_an_error(string how, string found)
    {
        FakeFile weights = _folder.AddModel(30_000);
        weights.Content = how == "longer" ? [.. weights.Content, .. new byte[100]] : weights.Content[..^100];
        HubException failure = await _folder.Fails();
        Assert.Contains("model.safetensors", failure.Message, StringComparison.Ordinal);
        Assert.True(failure.Message.Contains(found, StringComparison.Ordinal) || failure.Message.Contains("asked for the bytes", StringComparison.Ordinal), failure.Message);
    }

    [Fact]
    public async Task An_endless_body_is_cut_off()
    {
        _folder.AddModel(1000);
        _folder.Hub.Interfere = (request, answer) =>
        {
            if (request.File == "config.json")
            {
                answer.Headers["Transfer-Encoding"] = "identity";
                answer.Body = new byte[1 << 20];
            }

            return null;
        };
        HubException failure = await _folder.Fails();
        Assert.Contains("more than the", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_ignores_ranges_is_read_from_the_beginning()
    {
        FakeFile weights = _folder.AddModel();
        _folder.Hub.HonoursRanges = false;
        int cuts = 0;
        _folder.Hub.Interfere = (request, answer) =>
        {
            answer.CutAfter = request is { IsStore: true, Range: null } && Interlocked.Increment(ref cuts) <= 2 ? 60_000 : null;
            return null;
        };
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Contains(_folder.Notes, n => n.Contains("ignores ranges", StringComparison.Ordinal));
        Assert.Equal(3, _folder.Hub.Requests.Count(r => r is { IsStore: true, Range: null }));
    }

    [Theory]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task Servers_that_fail_for_a_while_are_asked_again(int status)
    {
        FakeFile weights = _folder.AddModel();
        var failed = new System.Collections.Concurrent.ConcurrentDictionary<string, int>();
        _folder.Hub.Interfere = (request, _) =>
            failed.AddOrUpdate($"{request.Path} {request.Range}", 1, (_, n) => n + 1) <= 2 ? FakeAnswer.Error(status) : null;
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
    }

    [Fact]
    public async Task A_server_that_goes_on_failing_ends_the_pull_with_its_status()
    {
        _folder.AddModel();
        _folder.Hub.Interfere = (_, _) => FakeAnswer.Error(503);
        HubException failure = await _folder.Fails();
        Assert.Equal(HubFailure.Unreachable, failure.Failure);
        Assert.Contains("answers 503", failure.Message, StringComparison.Ordinal);
        Assert.Equal(6, _folder.Hub.Requests.Count);
    }

    [Theory]
    [InlineData("7")]
    [InlineData("date")]
    public async Task The_server_says_how_long_to_wait(string retryAfter)
    {
        _folder.AddModel(1000);
        var clock = new HurriedClock();
        int asked = 0;
        _folder.Hub.Interfere = (_, _) =>
        {
            if (Interlocked.Increment(ref asked) > 1)
            {
                return null;
            }

            FakeAnswer busy = FakeAnswer.Error(429);
            busy.Headers["Retry-After"] = retryAfter == "date" ? clock.GetUtcNow().AddSeconds(7).ToString("R", CultureInfo.InvariantCulture) : retryAfter;
            return busy;
        };
        await _folder.Pull(clock: clock);
        Assert.InRange(Assert.Single(clock.Waits).TotalSeconds, 5.9, 7.1);
    }

    [Fact]
    public async Task A_wait_of_hours_is_refused_with_advice()
    {
        _folder.AddModel(1000);
        _folder.Hub.Interfere = (_, _) =>
        {
            FakeAnswer busy = FakeAnswer.Error(429);
            busy.Headers["Retry-After"] = "7200";
            return busy;
        };
        HubException failure = await _folder.Fails();
        Assert.Contains("asks to wait 7200 s", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pauses_double()
    {
        _folder.AddModel(1000);
        var clock = new HurriedClock();
        _folder.Options = _folder.Options with { RetryDelay = TimeSpan.FromSeconds(1) };
        _folder.Hub.Interfere = (_, _) => FakeAnswer.Error(500);
        await Assert.ThrowsAsync<HubException>(() => _folder.Pull(clock: clock));
        Assert.Equal([1, 2, 4, 8, 16], clock.Waits.Select(w => w.TotalSeconds));
    }

    [Fact]
    public async Task A_download_that_stands_still_is_asked_for_again()
    {
        FakeFile weights = _folder.AddModel(50_000);
        _folder.Options = _folder.Options with { StallTimeout = TimeSpan.FromMilliseconds(300) };
        int stalls = 0;
        _folder.Hub.Interfere = (request, answer) =>
        {
            answer.StallAfter = request.IsStore && Interlocked.Increment(ref stalls) <= 2 ? 3000 : null;
            return null;
        };
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Contains(_folder.Notes, n => n.Contains("nothing arrived for 0.3 s", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_a_network_a_whole_copy_in_the_cache_is_used_and_said()
    {
        _folder.AddModel();
        await _folder.Pull();
        _folder.Options = _folder.Options with { Endpoint = new Uri("http://127.0.0.1:9") };
        Snapshot pulled = await _folder.Pull();
        Assert.Equal(_folder.Snapshot, pulled.Directory);
        Assert.Contains(_folder.Notes, n => n.Contains("the copy in the cache is used, commit " + _folder.Hub.Commit, StringComparison.Ordinal));
        Directory.Delete(_folder.Options.CacheDirectory, recursive: true);
        _folder.Events.Clear();
        Assert.Equal(HubFailure.Unreachable, (await _folder.Fails()).Failure);
        Assert.Equal(2, _folder.Notes.Count(n => n.Contains("trying again", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_store_address_that_expires_is_asked_for_again()
    {
        FakeFile weights = _folder.AddModel();
        int served = 0;
        _folder.Hub.Interfere = (request, _) => request.IsStore && Interlocked.Increment(ref served) == 5 ? FakeAnswer.Error(403) : null;
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
    }

    [Fact]
    public async Task Two_pulls_at_once_fetch_every_byte_once()
    {
        FakeFile weights = _folder.AddModel(200_000);
        _folder.Hub.Interfere = (request, answer) =>
        {
            answer.Pause = request.IsStore ? TimeSpan.FromMilliseconds(10) : TimeSpan.Zero;
            return null;
        };
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await Task.WhenAll(
            new HubClient(_folder.Options).Pull(new PullRequest(_folder.Id), cancel),
            new HubClient(_folder.Options, _folder.Events.Add).Pull(new PullRequest(_folder.Id), cancel));
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Equal(200_000, _folder.Hub.Downloads("model.safetensors").Where(r => r.IsStore).Sum(r => r.Range!.Value.End - r.Range.Value.Start + 1));
        Assert.Empty(_folder.Leftovers());
    }

    public void Dispose() => _folder.Dispose();

    private async Task GoesOn(FakeFile weights, long kept)
    {
        _folder.Hub.ForgetRequests();
        _folder.Events.Clear();
        _folder.Hub.Interfere = static (_, _) => null;
        await _folder.Pull();
        Assert.Equal(weights.Content, _folder.Pulled("model.safetensors"));
        Assert.Equal(kept, _folder.Events.OfType<PullPlanned>().First().Kept);
        Assert.Equal(weights.Content.Length - kept, _folder.Hub.Downloads("model.safetensors").Where(r => r.IsStore).Sum(r => r.Range!.Value.End - r.Range.Value.Start + 1));
        Assert.Empty(_folder.Leftovers());
    }
}

/// <summary>A clock on which every wait is over at once; it keeps what was waited for.</summary>
internal sealed class HurriedClock : TimeProvider
{
    public List<TimeSpan> Waits { get; } = [];

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Waits.Add(dueTime);
        return System.CreateTimer(callback, state, TimeSpan.Zero, period);
    }
}
