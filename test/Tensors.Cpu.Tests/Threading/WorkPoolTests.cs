namespace Lorikeet.Tensors.Cpu.Tests;

public class WorkPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void EveryItemRunsOnce(int threads)
    {
        using var pool = new WorkPool(threads);
        for (int round = 0; round < 2000; round++)
        {
            int n = round % 50;
            var hits = new int[n];
            pool.For(n, i => Interlocked.Increment(ref hits[i]));
            Assert.All(hits, h => Assert.Equal(1, h));
        }
    }

    [Fact]
    public void ConcurrentCallersAllGetTheirItemsDone()
    {
        using var pool = new WorkPool(3);
        var threads = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
        {
            for (int round = 0; round < 2000; round++)
            {
                var hits = new int[17];
                pool.For(17, i => Interlocked.Increment(ref hits[i]));
                if (hits.Any(h => h != 1))
                {
                    throw new InvalidOperationException("an item ran not exactly once");
                }
            }
        })).ToArray();
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
    }

    [Fact]
    public void ANestedLoopRunsOnItsCaller()
    {
        using var pool = new WorkPool(4);
        int total = 0;
        pool.For(8, _ =>
        {
            int thread = Environment.CurrentManagedThreadId;
            pool.For(5, _ =>
            {
                Assert.Equal(thread, Environment.CurrentManagedThreadId);
                Interlocked.Increment(ref total);
            });
        });
        Assert.Equal(40, total);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void AnExceptionReachesTheCallerAndThePoolGoesOn(int threads)
    {
        using var pool = new WorkPool(threads);
        var thrown = Assert.Throws<InvalidOperationException>(() => pool.For(100, i =>
        {
            if (i == 3)
            {
                throw new InvalidOperationException("item 3");
            }
        }));
        Assert.Equal("item 3", thrown.Message);
        int count = 0;
        pool.For(100, _ => Interlocked.Increment(ref count));
        Assert.Equal(100, count);
    }

    [Fact]
    public void ALoopWithAStructBodyAllocatesNothing()
    {
        using var pool = new WorkPool(2);
        var sums = new int[64];
        pool.For(64, new AddBody(sums));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 100; round++)
        {
            pool.For(64, new AddBody(sums));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.All(sums, s => Assert.Equal(101, s));
    }

    [Fact]
    public void ADisposedPoolRefusesWork()
    {
        var pool = new WorkPool(2);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(() => pool.For(3, _ => { }));
    }

    [Fact]
    public void ThreadCountIsChecked() => Assert.Throws<ArgumentOutOfRangeException>(() => new WorkPool(0));

    private readonly struct AddBody(int[] sums) : IWorkBody
    {
        public void Run(int index) => sums[index]++;
    }
}
