namespace Lorikeet.Tracking;

/// <summary>Hears what happens in a run: the terminal, the event file, other trackers.</summary>
public interface IRunListener
{
    /// <summary>Called on the trainer's thread for each event, in order; it must return soon.</summary>
    void On(RunEvent happened);
}
