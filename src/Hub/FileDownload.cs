using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Lorikeet.Hub;

/// <summary>
/// Fetches one file into a <see cref="PartialFile"/>: in ranges, several at a time, only those that are missing. A server that ignores
/// ranges is read from the beginning.
/// </summary>
internal sealed class FileDownload(HubHttp http, HubOptions options, Retrying retrying, SemaphoreSlim connections, Action<PullEvent> tell)
{
    private const int BufferBytes = 128 << 10;
    private static readonly TimeSpan RecordInterval = TimeSpan.FromSeconds(1);

    /// <summary>Fetches everything that <paramref name="partial"/> lacks.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="address">The hub's address of it.</param>
    /// <param name="partial">Where the bytes go.</param>
    /// <param name="cancel">Ends the download; what has arrived stays recorded.</param>
    public async Task Run(string path, Uri address, PartialFile partial, CancellationToken cancel)
    {
        var source = new Source(http, address);
        try
        {
            await Ranges(path, source, partial, cancel).ConfigureAwait(false);
        }
        catch (RangesIgnored)
        {
            tell(new PullNote($"{path}: the server ignores ranges; the file is fetched in one piece, and from the beginning after a break"));
            await Whole(path, source, partial, cancel).ConfigureAwait(false);
        }
    }

    private async Task Ranges(string path, Source source, PartialFile partial, CancellationToken cancel)
    {
        var missing = new Queue<ByteRange>(partial.Missing(options.RangeBytes));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        async Task Work()
        {
            while (!stop.IsCancellationRequested)
            {
                ByteRange range;
                lock (missing)
                {
                    if (!missing.TryDequeue(out range))
                    {
                        return;
                    }
                }

                try
                {
                    await Range(path, source, partial, range, stop.Token).ConfigureAwait(false);
                }
                catch
                {
                    await stop.CancelAsync().ConfigureAwait(false);
                    throw;
                }
            }
        }

        Task[] workers = [.. Enumerable.Range(0, Math.Min(options.Connections, missing.Count)).Select(_ => Work())];
        try
        {
            await Task.WhenAll(workers).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // The others were cancelled because one failed: its failure is the one to tell.
            throw workers.Select(worker => worker.Exception?.InnerException).FirstOrDefault(failure => failure is not null) ?? new OperationCanceledException();
        }

        cancel.ThrowIfCancellationRequested();
    }

    private async Task Range(string path, Source source, PartialFile partial, ByteRange range, CancellationToken cancel)
    {
        long at = range.Start, atLastFailure = at;
        bool HasAdvanced()
        {
            bool hasAdvanced = at > atLastFailure;
            atLastFailure = at;
            return hasAdvanced;
        }

        await retrying.Run(path, async () =>
        {
            await connections.WaitAsync(cancel).ConfigureAwait(false);
            try
            {
                var rest = new ByteRange(at, range.End);
                bool isWhole = rest.Start == 0 && rest.End == partial.Size;
                using HttpResponseMessage answer = await source.Open(isWhole ? null : rest, cancel).ConfigureAwait(false);
                CheckAnswer(path, answer, rest, partial.Size, isWhole);
                await Copy(answer, partial, rest, reached => at = reached, cancel).ConfigureAwait(false);
                return true;
            }
            finally
            {
                connections.Release();
            }
        }, HasAdvanced, cancel).ConfigureAwait(false);
    }

    private async Task Whole(string path, Source source, PartialFile partial, CancellationToken cancel)
    {
        await retrying.Run(path, async () =>
        {
            await connections.WaitAsync(cancel).ConfigureAwait(false);
            try
            {
                tell(new PullAdvanced(-partial.Done));
                partial.Reset();
                var all = new ByteRange(0, partial.Size);
                using HttpResponseMessage answer = await source.Open(null, cancel).ConfigureAwait(false);
                CheckAnswer(path, answer, all, partial.Size, isWhole: true);
                await Copy(answer, partial, all, static _ => { }, cancel).ConfigureAwait(false);
                return true;
            }
            finally
            {
                connections.Release();
            }
        }, null, cancel).ConfigureAwait(false);
    }

