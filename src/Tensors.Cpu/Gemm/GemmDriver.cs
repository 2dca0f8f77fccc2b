namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The blocked product. The smaller input is packed into panels as a whole; then tiles of C are computed independently, each
/// looping over blocks of K and packing its part of the larger input block by block, so that those panels never leave the
/// cache.
/// Every split depends on the shape alone and each element of C is summed in the order of k, so the bits do not depend on
/// the number of threads.
/// </summary>
internal static unsafe class GemmDriver
{
    // Floats of the streamed side that are packed at a time (1 MiB): it should not leave the caches before it is used.
    private const int MaxPacked = 256 << 10;

    // Fewer multiply-adds than this are not worth handing to other threads.
    private const double SerialWork = 400e3;

    /// <summary>Runs a product with M, N, K above 0 and alpha not 0.</summary>
    public static void Run(in GemmArgs g, KernelSet set, GemmWorkspace workspace, WorkPool pool)
    {
        Fuse fuse = GemmJob.ChooseFuse(g.M, g.N);
        nint depth = Depth(g.K, set, fuse == Fuse.B ? RoundUp(g.M, set.Rows) : RoundUp(g.N, set.Columns));
        nint elements = set.Elements(depth);
        // Only the streamed side is held as a whole.
        int mBlock = fuse == Fuse.A ? g.M : EvenPart(g.M, set.Rows, MaxPacked / elements);
        int nBlock = fuse == Fuse.B ? g.N : EvenPart(g.N, set.Columns, MaxPacked / elements);
        nint packed = elements * (fuse == Fuse.B ? RoundUp(mBlock, set.Rows) : RoundUp(nBlock, set.Columns));
        packed = RoundUp(packed, 16);
        bool serial = pool.Threads == 1 || (double)g.M * g.N * g.K < SerialWork;
        nint scratch = serial ? GemmJob.ScratchFloats(set, fuse, mBlock, nBlock, depth) : 0;
        GemmWorkspace.Buffer buffer = workspace.Rent((packed + scratch) * sizeof(float));
        try
        {
            var job = new GemmJob(g, set, fuse, workspace)
            {
                Packed = buffer.Floats,
                Scratch = serial ? buffer.Floats + packed : null,
            };
            for (nint k = 0; k < g.K; k += depth)
            {
                job.SetDepth(k, Math.Min(depth, g.K - k));
                for (int n = 0; n < g.N; n += nBlock)
                {
                    for (int m = 0; m < g.M; m += mBlock)
                    {
                        job.SetBlock(m, Math.Min(mBlock, g.M - m), n, Math.Min(nBlock, g.N - n), packB: m == 0);
                        RunBlock(job, serial ? null : pool);
                    }
                }
            }
        }
        finally
        {
            workspace.Return(buffer);
        }
    }

    /// <summary>K is cut into equal stretches of whole blocks, as long as the bound allows.</summary>
    private static nint Depth(nint k, KernelSet set, nint rows)
    {
        nint block = GemmJob.BlockElements * set.KPerElement;
        nint most = Math.Max(1, MaxPacked / (rows * GemmJob.BlockElements)) * block;
        nint stretches = (k + most - 1) / most;
        return Math.Min(k, RoundUp((k + stretches - 1) / stretches, 16 * set.KPerElement));
    }

    private static void RunBlock(in GemmJob job, WorkPool? pool)
    {
        if (pool != null)
        {
            pool.For(job.PackItems, new PackBody(job));
            pool.For(job.TileItems, new TileBody(job));
            return;
        }

        for (int i = 0; i < job.PackItems; i++)
        {
            job.Pack(i);
        }

        for (int i = 0; i < job.TileItems; i++)
        {
            job.Tile(i);
        }
    }

    /// <summary>The extent cut into the fewest parts that fit, all about equal and in whole units.</summary>
    private static int EvenPart(int extent, int unit, nint most)
    {
        nint parts = (extent + most - 1) / most;
        nint part = RoundUp((extent + parts - 1) / parts, unit);
        // Rounding up may not exceed the bound.
        return (int)Math.Min(part <= most ? part : most / unit * unit, extent);
    }

    private static nint RoundUp(nint value, nint unit) => (value + unit - 1) / unit * unit;

    private readonly struct PackBody(in GemmJob job) : IWorkBody
    {
        private readonly GemmJob _job = job;

        public void Run(int index) => _job.Pack(index);
    }

    private readonly struct TileBody(in GemmJob job) : IWorkBody
    {
        private readonly GemmJob _job = job;

        public void Run(int index) => _job.Tile(index);
    }
}
