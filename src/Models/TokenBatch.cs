namespace Lorikeet.Models;

/// <summary>
/// The token-aligned arrays of a batch, all of one length N: sequences stand one behind the other without padding.
/// One struct owns them, so they cannot go out of step.
/// </summary>
public sealed class TokenBatch
{
    /// <summary>The label of a token that carries no loss.</summary>
    public const int Ignored = -100;

    /// <summary>Joins arrays of equal length.</summary>
    /// <param name="ids">Token ids [N].</param>
    /// <param name="labels">The token itself where it is supervised, else <see cref="Ignored"/> [N].</param>
    /// <param name="lengths">Tokens per sequence [B], adding up to N.</param>
    /// <param name="keys">Random keys of the tokens [N]; empty where nothing is dropped.</param>
    public TokenBatch(int[] ids, int[] labels, int[] lengths, long[] keys)
    {
        if (labels.Length != ids.Length || lengths.Sum() != ids.Length || (keys.Length != ids.Length && keys.Length != 0))
        {
            throw new ArgumentException($"token batch: {ids.Length} ids, {labels.Length} labels, {keys.Length} keys and {lengths.Sum()} tokens by length do not agree");
        }

        Ids = ids;
        Labels = labels;
        Lengths = lengths;
        Keys = keys;
    }

    /// <summary>Token ids [N].</summary>
    public int[] Ids { get; }

    /// <summary>The token itself where it is supervised, else <see cref="Ignored"/> [N].</summary>
    public int[] Labels { get; }

    /// <summary>Tokens per sequence [B].</summary>
    public int[] Lengths { get; }

    /// <summary>Random keys of the tokens [N], or empty.</summary>
    public long[] Keys { get; }

    /// <summary>Number of tokens N.</summary>
    public int Count => Ids.Length;

    /// <summary>Number of sequences B.</summary>
    public int Sequences => Lengths.Length;

    /// <summary>Index of the first token of each sequence [B].</summary>
    public int[] Starts()
    {
        int[] starts = new int[Lengths.Length];
        for (int b = 1; b < starts.Length; b++)
        {
            starts[b] = starts[b - 1] + Lengths[b - 1];
        }

        return starts;
    }

    /// <summary>The rows whose next token is supervised, and those tokens: what the loss is computed on. No sequence sees into the next.</summary>
    public (int[] Rows, int[] Labels) Supervised()
    {
        var rows = new List<int>();
        var labels = new List<int>();
        int start = 0;
        foreach (int length in Lengths)
        {
            for (int i = start; i + 1 < start + length; i++)
            {
                if (Labels[i + 1] != Ignored)
                {
                    rows.Add(i);
                    labels.Add(Labels[i + 1]);
                }
            }

            start += length;
        }

        return ([.. rows], [.. labels]);
    }

    /// <summary>Positions counted from each sequence's start, behind what a cache holds.</summary>
    /// <param name="held">Tokens of a sequence that came before.</param>
    public int[] Positions(Func<int, int>? held = null)
    {
        int[] positions = new int[Count];
        int n = 0;
        for (int b = 0; b < Lengths.Length; b++)
        {
            int offset = held?.Invoke(b) ?? 0;
            for (int i = 0; i < Lengths[b]; i++)
            {
                positions[n++] = offset + i;
            }
        }

        return positions;
    }
}
