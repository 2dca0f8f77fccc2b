namespace Lorikeet.Tracking;

/// <summary>Hears what happens in a run: the terminal, the event file, other trackers.</summary>
public interface IRunListener
{
    /// <summary>Called on the trainer's thread for each event, in order; it must return soon.</summary>
    void On(RunEvent happened);
}

/// <summary>Passes events on to several listeners, in their order.</summary>
public sealed class RunListeners(params IReadOnlyList<IRunListener> listeners) : IRunListener
{
    /// <inheritdoc/>
    public void On(RunEvent happened)
    {
        foreach (var listener in listeners)
        {
            listener.On(happened);
        }
    }
}
