using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// A fixed set of threads for short parallel loops. The calling thread takes part and, when the items have run out, waits
/// only for items that another thread has claimed, never for a thread that has not woken yet. A loop allocates nothing.
/// <para>
/// The pool does not decide how work is split: callers split by shape, never by <see cref="Threads"/>, so that results
/// are the same bits whatever the number of threads. A loop started while another one runs on the same pool (nested, or
/// from a second thread) runs serially on its caller.
/// </para>
/// </summary>
public sealed unsafe class WorkPool : IDisposable
{
    // A worker polls this long for the next loop before it sleeps: consecutive loops of a training step are closer
    // together than that, and waking a sleeping thread costs tens of microseconds.
    private static readonly long SpinTicks = Stopwatch.Frequency / 5000;

    // Ticket value while no loop is open: an index that is past every loop's end.
    private const uint Closed = int.MaxValue;

    private readonly Thread[] _workers;
    private readonly SemaphoreSlim _wake = new(0);
    private Shared _shared;
    private int _busy;
    private bool _disposed;

    // The loop in progress. Written by its owner while the ticket is closed, read by workers before they claim an item;
    // a claim only succeeds if the ticket (and so the loop) has not changed since it was read.
    private delegate*<void*, int, void> _invoke;
    private void* _body;
    private int _count;
    private ExceptionDispatchInfo? _failure;
    private int _failedIndex;
    private readonly Lock _failureLock = new();

    /// <summary>Counters that several threads write, each on its own cache line.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 320)]
    private struct Shared
    {
        /// <summary>High 32 bits: number of the loop; low 32 bits: next item.</summary>
        [FieldOffset(64)] public ulong Ticket;
        [FieldOffset(128)] public int Done;
        [FieldOffset(192)] public int Sleeping;
        [FieldOffset(256)] public int Stopping;
    }

