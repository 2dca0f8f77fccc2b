using Lorikeet.Testing;

namespace Lorikeet.Tensors.Tests;

public sealed class ArenaTests
{
    [Fact]
    public void Neighbours_that_are_free_become_one_block_again()
    {
        using IDevice device = TestDevices.Open("cpu", 1);
        using var arena = new Arena(device);
        Arena.Block a = arena.Take(1000, MemoryUse.Activations), b = arena.Take(2000, MemoryUse.Activations), c = arena.Take(3000, MemoryUse.Activations);
        long reserved = arena.Reserved;
        nint first = a.Address;
        arena.Give(b);
        arena.Give(a);
        arena.Give(c);
        Arena.Block whole = arena.Take(reserved, MemoryUse.Weights);
        Assert.Equal(first, whole.Address);
        Assert.Equal(reserved, arena.Reserved);
    }

    [Fact]
    public void Blocks_never_overlap_and_everything_comes_back()
    {
        using IDevice device = TestDevices.Open("cpu", 1);
        using var arena = new Arena(device);
        nint[] first = Churn(arena);
        long reserved = arena.Reserved;
        Assert.Equal(0, arena.Account.Live);
        Assert.Equal(first, Churn(arena));
        Assert.Equal(reserved, arena.Reserved);
    }

    [Fact]
    public void The_account_keeps_uses_apart_and_its_parts_add_up_at_the_peak()
    {
        using IDevice device = TestDevices.Open("cpu", 1);
        using var arena = new Arena(device);
        Arena.Block weights = arena.Take(1 << 20, MemoryUse.Weights), early = arena.Take(3 << 20, MemoryUse.Workspace);
        arena.Give(early);
        Arena.Block late = arena.Take(5 << 20, MemoryUse.Activations);
        Assert.Equal(6 << 20, arena.Account.Peak);
        Assert.Equal((1 << 20, 5 << 20, 0), (arena.Account.AtPeakOf(MemoryUse.Weights), arena.Account.AtPeakOf(MemoryUse.Activations), arena.Account.AtPeakOf(MemoryUse.Workspace)));
        Assert.Equal(3 << 20, arena.Account.PeakOf(MemoryUse.Workspace));
        arena.Give(late);
        arena.Account.ResetPeak();
        Assert.Equal((1 << 20, 1 << 20), (arena.Account.Live, arena.Account.Peak));
        arena.Give(weights);
    }

    [Fact]
    public void A_closed_arena_refuses_to_give_memory_and_takes_blocks_back_quietly()
    {
        using IDevice device = TestDevices.Open("cpu", 1);
        var arena = new Arena(device);
        Arena.Block block = arena.Take(100, MemoryUse.Activations);
        arena.Dispose();
        arena.Give(block);
        Assert.Throws<ObjectDisposedException>(() => arena.Take(100, MemoryUse.Activations));
    }

    /// <summary>A few thousand requests of all sizes in a fixed random order; returns their addresses.</summary>
    private static nint[] Churn(Arena arena)
    {
        var live = new List<Arena.Block>();
        var addresses = new List<nint>();
        for (ulong i = 0; i < 3000; i++)
        {
            (uint what, uint size, uint pick, _) = Rng.Philox(3, i, 0);
            if (live.Count > 0 && what % 5 < 2)
            {
                arena.Give(live[(int)(pick % live.Count)]);
                live.RemoveAt((int)(pick % live.Count));
                continue;
            }

            Arena.Block block = arena.Take(1 + (size % (1u << (int)(pick % 20))), MemoryUse.Activations);
            Assert.Equal(0, block.Address % 256);
            Assert.DoesNotContain(live, b => b.Address < block.Address + (nint)block.Bytes && block.Address < b.Address + (nint)b.Bytes);
            live.Add(block);
            addresses.Add(block.Address - live[0].Address);
        }

        foreach (Arena.Block block in live)
        {
            arena.Give(block);
        }

        return [.. addresses];
    }
}
