using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lorikeet.Testing;

/// <summary>An HTTP server that answers one request per connection and can break off or stand still at any byte.</summary>
public sealed class MiniHttpServer : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<FakeRequest, FakeAnswer> _answer;

    /// <summary>Starts listening on a free port of this machine.</summary>
    public MiniHttpServer(Func<FakeRequest, FakeAnswer> answer)
    {
        _answer = answer;
        _listener.Start();
        _ = Accept();
    }

    /// <summary>The port.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Stops; open connections are cut.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
    }

    private async Task Accept()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token).ConfigureAwait(false);
                _ = Task.Run(() => Serve(client));
            }
            catch (Exception ended) when (ended is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task Serve(TcpClient client)
    {
        using (client)
        {
            try
            {
                NetworkStream stream = client.GetStream();
                if (await Request(stream).ConfigureAwait(false) is { } request)
                {
                    FakeAnswer answer = _answer(request);
                    await Send(stream, request, answer).ConfigureAwait(false);
                    client.Client.Shutdown(SocketShutdown.Send);
                }
            }
            catch (Exception gone) when (gone is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
            {
                // The other side broke off, or the test is over.
            }
        }
    }

    private async Task<FakeRequest?> Request(NetworkStream stream)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        while (!text.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
        {
            int read = await stream.ReadAsync(buffer, _stop.Token).ConfigureAwait(false);
            if (read == 0)
            {
                return null;
            }

            text.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }

        string[] lines = text.ToString().Split("\r\n");
        string[] first = lines[0].Split(' ');
        var headers = lines.Skip(1).TakeWhile(line => line.Length > 0)
            .ToDictionary(line => line.Split(':')[0], line => line[(line.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim(), StringComparer.OrdinalIgnoreCase);
        (long, long)? range = null;
        if (headers.TryGetValue("Range", out string? bytes))
        {
            string[] ends = bytes["bytes=".Length..].Split('-');
            range = (long.Parse(ends[0], CultureInfo.InvariantCulture), ends[1].Length > 0 ? long.Parse(ends[1], CultureInfo.InvariantCulture) : long.MaxValue);
        }

        string[] target = first[1].Split('?', 2);
        return new FakeRequest(first[0], target[0], target.Length > 1 ? target[1] : "", headers.GetValueOrDefault("Authorization"), range) { Headers = headers };
    }

    private async Task Send(NetworkStream stream, FakeRequest request, FakeAnswer answer)
    {
        var head = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {answer.Status} Status\r\nConnection: close\r\n"));
        if (!answer.Headers.ContainsKey("Content-Length") && !answer.Headers.ContainsKey("Transfer-Encoding"))
        {
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {answer.Body.Length}\r\n");
        }

        foreach ((string name, string value) in answer.Headers)
        {
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        }

        await stream.WriteAsync(Encoding.UTF8.GetBytes(head.Append("\r\n").ToString()), _stop.Token).ConfigureAwait(false);
        if (request.Method == "HEAD")
        {
            return;
        }

        int end = Math.Min(answer.Body.Length, Math.Min(answer.CutAfter ?? int.MaxValue, answer.StallAfter ?? int.MaxValue));
        for (int at = 0; at < end;)
        {
            if (answer.Pause > TimeSpan.Zero)
            {
                await Task.Delay(answer.Pause, _stop.Token).ConfigureAwait(false);
            }

            int count = Math.Min(end - at, 16 << 10);
            await stream.WriteAsync(answer.Body.AsMemory(at, count), _stop.Token).ConfigureAwait(false);
            at += count;
            answer.OnSent?.Invoke(count);
        }

        if (answer.StallAfter is not null)
        {
            await Task.Delay(Timeout.Infinite, _stop.Token).ConfigureAwait(false);
        }
    }
}