    /// <summary>Starts <paramref name="threads"/> - 1 worker threads.</summary>
    /// <param name="threads">Threads that work on a loop, the caller included; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is less than 1 or more than 1024.</exception>
    public WorkPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, 1024);
        Threads = threads;
        _shared.Ticket = Closed;
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(WorkerLoop) { IsBackground = true, Name = $"Lorikeet worker {i + 1}" };
            _workers[i].Start();
        }
    }

    /// <summary>Threads that work on a loop, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Runs items 0 to <paramref name="n"/> - 1 of <paramref name="body"/> and returns when all are done.</summary>
    /// <param name="n">Number of items; nothing happens for 0 or less.</param>
    /// <param name="body">The loop's body.</param>
    /// <remarks>
    /// If items throw, those not yet claimed are left out and the exception of the lowest failed index is thrown again here.
    /// </remarks>
    /// <exception cref="ObjectDisposedException">The pool has been disposed.</exception>
    public void For(int n, Action<int> body)
    {
        ArgumentNullException.ThrowIfNull(body);
        For(n, new ActionBody(body));
    }

    /// <inheritdoc cref="For(int, Action{int})"/>
    /// <typeparam name="TBody">Struct that holds the loop's arguments; it is copied once and shared by all threads.</typeparam>
    public void For<TBody>(int n, TBody body) where TBody : struct, IWorkBody
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (n > 1 && _workers.Length > 0 && Interlocked.CompareExchange(ref _busy, 1, 0) == 0)
        {
            try
            {
                RunShared(n, ref body);
            }
            finally
            {
                Volatile.Write(ref _busy, 0);
            }

            return;
        }

        for (int i = 0; i < n; i++)
        {
            body.Run(i);
        }
    }

    /// <summary>Stops the workers and waits for them. No loop may be running.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Volatile.Write(ref _shared.Stopping, 1);
        if (_workers.Length > 0)
        {
            _wake.Release(_workers.Length);
        }

        foreach (Thread worker in _workers)
        {
            worker.Join();
        }

        _wake.Dispose();
    }

    private void RunShared<TBody>(int n, ref TBody body) where TBody : struct, IWorkBody
    {
        // The body is a parameter on the stack of For, which does not return before every claimed item is done,
        // so its address stays valid for as long as any thread can use it.
        uint loop = (uint)(_shared.Ticket >> 32) + 1;
        _invoke = &Invoke<TBody>;
        _body = Unsafe.AsPointer(ref body);
        _count = n;
        _failure = null;
        _failedIndex = int.MaxValue;
        _shared.Done = 0;
        Volatile.Write(ref _shared.Ticket, (ulong)loop << 32);
        Interlocked.MemoryBarrier();
        WakeSleepers(n - 1);
        while (TryWorkOne())
        {
        }

        WaitForClaimedItems(n);
        // Closed before the next loop's fields are written: a worker that read this loop's ticket can then no longer claim.
        Interlocked.Exchange(ref _shared.Ticket, ((ulong)loop << 32) | Closed);
        _body = null;
        ExceptionDispatchInfo? failure = _failure;
        _failure = null;
        failure?.Throw();
    }

    private static void Invoke<TBody>(void* body, int index) where TBody : struct, IWorkBody =>
        Unsafe.AsRef<TBody>(body).Run(index);

    private void WakeSleepers(int useful)
    {
        int sleeping = Volatile.Read(ref _shared.Sleeping);
        int wanted = Math.Min(sleeping, useful) - _wake.CurrentCount;
        if (wanted > 0)
        {
            _wake.Release(wanted);
        }
    }

    private void WaitForClaimedItems(int n)
    {
        int spins = 0;
        while (Volatile.Read(ref _shared.Done) != n)
        {
            if (++spins < 2000)
            {
                Thread.SpinWait(4);
            }
            else
            {
                Thread.Yield();
            }
        }
    }

    /// <summary>Claims and runs one item of the open loop; false if there is none.</summary>
    private bool TryWorkOne()
    {
        while (true)
        {
            ulong ticket = Volatile.Read(ref _shared.Ticket);
            uint index = (uint)ticket;
            if (index >= (uint)Volatile.Read(ref _count) || index == Closed)
            {
                return false;
            }

            delegate*<void*, int, void> invoke = _invoke;
            void* body = _body;
            if (Interlocked.CompareExchange(ref _shared.Ticket, ticket + 1, ticket) != ticket)
            {
                continue;
            }

            RunClaimed(invoke, body, (int)index);
            return true;
        }
    }

    private void RunClaimed(delegate*<void*, int, void> invoke, void* body, int index)
    {
        try
        {
            if (_failure == null)
            {
                invoke(body, index);
            }
        }
        catch (Exception e)
        {
            // Handed to the loop's caller, which throws it again.
            lock (_failureLock)
            {
                if (index < _failedIndex)
                {
                    _failedIndex = index;
                    _failure = ExceptionDispatchInfo.Capture(e);
                }
            }
        }
        finally
        {
            Interlocked.Increment(ref _shared.Done);
        }
    }

    private void WorkerLoop()
    {
        long idleSince = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref _shared.Stopping) == 0)
        {
            if (TryWorkOne())
            {
                idleSince = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetTimestamp() - idleSince < SpinTicks)
            {
                Thread.SpinWait(8);
            }
            else
            {
                SleepUntilWoken();
                idleSince = Stopwatch.GetTimestamp();
            }
        }
    }

    private void SleepUntilWoken()
    {
        Interlocked.Increment(ref _shared.Sleeping);
        // Looked at again after the announcement, else a loop opened in between would not wake this thread.
        uint next = (uint)Volatile.Read(ref _shared.Ticket);
        if (next == Closed || next >= (uint)Volatile.Read(ref _count))
        {
            _wake.Wait();
        }

        Interlocked.Decrement(ref _shared.Sleeping);
    }

    private readonly struct ActionBody(Action<int> action) : IWorkBody
    {
        public void Run(int index) => action(index);
    }
}
