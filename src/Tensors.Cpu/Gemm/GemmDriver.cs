namespace Lorikeet.Tensors.Cpu;

/// <summary>
/// The blocked product. Inputs are packed into panels, then tiles of C are computed independently, each looping over blocks
/// of K while its C stays in the L2 cache. A side that only one tile needs (the weights when there are few rows, the
/// activations when there are few columns) is packed by that tile's item, block by block, and so never leaves the cache.
/// Every split depends on the shape alone and each element of C is summed in the order of k, so the bits do not depend on
/// the number of threads.
/// </summary>
internal static unsafe class GemmDriver
{
    // Bounds of the packed super-blocks in floats (8 MiB of A, 16 MiB of B), and of their depth in panel elements.
    private const int MaxPackedA = 2 << 20;
    private const int MaxPackedB = 4 << 20;
    private const int MaxDepth = 8192;

    // Fewer multiply-adds than this are not worth handing to other threads.
    private const double SerialWork = 400e3;

    /// <summary>Runs a product with M, N, K above 0 and alpha not 0.</summary>
    public static void Run(in GemmArgs g, KernelSet set, GemmWorkspace workspace, WorkPool pool)
    {
        nint depth = Math.Min(g.K, (nint)MaxDepth * set.KPerElement);
        nint elements = set.Elements(depth);
        int mBlock = LargestFit(g.M, set.Rows, MaxPackedA / elements);
        int nBlock = LargestFit(g.N, set.Columns, MaxPackedB / elements);
        Fuse fuse = GemmJob.ChooseFuse(mBlock, nBlock);
        // The fused side is never held as a whole.
        mBlock = fuse == Fuse.A ? g.M : mBlock;
        nBlock = fuse == Fuse.B ? g.N : nBlock;
        nint floatsA = fuse == Fuse.A ? 0 : RoundUp(RoundUp(mBlock, set.Rows) * elements, 16);
        nint floatsB = fuse == Fuse.B ? 0 : RoundUp(RoundUp(nBlock, set.Columns) * elements, 16);
        bool serial = pool.Threads == 1 || (double)g.M * g.N * g.K < SerialWork;
        nint scratch = serial ? GemmJob.ScratchFloats(set, fuse, mBlock, nBlock, depth) : 0;
        GemmWorkspace.Buffer buffer = workspace.Rent((floatsA + floatsB + scratch) * sizeof(float));
        try
        {
            var job = new GemmJob(g, set, fuse, workspace)
            {
                PackedA = buffer.Floats,
                PackedB = buffer.Floats + floatsA,
                Scratch = serial ? buffer.Floats + floatsA + floatsB : null,
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

    /// <summary>The extent itself if it fits, else the largest multiple of <paramref name="unit"/> that does.</summary>
    private static int LargestFit(int extent, int unit, nint most) => extent <= most ? extent : (int)(most / unit * unit);

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
