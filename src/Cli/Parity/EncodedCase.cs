using Lorikeet.Models;

namespace Lorikeet.Cli.Parity;

/// <summary>A case's samples as tokens, unpadded, with each label rule, and its prompts.</summary>
internal sealed class EncodedCase
{
    public EncodedCase(GoldenCase golden, Processor processor)
    {
        IReadOnlyList<Conversation> conversations = golden.Conversations();
        Samples = [.. conversations.Select(c => processor.Encode(c, golden.Options(LossOn.LastTurn)))];
        AllTurns = [.. conversations.Select(c => processor.Encode(c, golden.Options(LossOn.AssistantTurns)))];
        Published = golden.Expected.Tensors.ContainsKey("labels_official") ? [.. conversations.Select(c => processor.Encode(c, golden.Options(LossOn.Published)))] : [];
        Prompts = [.. conversations.Select(c => processor.Encode(GoldenCase.Prompt(c), golden.Options(LossOn.Nothing, prompt: true)))];
        Batch = processor.Collate(Samples);
    }

    public IReadOnlyList<EncodedSample> Samples { get; }

    public IReadOnlyList<EncodedSample> AllTurns { get; }

    /// <summary>Under the rule of the model's own training script; empty where the case has no such labels.</summary>
    public IReadOnlyList<EncodedSample> Published { get; }

    public IReadOnlyList<EncodedSample> Prompts { get; }

    public ModelInput Batch { get; }

    /// <summary>The longest sample: the padded length S.</summary>
    public int Longest => Samples.Max(s => s.Ids.Length);

    /// <summary>The batch's tokens under a label rule.</summary>
    public TokenBatch Labels(LossOn rule)
    {
        IReadOnlyList<EncodedSample> samples = rule switch { LossOn.AssistantTurns => AllTurns, LossOn.Published => Published, _ => Samples };
        return new TokenBatch(Batch.Tokens.Ids, [.. samples.SelectMany(s => s.Labels)], Batch.Tokens.Lengths, []);
    }

    /// <summary>Values of samples in a right-padded layout [B, S].</summary>
    public static long[] PadRight(IReadOnlyList<EncodedSample> samples, Func<EncodedSample, int[]> values, long padding)
    {
        int S = samples.Max(s => s.Ids.Length);
        long[] padded = new long[samples.Count * S];
        Array.Fill(padded, padding);
        for (int b = 0; b < samples.Count; b++)
        {
            int[] row = values(samples[b]);
            for (int i = 0; i < row.Length; i++)
            {
                padded[(b * S) + i] = row[i];
            }
        }

        return padded;
    }

    /// <summary>Values of samples in a left-padded layout [B, S].</summary>
    public static long[] PadLeft(IReadOnlyList<EncodedSample> samples, Func<EncodedSample, int[]> values, long padding)
    {
        int S = samples.Max(s => s.Ids.Length);
        long[] padded = new long[samples.Count * S];
        Array.Fill(padded, padding);
        for (int b = 0; b < samples.Count; b++)
        {
            int[] row = values(samples[b]);
            for (int i = 0; i < row.Length; i++)
            {
                padded[(b * S) + S - row.Length + i] = row[i];
            }
        }

        return padded;
    }
}
