using Lorikeet.Models;

namespace Lorikeet.Cli.Parity;

/// <summary>What the processor makes of messages and pictures: texts, ids, masks, labels, pixels.</summary>
internal sealed class ProcessingChecks(CaseChecks check, EncodedCase encoded, LoadedModel loaded)
{
    private const double PixelTolerance = 1e-5;

    public void Run()
    {
        check.Value("processing", "text", encoded.Samples.Select(s => s.Rendered));
        check.Value("processing", "prompt_text", encoded.Prompts.Select(s => s.Rendered));
        check.Value("processing", "prompt_token_counts", encoded.Prompts.Select(s => s.Ids.Length));
        check.Value("processing", "add_special_tokens", encoded.Samples.All(s => loaded.Processor.AddsSpecialTokens(s.Rendered)));
        long[] shape = [encoded.Samples.Count, encoded.Longest];
        long padding = PaddingId();
        check.Integers("processing", "input_ids", EncodedCase.PadRight(encoded.Samples, s => s.Ids, padding), shape);
        check.Integers("processing", "attention_mask", EncodedCase.PadRight(encoded.Samples, Ones, 0), shape);
        check.Integers("processing", "labels", EncodedCase.PadRight(encoded.Samples, s => s.Labels, TokenBatch.Ignored), shape);
        check.Integers("processing", "labels_all_turns", EncodedCase.PadRight(encoded.AllTurns, s => s.Labels, TokenBatch.Ignored), shape);
        if (encoded.Published.Count > 0)
        {
            check.Integers("processing", "labels_official", EncodedCase.PadRight(encoded.Published, s => s.Labels, TokenBatch.Ignored), shape);
        }

        for (int b = 0; b < encoded.Prompts.Count; b++)
        {
            int[] ids = encoded.Prompts[b].Ids;
            check.Integers("processing", $"gen.prompt_ids.{b}", [.. ids.Select(i => (long)i)], [ids.Length]);
        }

        long[] left = [encoded.Prompts.Count, encoded.Prompts.Max(p => p.Ids.Length)];
        check.Integers("processing", "left.input_ids", EncodedCase.PadLeft(encoded.Prompts, s => s.Ids, padding), left);
        check.Integers("processing", "left.attention_mask", EncodedCase.PadLeft(encoded.Prompts, Ones, 0), left);
        Pictures();
    }

    private void Pictures()
    {
        IEnumerable<KeyValuePair<string, (Array Values, long[] Shape)>> images =
            loaded.Processor.ReferenceImages(encoded.Samples).Concat(loaded.Processor.ReferenceLeftPadded(encoded.Prompts));
        foreach ((string name, (Array values, long[] shape)) in images)
        {
            if (values is float[] floats)
            {
                check.MaxAbs("processing", name, floats, shape, PixelTolerance);
            }
            else
            {
                check.Integers("processing", name, [.. values.Cast<object>().Select(v => Convert.ToInt64(v, System.Globalization.CultureInfo.InvariantCulture))], shape);
            }
        }
    }

    private long PaddingId() =>
        loaded.Processor.Tokenizer.PadToken is { } pad && loaded.Processor.Tokenizer.TokenToId(pad) is { } id ? id
        : loaded.Directory.Config.TryInt("pad_token_id") ?? loaded.Directory.Generation.PadTokenId ?? 0;

    private static int[] Ones(EncodedSample sample)
    {
        int[] ones = new int[sample.Ids.Length];
        Array.Fill(ones, 1);
        return ones;
    }
}
