using System.Globalization;

namespace Lorikeet.Hub;

/// <summary>Reads an answer's body; a break or a standstill is a failure that may pass.</summary>
internal sealed class BodyReader(HttpResponseMessage answer, TimeSpan stallTimeout) : IAsyncDisposable
{
    private Stream? _body;

    /// <summary>Reads what there is; 0 at the end.</summary>
    public async Task<int> Read(Memory<byte> buffer, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(stallTimeout);
        try
        {
            _body ??= await answer.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            return await _body.ReadAsync(buffer, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException standstill) when (!cancel.IsCancellationRequested)
        {
            throw new PassingFailure(string.Create(CultureInfo.InvariantCulture, $"nothing arrived for {stallTimeout.TotalSeconds:0.#} s"), inner: standstill);
        }
        catch (Exception broken) when (broken is IOException or HttpRequestException)
        {
            throw new PassingFailure($"the connection broke ({broken.Message})", inner: broken);
        }
    }

    public ValueTask DisposeAsync() => _body?.DisposeAsync() ?? ValueTask.CompletedTask;
}
