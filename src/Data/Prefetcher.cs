using System.Runtime.ExceptionServices;

namespace Lorikeet.Data;

/// <summary>
/// Loads items ahead of their consumer on background threads and hands them over in order. What is delivered depends on the positions
/// alone, not on the number of threads: an error is thrown when its own position's turn has come, and the next call goes on behind it.
/// </summary>
/// <typeparam name="T">What is loaded; an item that was loaded but never taken is disposed if it can be.</typeparam>
public sealed class Prefetcher<T> : IDisposable
{
    private readonly Func<long, CancellationToken, T> _load;
    private readonly long _end;
    private readonly Slot[] _ring;
    private readonly Thread[] _workers;
    private readonly object _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private long _claimed;
    private long _taken;

    /// <summary>Starts loading the positions from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    /// <param name="start">First position.</param>
    /// <param name="end">Position behind the last one; <see cref="long.MaxValue"/> for no end.</param>
    /// <param name="load">Loads one position; called from several threads at once, and its result must depend on the position alone.</param>
    /// <param name="capacity">Items held at most, loaded or in work.</param>
    /// <param name="workers">Background threads.</param>
    public Prefetcher(long start, long end, Func<long, CancellationToken, T> load, int capacity, int workers = 1)
    {
        ArgumentNullException.ThrowIfNull(load);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        _load = load;
        _end = Math.Max(start, end);
        _claimed = _taken = start;
        _ring = new Slot[capacity];
        _workers = new Thread[Math.Min(workers, capacity)];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { IsBackground = true, Name = FormattableString.Invariant($"prefetch {i}") };
            _workers[i].Start();
        }
    }

    /// <summary>Position of the next item, which is the number consumed when the first position was 0.</summary>
    public long Position
    {
        get
        {
            lock (_gate)
            {
                return _taken;
            }
        }
    }

    /// <summary>Waits for the next item; false at the end.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was requested; nothing was taken.</exception>
    public bool TryTake(out T item, CancellationToken cancellation = default)
    {
        using CancellationTokenRegistration registration = cancellation.UnsafeRegister(static self => ((Prefetcher<T>)self!).Wake(), this);
        ExceptionDispatchInfo? error;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
            if (_taken == _end)
            {
                item = default!;
                return false;
            }

            ref Slot slot = ref _ring[_taken % _ring.Length];
            while (!slot.Ready)
            {
                cancellation.ThrowIfCancellationRequested();
                ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
                Monitor.Wait(_gate);
            }

            (item, error) = (slot.Item!, slot.Error);
            slot = default;
            _taken++;
            Monitor.PulseAll(_gate);
        }

        error?.Throw();
        return true;
    }

    /// <summary>Stops the workers, waits for the items in work, and disposes what was not taken.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            _stop.Cancel();
            Monitor.PulseAll(_gate);
        }

        foreach (Thread worker in _workers)
        {
            worker.Join();
        }

        foreach (Slot slot in _ring)
        {
            (slot.Item as IDisposable)?.Dispose();
        }

        _stop.Dispose();
    }

    private void Work()
    {
        CancellationToken stop = _stop.Token;
        while (Claim(stop) is { } position)
        {
            Slot slot = new() { Ready = true };
            try
            {
                slot.Item = _load(position, stop);
            }
            catch (Exception error)
            {
                // Whatever it is belongs to the consumer, who gets it in its turn.
                slot.Error = ExceptionDispatchInfo.Capture(error);
            }

            lock (_gate)
            {
                _ring[position % _ring.Length] = slot;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private long? Claim(CancellationToken stop)
    {
        lock (_gate)
        {
            while (!stop.IsCancellationRequested && _claimed < _end && _claimed - _taken >= _ring.Length)
            {
                Monitor.Wait(_gate);
            }

            return stop.IsCancellationRequested || _claimed >= _end ? null : _claimed++;
        }
    }

    private void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    private struct Slot
    {
        public bool Ready;
        public T? Item;
        public ExceptionDispatchInfo? Error;
    }
}
