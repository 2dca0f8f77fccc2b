using System.Globalization;

namespace Lorikeet.Cli.Terminal;

/// <summary>A small picture of the loss made of block characters: time to the right, loss upwards.</summary>
internal sealed class LossCurve
{
    private const int MaxPoints = 512;
    private const string Blocks = " ▁▂▃▄▅▆▇█";

    private readonly List<double> _points = [];
    private int _perPoint = 1;
    private double _sum;
    private int _count;

    /// <summary>Adds the loss of the next step. Losses that are no number are left out.</summary>
    public void Add(double loss)
    {
        if (!double.IsFinite(loss))
        {
            return;
        }

        _sum += loss;
        if (++_count < _perPoint)
        {
            return;
        }

        _points.Add(_sum / _count);
        (_sum, _count) = (0, 0);
        if (_points.Count == MaxPoints)
        {
            Halve();
        }
    }

    /// <summary>The picture: lines from top to bottom, each at most so many characters wide; empty before two steps.</summary>
    public IReadOnlyList<string> Draw(int width, int height)
    {
        if (_points.Count < 2)
        {
            return [];
        }

        double low = _points.Min(), high = _points.Max();
        string[] labels = [.. Enumerable.Range(0, height).Select(row => row == 0 ? Label(high) : row == height - 1 ? Label(low) : "")];
        int margin = labels.Max(label => label.Length);
        double[] columns = Columns(Math.Clamp(width - margin - 3, 1, _points.Count));
        var lines = new string[height];
        for (int row = 0; row < height; row++)
        {
            int floor = (height - 1 - row) * 8;
            lines[row] = labels[row].PadLeft(margin) + " │" + string.Concat(columns.Select(value => Blocks[Math.Clamp(Level(value, low, high, height) - floor, 0, 8)]));
        }

        return lines;
    }

    // At least one eighth, so that the lowest loss is seen as well.
    private static int Level(double value, double low, double high, int height) =>
        high > low ? 1 + (int)Math.Round((value - low) / (high - low) * ((height * 8) - 1)) : height * 4;

    private static string Label(double value) => value.ToString(Math.Abs(value) is >= 1e-2 and < 1e4 or 0 ? "0.00" : "0.0e+0", CultureInfo.InvariantCulture);

    private double[] Columns(int count)
    {
        double[] columns = new double[count];
        for (int i = 0; i < count; i++)
        {
            int from = (int)((long)i * _points.Count / count);
            int to = Math.Max(from + 1, (int)((long)(i + 1) * _points.Count / count));
            columns[i] = _points.GetRange(from, to - from).Average();
        }

        return columns;
    }

    private void Halve()
    {
        for (int i = 0; i < _points.Count / 2; i++)
        {
            _points[i] = (_points[2 * i] + _points[(2 * i) + 1]) / 2;
        }

        _points.RemoveRange(_points.Count / 2, _points.Count - (_points.Count / 2));
        _perPoint *= 2;
    }
}
