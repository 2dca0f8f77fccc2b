using System.Globalization;

namespace Lorikeet.Hub;

/// <summary>Tries again what failed for a reason that may pass, with pauses that double, or as long as the server asks for.</summary>
internal sealed class Retrying(HubOptions options, TimeProvider clock, Action<PullEvent> tell)
{
    // Somebody without a network, or with a slip in a path that looks like a repository, should not wait half a minute.
    private const int RetriesWithoutConnection = 2;

    private volatile bool _hasConnected;

    /// <summary>Runs <paramref name="attempt"/> until it succeeds.</summary>
    /// <param name="what">What is being tried, for messages.</param>
    /// <param name="attempt">The work.</param>
    /// <param name="hasAdvanced">Asked after a failure; true starts the count of failures anew.</param>
    /// <param name="cancel">Ends everything.</param>
    /// <exception cref="HubException">Too many failures in a row, or a pause that is too long.</exception>
    public async Task<T> Run<T>(string what, Func<Task<T>> attempt, Func<bool>? hasAdvanced, CancellationToken cancel)
    {
        for (int failures = 0; ;)
        {
            PassingFailure failure;
            try
            {
                cancel.ThrowIfCancellationRequested();
                T result = await attempt().ConfigureAwait(false);
                _hasConnected = true;
                return result;
            }
            catch (PassingFailure passing)
            {
                failure = passing;
            }

            failures = hasAdvanced?.Invoke() == true ? 1 : failures + 1;
            _hasConnected |= !failure.HasNoConnection;
            if (failures > (_hasConnected ? options.Retries : Math.Min(options.Retries, RetriesWithoutConnection)))
            {
                string tries = failures == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $", {failures} times in a row");
                throw new HubException($"{what}: {failure.Message}{tries}", HubFailure.Unreachable, failure);
            }

            TimeSpan pause = failure.RetryAfter ?? TimeSpan.FromTicks(Math.Min(options.LongestDelay.Ticks, options.RetryDelay.Ticks << Math.Min(failures - 1, 20)));
            if (pause > options.LongestDelay)
            {
                throw new HubException(string.Create(CultureInfo.InvariantCulture, $"{what}: {failure.Message}; the server asks to wait {pause.TotalSeconds:0} s: try again later"), HubFailure.Unreachable, failure);
            }

            tell(new PullNote(string.Create(CultureInfo.InvariantCulture, $"{what}: {failure.Message}; trying again in {pause.TotalSeconds:0.#} s")));
            await Task.Delay(pause, clock, cancel).ConfigureAwait(false);
        }
    }
}
