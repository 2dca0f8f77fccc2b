namespace Lorikeet.Models.Families;

/// <summary>Which tokens of a batch see which rows of picture features.</summary>
/// <param name="Runs">Runs of tokens that see the same, in rising order; none for sequences without pictures.</param>
/// <param name="Sees">1 for tokens that may see a picture, else 0 [N].</param>
/// <param name="FeatureRows">Rows of the tower's output that are keys, sequence after sequence, in each the real ones first.</param>
/// <param name="Starts">First key of each sequence [B].</param>
/// <param name="Rows">Keys of each sequence [B].</param>
internal sealed record MllamaSight(IReadOnlyList<CrossRun> Runs, float[] Sees, int[] FeatureRows, int[] Starts, int[] Rows)
{
    /// <summary>Works it out.</summary>
    /// <param name="input">The batch.</param>
    /// <param name="config">Sizes of the model.</param>
    /// <param name="cache">What sequences saw before, or null.</param>
    public static MllamaSight Of(ModelInput input, MllamaConfig config, CrossCache? cache)
    {
        var vision = input.Vision as MllamaVision;
        int B = input.Tokens.Sequences, picture = 0;
        var sight = new Builder(input, config, new List<CrossRun>(), new float[input.Tokens.Count], []);
        int[] starts = input.Tokens.Starts(), firstKeys = new int[B], keys = new int[B];
        for (int b = 0; b < B; b++)
        {
            int own = vision?.FeatureRows[b] ?? 0;
            firstKeys[b] = sight.FeatureRows.Count;
            if (own > 0)
            {
                int held = vision!.Slots == 0 ? own : vision.Slots;
                sight.Fresh(b, starts[b], picture, own, held);
                picture += held;
            }
            else if (cache?.Visible(b) is { Count: > 0 } visible && input.Tokens.Lengths[b] > 0)
            {
                sight.See(new CrossRun(b, starts[b], input.Tokens.Lengths[b], visible.Start, visible.Count), isPicture: true);
            }

            keys[b] = sight.FeatureRows.Count - firstKeys[b];
        }

        return new MllamaSight(sight.Runs, sight.Sees, [.. sight.FeatureRows], firstKeys, keys);
    }

    /// <summary>
    /// Tokens [start, end) that see each picture: from its own token up to the next picture, while pictures that follow each other
    /// directly end together.
    /// </summary>
    /// <param name="tokens">Places of the pictures' tokens.</param>
    /// <param name="length">Tokens of the sequence.</param>
    /// <remarks>Source: transformers' <c>get_cross_attention_token_mask</c>.</remarks>
    public static (int Start, int End)[] Ranges(IReadOnlyList<int> tokens, int length)
    {
        var ranges = new (int Start, int End)[tokens.Count];
        int end = length;
        for (int i = tokens.Count - 1; i >= 0; i--)
        {
            int next = i + 1 == tokens.Count ? length : tokens[i + 1];
            end = next == tokens[i] + 1 ? end : next;
            ranges[i] = (tokens[i], end);
        }

        return ranges;
    }

    private sealed record Builder(ModelInput Input, MllamaConfig Config, List<CrossRun> Runs, float[] Sees, List<int> FeatureRows)
    {
        public void See(CrossRun run, bool isPicture)
        {
            Runs.Add(run);
            Sees.AsSpan(run.QueryStart, run.Queries).Fill(isPicture ? 1 : 0);
        }

        /// <summary>Sees the pictures of a sequence that come with the batch.</summary>
        /// <param name="b">The sequence.</param>
        /// <param name="start">Its first token.</param>
        /// <param name="picture">Its first picture.</param>
        /// <param name="own">Its pictures.</param>
        /// <param name="held">Places for pictures, of which the last ones may be empty.</param>
        public void Fresh(int b, int start, int picture, int own, int held)
        {
            var vision = (MllamaVision)Input.Vision!;
            int length = Input.Tokens.Lengths[b], first = FeatureRows.Count;
            int[] keyStarts = Keys(vision, picture, own, held);
            (int Start, int End)[] ranges = Ranges([.. Enumerable.Range(0, length).Where(i => Input.Tokens.Ids[start + i] == Config.ImageTokenId)], length);
            for (int from = 0, to; from < length; from = to)
            {
                int token = from;
                int[] seen = [.. Enumerable.Range(0, own).Where(i => ranges[i].Start <= token && token < ranges[i].End)];
                to = ranges.SelectMany(r => new[] { r.Start, r.End }).Where(edge => edge > token).DefaultIfEmpty(length).Min();
                See(
                    seen.Length == 0
                        ? new CrossRun(b, start + from, to - from, 0, FeatureRows.Count - first)
                        : new CrossRun(b, start + from, to - from, keyStarts[seen[0]], keyStarts[seen[^1] + 1] - keyStarts[seen[0]]),
                    seen.Length > 0);
            }
        }

        /// <summary>Adds a sequence's keys: its tiles, then, as the reference has it, tiles and pictures that aren't there.</summary>
        /// <returns>First key of each picture, and the end of the last.</returns>
        private int[] Keys(MllamaVision vision, int picture, int own, int held)
        {
            int T = Config.Vision.Tiles, R = Config.Vision.Rows, first = FeatureRows.Count;
            int[] starts = new int[own + 1];
            for (int i = 0; i < own; i++)
            {
                FeatureRows.AddRange(Enumerable.Range((picture + i) * T * R, vision.Pictures[picture + i].Tiles * R));
                starts[i + 1] = FeatureRows.Count - first;
            }

            for (int i = 0; vision.Slots > 0 && i < held; i++)
            {
                int real = i < own ? vision.Pictures[picture + i].Tiles * R : 0;
                FeatureRows.AddRange(Enumerable.Range(((picture + i) * T * R) + real, (T * R) - real));
            }

            return starts;
        }
    }
}