    // Writes the body at its place; what has arrived is recorded, however the copying ends.
    private async Task Copy(HttpResponseMessage answer, PartialFile partial, ByteRange range, Action<long> reached, CancellationToken cancel)
    {
        var body = new BodyReader(answer, options.StallTimeout);
        await using (body.ConfigureAwait(false))
        {
            byte[] buffer = new byte[(int)Math.Clamp(range.Length, 1, BufferBytes)];
            long at = range.Start, recorded = at, recordedWhen = Stopwatch.GetTimestamp();
            try
            {
                while (at < range.End)
                {
                    int read = await body.Read(buffer.AsMemory(0, (int)Math.Min(buffer.Length, range.End - at)), cancel).ConfigureAwait(false);
                    if (read == 0)
                    {
                        throw new PassingFailure(string.Create(CultureInfo.InvariantCulture, $"the connection ended {range.End - at} bytes too early"));
                    }

                    partial.Write(at, buffer.AsSpan(0, read));
                    at += read;
                    tell(new PullAdvanced(read));
                    if (at - recorded >= options.RecordBytes || Stopwatch.GetElapsedTime(recordedWhen) >= RecordInterval)
                    {
                        partial.MarkDone(new ByteRange(recorded, at));
                        (recorded, recordedWhen) = (at, Stopwatch.GetTimestamp());
                    }
                }
            }
            finally
            {
                partial.MarkDone(new ByteRange(recorded, at));
                reached(at);
            }

            if (range.End == partial.Size && await body.Read(buffer.AsMemory(0, 1), cancel).ConfigureAwait(false) != 0)
            {
                throw new HubException(string.Create(CultureInfo.InvariantCulture, $"the server sends more than the {partial.Size} bytes that the hub lists"));
            }
        }
    }

    private static void CheckAnswer(string path, HttpResponseMessage answer, ByteRange range, long size, bool isWhole)
    {
        long? length = answer.Content.Headers.ContentLength;
        if (answer.Content.Headers.ContentEncoding.Count > 0)
        {
            throw new HubException($"{path}: the server sends it compressed as '{SafeText.Of(string.Join(',', answer.Content.Headers.ContentEncoding))}', unasked");
        }

        if (answer.StatusCode == HttpStatusCode.OK)
        {
            if (length is { } whole && whole != size)
            {
                throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{path}: the hub lists {size} bytes, the server sends {whole}"));
            }

            if (!isWhole)
            {
                throw new RangesIgnored();
            }

            return;
        }

        var part = answer.Content.Headers.ContentRange;
        if (answer.StatusCode != HttpStatusCode.PartialContent || isWhole || part is null || part.From != range.Start || part.To > range.End - 1)
        {
            throw new HubException(string.Create(
                CultureInfo.InvariantCulture, $"{path}: asked for the bytes {range.Start} to {range.End - 1}, the server answers {(int)answer.StatusCode} with '{SafeText.Of(part?.ToString() ?? "")}'"));
        }

        if (part.Length is { } total && total != size)
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{path}: the hub lists {size} bytes, the server has {total}"));
        }
    }

    private sealed class RangesIgnored : Exception;

    // The hub redirects large files to a store, under an address that is good for some time: it is kept until it fails.
    private sealed class Source(HubHttp http, Uri address)
    {
        private volatile Uri? _store;

        public async Task<HttpResponseMessage> Open(ByteRange? range, CancellationToken cancel)
        {
            if (_store is { } store)
            {
                try
                {
                    return (await http.Send(HttpMethod.Get, store, range, cancel).ConfigureAwait(false)).Answer;
                }
                catch (HubException)
                {
                    _store = null;
                }
            }

            (HttpResponseMessage answer, Uri from) = await http.Send(HttpMethod.Get, address, range, cancel).ConfigureAwait(false);
            _store = from;
            return answer;
        }
    }
}
