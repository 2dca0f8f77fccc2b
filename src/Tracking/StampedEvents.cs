namespace Lorikeet.Tracking;

/// <summary>Puts the time and the seconds since the run began on every event that has none, and passes it on to several listeners in their order.</summary>
public sealed class StampedEvents : IRunListener
{
    private readonly TimeProvider _clock;
    private readonly long _began;
    private readonly IReadOnlyList<IRunListener> _listeners;

    private StampedEvents(TimeProvider clock, IReadOnlyList<IRunListener> listeners)
    {
        _clock = clock;
        _began = clock.GetTimestamp();
        _listeners = listeners;
    }

    /// <summary>Begins to count now.</summary>
    /// <param name="clock">The clock.</param>
    /// <param name="listeners">Who hears the events.</param>
    public static IRunListener For(TimeProvider clock, params IReadOnlyList<IRunListener> listeners)
    {
        ArgumentNullException.ThrowIfNull(clock);
        return new StampedEvents(clock, listeners);
    }

    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        ArgumentNullException.ThrowIfNull(happened);
        happened = happened with
        {
            Time = happened.Time == default ? _clock.GetUtcNow() : happened.Time,
            ElapsedS = happened.ElapsedS == 0 ? _clock.GetElapsedTime(_began).TotalSeconds : happened.ElapsedS,
        };
        foreach (var listener in _listeners)
        {
            listener.On(happened);
        }
    }
}
