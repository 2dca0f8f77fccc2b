using Lorikeet.Tensors;

namespace Lorikeet.Models.Backbones;

/// <summary>Pictures of one size as patches, ready for a <see cref="VisionTower"/>.</summary>
/// <param name="Count">Number of pictures N.</param>
/// <param name="Patches">[N P, Channels PatchSize PatchSize] normalised pixels.</param>
/// <param name="Keys">Random keys of the tower's rows [N R], or empty.</param>
public sealed record TowerPictures(int Count, float[] Patches, long[] Keys)
{
    /// <summary>Joins the pictures of samples.</summary>
    /// <param name="config">The tower.</param>
    /// <param name="samples">Normalised pixels (3, edge, edge) of the pictures of each sample, one behind the other.</param>
    /// <param name="keys">Random key of each sample, or null where nothing is dropped.</param>
    public static TowerPictures Of(VisionTowerConfig config, IReadOnlyList<float[]> samples, IReadOnlyList<ulong>? keys)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(samples);
        int edge = config.Encoder.ImageSize, patch = config.Encoder.PatchSize, each = 3 * edge * edge;
        int patchValues = config.Patches * config.Encoder.PatchWidth, count = samples.Sum(s => s.Length) / each, done = 0;
        float[] patches = new float[checked(count * patchValues)];
        var rowKeys = new List<long>();
        for (int b = 0; b < samples.Count; b++)
        {
            int pictures = samples[b].Length / each;
            for (int i = 0; i < pictures; i++, done++)
            {
                Imaging.Patches.Extract(samples[b].AsSpan(i * each, each), 3, edge, edge, (patch, patch), patches.AsSpan(done * patchValues, patchValues));
            }

            for (int row = 0; keys is not null && row < pictures * config.Rows; row++)
            {
                // Odd second part: never equal to the key of a token.
                rowKeys.Add((long)Rng.Key(keys[b], (ulong)row, 1));
            }
        }

        return new TowerPictures(count, patches, [.. rowKeys]);
    }
}
