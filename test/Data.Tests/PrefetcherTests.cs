namespace Lorikeet.Data.Tests;

public sealed class PrefetcherTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 4)]
    [InlineData(4, 4)]
    [InlineData(3, 16)]
    [InlineData(8, 2)]
    public void Items_come_in_order_whatever_the_number_of_workers(int workers, int capacity)
    {
        using var prefetcher = new Prefetcher<long>(5, 505, (i, _) =>
        {
            Thread.SpinWait((int)(i * 7919 % 500));
            return i * i;
        }, capacity, workers);
        for (long i = 5; i < 505; i++)
        {
            Assert.Equal(i, prefetcher.Position);
            Assert.True(prefetcher.TryTake(out long item));
            Assert.Equal(i * i, item);
        }

        Assert.False(prefetcher.TryTake(out _));
        Assert.False(prefetcher.TryTake(out _));
    }

    [Fact]
    public void No_more_than_the_capacity_is_loaded_ahead()
    {
        int loaded = 0;
        using var enough = new ManualResetEventSlim();
        using var prefetcher = new Prefetcher<long>(0, long.MaxValue, (i, _) =>
        {
            if (Interlocked.Increment(ref loaded) == 3)
            {
                enough.Set();
            }

            return i;
        }, capacity: 3, workers: 2);
        Assert.True(enough.Wait(TimeSpan.FromSeconds(10)));
        Thread.Sleep(50);
        Assert.Equal(3, Volatile.Read(ref loaded));
        Assert.True(prefetcher.TryTake(out long item));
        Assert.Equal(0, item);
    }

    [Fact]
    public void An_error_comes_in_its_turn_and_does_not_end_the_sequence()
    {
        using var prefetcher = new Prefetcher<long>(0, 4, (i, _) => i == 1 ? throw new InvalidDataException("x.jsonl:2: bad") : i, capacity: 4, workers: 3);
        Assert.True(prefetcher.TryTake(out long item));
        Assert.Equal(0, item);
        Assert.Equal("x.jsonl:2: bad", Assert.Throws<InvalidDataException>(() => prefetcher.TryTake(out _)).Message);
        Assert.True(prefetcher.TryTake(out item));
        Assert.Equal(2, item);
        Assert.True(prefetcher.TryTake(out item));
        Assert.False(prefetcher.TryTake(out _));
    }

    [Fact]
    public void A_waiting_consumer_is_released_by_cancellation()
    {
        using var cancel = new CancellationTokenSource();
        using var prefetcher = new Prefetcher<long>(0, 10, (i, stop) =>
        {
            stop.WaitHandle.WaitOne();
            return i;
        }, capacity: 2);
        cancel.CancelAfter(30);
        Assert.Throws<OperationCanceledException>(() => prefetcher.TryTake(out _, cancel.Token));
        Assert.Equal(0, prefetcher.Position);
    }

    [Fact]
    public void Disposing_stops_loaders_and_disposes_what_was_not_taken()
    {
        int alive = 0;
        var prefetcher = new Prefetcher<Item>(0, 100, (_, _) => new Item(() => Interlocked.Decrement(ref alive), Interlocked.Increment(ref alive)), capacity: 5, workers: 2);
        Assert.True(prefetcher.TryTake(out Item first));
        prefetcher.Dispose();
        prefetcher.Dispose();
        Assert.Equal(1, alive);
        first.Dispose();
        Assert.Equal(0, alive);
        Assert.Throws<ObjectDisposedException>(() => prefetcher.TryTake(out _));
    }

    private sealed class Item(Action release, int number) : IDisposable
    {
        public int Number { get; } = number;

        public void Dispose() => release();
    }
}
