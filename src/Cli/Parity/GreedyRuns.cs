using Lorikeet.Generation;
using Lorikeet.Models;

namespace Lorikeet.Cli.Parity;

/// <summary>Greedy continuations with the margin between the best and the second-best logit.</summary>
internal sealed class GreedyRuns(ComputeSession session, VisionLanguageModel model, HashSet<int> ends, int steps)
{
    /// <summary>One continuation, -1 and 0 after its end.</summary>
    public sealed record Run(long[] Tokens, float[] Margins, float[] FirstLogits);

    public IReadOnlyList<Run> Of(ModelInput prompts, CancellationToken cancellation)
    {
        int B = prompts.Tokens.Sequences;
        using var decode = new DecodeSession(model, session.Parameters, session.Compute, B, prompts.Tokens.Lengths.Max() + steps);
        float[][] logits = decode.Prefill(prompts, cancellation);
        Run[] runs = [.. Enumerable.Range(0, B).Select(b => new Run(new long[steps], new float[steps], logits[b]))];
        foreach (Run run in runs)
        {
            Array.Fill(run.Tokens, -1);
        }

        bool[] done = new bool[B];
        for (int step = 0; step < steps && done.Contains(false); step++)
        {
            int[] next = new int[B];
            for (int b = 0; b < B; b++)
            {
                next[b] = done[b] ? -1 : Pick(logits[b], runs[b], step);
                done[b] |= next[b] >= 0 && ends.Contains(next[b]);
            }

            int[] feed = [.. next.Select((token, b) => done[b] ? -1 : token)];
            if (step + 1 < steps && feed.Any(token => token >= 0))
            {
                logits = decode.Step(feed, cancellation);
            }
        }

        return runs;
    }

    private static int Pick(float[] logits, Run run, int step)
    {
        int best = 0;
        float second = float.NegativeInfinity;
        for (int i = 1; i < logits.Length; i++)
        {
            if (logits[i] > logits[best])
            {
                second = logits[best];
                best = i;
            }
            else if (logits[i] > second)
            {
                second = logits[i];
            }
        }

        run.Tokens[step] = best;
        run.Margins[step] = logits[best] - second;
        return best;
    }
}
