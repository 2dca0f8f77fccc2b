using System.Text;
using Lorikeet.Imaging;

namespace Lorikeet.Models.Families;

/// <summary>What becomes of one picture: an overview and crops on a grid, of whose pooled features those inside the margins become tokens.</summary>
/// <param name="Settings">How pictures are cut.</param>
/// <param name="Rows">Rows of crops.</param>
/// <param name="Columns">Columns of crops.</param>
internal sealed record MolmoLayout(MolmoImageSettings Settings, int Rows, int Columns) : ImageLayout
{
    /// <summary>Texts of the tokens around and between patch tokens.</summary>
    public const string Start = "<im_start>", End = "<im_end>", Patch = "<im_patch>", Column = "<im_col>";

    /// <summary>Crops with the overview.</summary>
    public int Crops => (Rows * Columns) + 1;

    /// <inheritdoc/>
    public override IReadOnlyList<PictureShape> Pictures
    {
        get
        {
            PixelSize canvas = Settings.Canvas(Rows, Columns);
            int tokens = (Settings.PooledSide * Settings.PooledSide) + (Heights.Sum() * Widths.Sum());
            return [new PictureShape(canvas.Width, canvas.Height, tokens, Crops * Settings.Side * Settings.Side) { Tile = new PixelSize(Settings.Size, Settings.Size) }];
        }
    }

    private int[] Heights => Used(Rows);

    private int[] Widths => Used(Columns);

    /// <summary>The tokens of the picture: the overview, then the crops as one grid, a column token behind each row.</summary>
    public string Text()
    {
        var text = new StringBuilder();
        Grid(text, Settings.PooledSide, Settings.PooledSide);
        Grid(text, Heights.Sum(), Widths.Sum());
        return text.ToString();
    }

    /// <summary>The token of each pooled feature [Crops t t], counted from the first image token; -1 for features that become none.</summary>
    public int[] Tokens()
    {
        int t = Settings.PooledSide, width = Widths.Sum(), firstOfCrops = 1 + (t * (t + 1)) + 2;
        int[] tokens = new int[Crops * t * t], heights = Heights, widths = Widths;
        Array.Fill(tokens, -1);
        for (int y = 0; y < t; y++)
        {
            for (int x = 0; x < t; x++)
            {
                tokens[(y * t) + x] = 1 + (y * (t + 1)) + x;
            }
        }

        int crop = 1;
        for (int i = 0, row = 0; i < Rows; row += heights[i++])
        {
            for (int j = 0, column = 0; j < Columns; column += widths[j++], crop++)
            {
                int top = i == 0 ? 0 : Settings.Left / 2, left = j == 0 ? 0 : Settings.Left / 2;
                for (int y = 0; y < heights[i]; y++)
                {
                    for (int x = 0; x < widths[j]; x++)
                    {
                        tokens[(crop * t * t) + ((top + y) * t) + left + x] = firstOfCrops + ((row + y) * (width + 1)) + column + x;
                    }
                }
            }
        }

        return tokens;
    }

    private static void Grid(StringBuilder text, int rows, int columns)
    {
        text.Append(Start);
        for (int y = 0; y < rows; y++)
        {
            text.Insert(text.Length, Patch, columns).Append(Column);
        }

        text.Append(End);
    }

    /// <summary>Pooled features of each crop along one axis that become tokens.</summary>
    private int[] Used(int crops) =>
        [.. Enumerable.Range(0, crops).Select(i =>
            (Settings.Side - Settings.Left - Settings.Right + (i == 0 ? Settings.Left : 0) + (i == crops - 1 ? Settings.Right : 0) + 1) / 2)];
}
