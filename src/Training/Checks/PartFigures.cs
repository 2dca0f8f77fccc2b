using Lorikeet.Models;

namespace Lorikeet.Training.Checks;

/// <summary>Adds up the figures of one part of the data: 4 bytes per row, and one entry per size of pictures.</summary>
internal sealed class PartFigures
{
    private readonly List<int> _tokens = [];
    private readonly Dictionary<PictureShape, long> _sizes = [];
    private long _rows;
    private long _image;
    private long _supervised;
    private long _without;
    private int _mostPictures;
    private int _longest = -1;
    private string _longestOrigin = "";

    /// <summary>Adds a row.</summary>
    public void Add(RowFacts row)
    {
        _rows++;
        if (row.Cost is not { } cost)
        {
            return;
        }

        _tokens.Add(cost.Tokens);
        _supervised += cost.Supervised;
        _mostPictures = Math.Max(_mostPictures, cost.Pictures.Count);
        _without += cost.Pictures.Count == 0 ? 1 : 0;
        foreach (PictureShape picture in cost.Pictures)
        {
            _image += picture.Tokens;
            _sizes[picture] = _sizes.GetValueOrDefault(picture) + 1;
        }

        if (cost.Tokens > _longest)
        {
            (_longest, _longestOrigin) = (cost.Tokens, row.Origin);
        }
    }

    /// <summary>The figures of all rows so far.</summary>
    public PartReport Report(string name, string path, int? maxLength)
    {
        SizeCount[] sizes =
        [
            .. _sizes.GroupBy(s => (s.Key.Width, s.Key.Height, s.Key.Tokens, s.Key.Frames)).Select(g => new SizeCount(g.Key.Width, g.Key.Height, g.Key.Tokens, g.Sum(s => s.Value)) { Frames = g.Key.Frames })
                .OrderByDescending(s => s.Count).ThenBy(s => s.Width).ThenBy(s => s.Height).ThenBy(s => s.Tokens).ThenBy(s => s.Frames),
        ];
        var pictures = new PictureFigures(sizes.Sum(s => s.Count), _mostPictures, _without, [.. sizes.Take(PictureFigures.MostSizes)], sizes.Length) { Videos = sizes.Where(s => s.Frames > 0).Sum(s => s.Count) };
        return new PartReport(name, path, _rows, _tokens.Count, Tokens(), pictures, Packing(maxLength));
    }

    private TokenFigures? Tokens()
    {
        if (_tokens.Count == 0)
        {
            return null;
        }

        int[] sorted = [.. _tokens];
        Array.Sort(sorted);
        return new TokenFigures
        {
            Total = sorted.Sum(t => (long)t),
            Image = _image,
            Supervised = _supervised,
            Shortest = sorted[0],
            Median = Percentile(sorted, 50),
            P90 = Percentile(sorted, 90),
            P99 = Percentile(sorted, 99),
            Longest = sorted[^1],
            LongestOrigin = _longestOrigin,
        };
    }

    // Nearest rank: a value that occurs, and at least so many of 100 are not above it.
    private static int Percentile(int[] sorted, int percent) => sorted[(int)((((long)sorted.Length * percent) + 99) / 100) - 1];

    private PackingFigures? Packing(int? maxLength)
    {
        if (maxLength is not { } capacity || _tokens.Count == 0)
        {
            return null;
        }

        Batching.RowPacks packs = Batching.RowPacks.BestFit(_tokens, capacity);
        return new PackingFigures(capacity, packs.Count, packs.Fill);
    }
}
