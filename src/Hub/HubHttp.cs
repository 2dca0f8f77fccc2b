using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Lorikeet.Hub;

/// <summary>
/// Requests to the hub and to the stores it redirects to. Redirects are followed by hand: the access token goes to the endpoint's own
/// scheme, host and port and nowhere else. What may pass is thrown as <see cref="PassingFailure"/>; what will not, as
/// <see cref="HubException"/>.
/// </summary>
internal sealed class HubHttp : IDisposable
{
    private const int MaxRedirects = 10;
    private const int MaxErrorHeader = 300;

    private readonly HubOptions _options;
    private readonly HttpClient _client;
    private readonly TimeProvider _clock;

    public HubHttp(HubOptions options, TimeProvider clock)
    {
        (_options, _clock) = (options, clock);
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            UseCookies = false,
            ConnectTimeout = options.AnswerTimeout,
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30),
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
    }

    /// <summary>An address below the endpoint. <paramref name="path"/> is already escaped.</summary>
    public Uri Address(string path) => new(_options.Endpoint.AbsoluteUri.TrimEnd('/') + "/" + path);

    /// <summary>Sends a request and follows redirects; answers of 400 and above are thrown.</summary>
    /// <param name="method">GET or HEAD.</param>
    /// <param name="address">Where to.</param>
    /// <param name="range">The bytes wanted, or null for all.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <returns>The answer, its body unread, and the address that gave it.</returns>
    public async Task<(HttpResponseMessage Answer, Uri From)> Send(HttpMethod method, Uri address, ByteRange? range, CancellationToken cancel)
    {
        for (int hops = 0; ; hops++)
        {
            HttpResponseMessage answer = await SendOnce(method, address, range, cancel).ConfigureAwait(false);
            if ((int)answer.StatusCode < 300)
            {
                return (answer, address);
            }

            using (answer)
            {
                if ((int)answer.StatusCode >= 400)
                {
                    throw Failure(answer, address);
                }

                address = Target(answer, address, hops);
            }
        }
    }

    /// <summary>Sends a HEAD request and follows redirects within the endpoint only: the hub describes a file in the answer that redirects to the store.</summary>
    public async Task<HttpResponseMessage> Head(Uri address, CancellationToken cancel)
    {
        for (int hops = 0; ; hops++)
        {
            HttpResponseMessage answer = await SendOnce(HttpMethod.Head, address, null, cancel).ConfigureAwait(false);
            if ((int)answer.StatusCode < 300)
            {
                return answer;
            }

            if ((int)answer.StatusCode >= 400)
            {
                using (answer)
                {
                    throw Failure(answer, address);
                }
            }

            Uri target;
            try
            {
                target = Target(answer, address, hops);
            }
            catch
            {
                answer.Dispose();
                throw;
            }

            if (answer.Headers.Contains("X-Linked-Etag") || !IsEndpoint(target))
            {
                return answer;
            }

            answer.Dispose();
            address = target;
        }
    }

    /// <summary>The body of a GET request, a JSON text.</summary>
    public async Task<(byte[] Body, Uri? Next)> GetJson(Uri address, CancellationToken cancel)
    {
        (HttpResponseMessage answer, Uri from) = await Send(HttpMethod.Get, address, null, cancel).ConfigureAwait(false);
        using (answer)
        {
            var body = new MemoryStream();
            var source = new BodyReader(answer, _options.StallTimeout);
            await using (source.ConfigureAwait(false))
            {
                byte[] buffer = new byte[1 << 16];
                for (int read; (read = await source.Read(buffer, cancel).ConfigureAwait(false)) > 0;)
                {
                    body.Write(buffer, 0, read);
                    if (body.Length > _options.MaxAnswerBytes)
                    {
                        throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{from.Host}: the answer to {from.AbsolutePath} is longer than {_options.MaxAnswerBytes} bytes"));
                    }
                }
            }

            return (body.ToArray(), NextPage(answer, from));
        }
    }

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _client.Dispose();

    private async Task<HttpResponseMessage> SendOnce(HttpMethod method, Uri address, ByteRange? range, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(method, address);
        request.Headers.TryAddWithoutValidation("User-Agent", _options.UserAgent);
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity"));
        if (range is { } bytes)
        {
            request.Headers.Range = new RangeHeaderValue(bytes.Start, bytes.End - 1);
        }

        if (_options.Token is not null && IsEndpoint(address))
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", _options.Token);
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_options.AnswerTimeout);
        try
        {
            return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException timeout) when (!cancel.IsCancellationRequested)
        {
            throw new PassingFailure(string.Create(CultureInfo.InvariantCulture, $"{address.Authority} did not answer within {_options.AnswerTimeout.TotalSeconds:0.#} s"), inner: timeout);
        }
        catch (HttpRequestException failure)
        {
            throw new PassingFailure($"no connection to {address.Authority}: {Innermost(failure)}", inner: failure)
            {
                HasNoConnection = failure.HttpRequestError is HttpRequestError.NameResolutionError or HttpRequestError.ConnectionError,
            };
        }
    }

    private Exception Failure(HttpResponseMessage answer, Uri address)
    {
        int status = (int)answer.StatusCode;
        string said = Header(answer, "X-Error-Message") is { } message ? $" ({SafeText.Of(message)})" : "";
        string what = string.Create(CultureInfo.InvariantCulture, $"{address.Authority} answers {status} to {SafeText.Of(address.AbsolutePath)}{said}");
        if (status is 408 or 429 or 500 or 502 or 503 or 504)
        {
            return new PassingFailure(what, RetryAfter(answer));
        }

        HubFailure failure = !IsEndpoint(address) ? HubFailure.Other : (status, Header(answer, "X-Error-Code")) switch
        {
            (_, "RevisionNotFound") => HubFailure.NoSuchRevision,
            (_, "GatedRepo") or (403, _) => HubFailure.Denied,
            (401, not "RepoNotFound") when address.AbsolutePath.Contains("/resolve/", StringComparison.Ordinal) => HubFailure.Denied,
            (_, "RepoNotFound" or "EntryNotFound") or (401 or 404, _) => HubFailure.NotFound,
            _ => HubFailure.Other,
        };
        return new HubException(what, failure) { Status = answer.StatusCode };
    }

    private static Uri Target(HttpResponseMessage answer, Uri from, int hops)
    {
        if (answer.Headers.Location is not { } location)
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{from.Authority} answers {(int)answer.StatusCode} without saying where to go"));
        }

        Uri target = location.IsAbsoluteUri ? location : new Uri(from, location);
        if (hops >= MaxRedirects)
        {
            throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{from.Authority} redirects more than {MaxRedirects} times"));
        }

        if (target.Scheme != Uri.UriSchemeHttps && (target.Scheme != Uri.UriSchemeHttp || from.Scheme == Uri.UriSchemeHttps))
        {
            throw new HubException($"{from.Authority} redirects to '{SafeText.Of(target.Scheme)}:'; expected https");
        }

        return target;
    }

    private bool IsEndpoint(Uri address) => Uri.Compare(address, _options.Endpoint, UriComponents.SchemeAndServer, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private TimeSpan? RetryAfter(HttpResponseMessage answer) => answer.Headers.RetryAfter switch
    {
        { Delta: { } delta } => delta,
        { Date: { } date } => date > _clock.GetUtcNow() ? date - _clock.GetUtcNow() : TimeSpan.Zero,
        _ => null,
    };

    // Link: <https://.../tree/COMMIT?cursor=...>; rel="next"
    private Uri? NextPage(HttpResponseMessage answer, Uri from)
    {
        foreach (string link in answer.Headers.TryGetValues("Link", out var links) ? links.SelectMany(line => line.Split(',')) : [])
        {
            string[] parts = link.Split(';', StringSplitOptions.TrimEntries);
            if (parts[0].StartsWith('<') && parts[0].EndsWith('>') && parts.Skip(1).Any(part => part is "rel=\"next\"" or "rel=next"))
            {
                return Uri.TryCreate(from, parts[0][1..^1], out Uri? next) && IsEndpoint(next) ? next
                    : throw new HubException($"{from.Authority} continues its list of files at another host");
            }
        }

        return null;
    }

    /// <summary>A header's value, cut to a bearable length.</summary>
    public static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) && values.FirstOrDefault() is { } value ? value[..Math.Min(value.Length, MaxErrorHeader)] : null;

    private static string Innermost(Exception failure) => failure.InnerException is { } inner ? Innermost(inner) : failure.Message;
}
