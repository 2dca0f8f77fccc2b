using System.Numerics.Tensors;

namespace Lorikeet.Tensors.Cpu;

/// <summary>Writes rows of a forward item: finished ones to the result, others to the partial results.</summary>
internal readonly unsafe ref struct ForwardOutput(in ForwardJob job, in SegmentPlan plan, int keyHead, int chunk)
{
    private const float Ln2 = 0.6931471805599453f;

    private readonly ForwardJob _job = job;
    private readonly SegmentPlan _plan = plan;

    /// <summary>Index of a partial row.</summary>
    public static long PartialRow(in SegmentPlan plan, int keyHead, int chunk, int row) =>
        plan.FirstPartial + ((((long)keyHead * plan.Chunks) + chunk) * plan.Rows) + row;

    /// <summary>Writes <paramref name="count"/> rows from <paramref name="first"/>, lying <paramref name="stride"/> apart.</summary>
    public void Write(int first, int count, float* rows, nint stride, float* maximum, float* sum)
    {
        int D = _job.Args.Width;
        for (int i = 0; i < count; i++)
        {
            float* row = rows + (i * stride);
            if (_plan.Chunks == 1)
            {
                WriteFinished(_job.Args, _plan, keyHead, first + i, row, maximum[i], sum[i]);
                continue;
            }

            long at = PartialRow(_plan, keyHead, chunk, first + i);
            _job.PartialStatistics[2 * at] = maximum[i];
            _job.PartialStatistics[(2 * at) + 1] = sum[i];
            new ReadOnlySpan<float>(row, D).CopyTo(new Span<float>(_job.Partial + (at * D), D));
        }
    }

    /// <summary>Adds the chunks of all rows of one key head, in their order.</summary>
    public static void Combine(in ForwardJob job, in SegmentPlan plan, int keyHead, float* staging)
    {
        int D = job.Args.Width;
        var total = new Span<float>(staging, D);
        for (int row = 0; row < plan.Rows; row++)
        {
            float maximum = float.NegativeInfinity, sum = 0;
            for (int c = 0; c < plan.Chunks; c++)
            {
                maximum = Math.Max(maximum, job.PartialStatistics[2 * PartialRow(plan, keyHead, c, row)]);
            }

            total.Clear();
            for (int c = 0; c < plan.Chunks; c++)
            {
                long at = PartialRow(plan, keyHead, c, row);
                float part = job.PartialStatistics[(2 * at) + 1];
                if (part == 0)
                {
                    // No key of this chunk is visible to the row; what the partial row holds has no meaning.
                    continue;
                }

                float factor = MathF.Exp((job.PartialStatistics[2 * at] - maximum) * Ln2);
                sum += part * factor;
                TensorPrimitives.MultiplyAdd(new ReadOnlySpan<float>(job.Partial + (at * D), D), factor, total, total);
            }

            TensorPrimitives.Multiply(total, 1 / sum, total);
            WriteFinished(job.Args, plan, keyHead, row, staging, maximum, sum);
        }
    }

    private static void WriteFinished(in FlashArgs args, in SegmentPlan plan, int keyHead, int row, float* values, float maximum, float sum)
    {
        int G = args.Group, D = args.Width;
        nint at = (((nint)plan.QueryStart + (row / G)) * args.Heads) + (keyHead * G) + (row % G);
        var to = new Span<float>(args.Out + (at * D), D);
        if (sum == 0)
        {
            to.Clear();
        }
        else
        {
            new ReadOnlySpan<float>(values, D).CopyTo(to);
        }

        if (args.Lse != null)
        {
            args.Lse[at] = sum == 0 ? float.NegativeInfinity : (maximum * Ln2) + MathF.Log(sum);
        }
    }
}
