using System.Globalization;

namespace Lorikeet.Cli.Demo;

/// <summary>A question about a picture with its answer.</summary>
internal sealed record Question(string Text, string Answer);

/// <summary>What the base model of the demo was trained on: naming shapes and colours, and repeating words.</summary>
internal static class BaseTasks
{
    private static readonly string[] ShapeQuestions = ["What shape is this?", "Which shape is in the picture?", "Name the shape."];
    private static readonly string[] ColourQuestions = ["What colour is it?", "Which colour is in the picture?", "Name the colour."];
    private static readonly string[] BothQuestions = ["What is this?", "Describe the picture.", "What is in the picture?"];

    /// <summary>A question about a picture.</summary>
    public static Question About(ShapePicture picture, Dice dice)
    {
        string shape = ShapePictures.Shapes[picture.Shape], colour = ShapePictures.Colours[picture.Colour];
        return dice.Below(4) switch
        {
            0 => new Question(dice.Pick(ShapeQuestions), $"a {shape}"),
            1 => new Question(dice.Pick(ColourQuestions), colour),
            _ => new Question(dice.Pick(BothQuestions), $"a {colour} {shape}"),
        };
    }

    /// <summary>A text-only exercise that teaches every letter and digit.</summary>
    public static Question Repeat(Dice dice)
    {
        string code = string.Join(' ', Enumerable.Range(0, 1 + dice.Below(3)).Select(_ => BinTask.RandomCode(dice)));
        return new Question($"Repeat: {code}", code);
    }
}

/// <summary>The demo's new task: every colour and every shape has a mark of its own, and the answer is the bin that both name.</summary>
/// <remarks>The marks depend on the seed, so no model can know them.</remarks>
internal sealed class BinTask
{
    private const string Letters = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    private static readonly string[] Wordings =
    [
        "Which bin is this for?", "Name the bin.", "What bin is in the list for this?", "Which bin?", "What is the bin for this picture?",
    ];

    private readonly string[] _colourMarks;
    private readonly string[] _shapeMarks;

    public BinTask(ulong key)
    {
        var dice = new Dice(key);
        _colourMarks = Distinct(dice, ShapePictures.Colours.Length, Letters.Select(c => c.ToString()));
        _shapeMarks = Distinct(dice, ShapePictures.Shapes.Length, Enumerable.Range(1, 9).Select(i => i.ToString(CultureInfo.InvariantCulture)));
    }

    /// <summary>The question and the right answer for a picture.</summary>
    public Question About(ShapePicture picture, Dice dice) =>
        new(dice.Pick(Wordings), $"{_colourMarks[picture.Colour]} {_shapeMarks[picture.Shape]}");

    /// <summary>A letter and a digit.</summary>
    public static string RandomCode(Dice dice) => string.Create(CultureInfo.InvariantCulture, $"{Letters[dice.Below(Letters.Length)]} {1 + dice.Below(9)}");

    private static string[] Distinct(Dice dice, int count, IEnumerable<string> marks)
    {
        var left = marks.ToList();
        var chosen = new string[count];
        for (int i = 0; i < count; i++)
        {
            int at = dice.Below(left.Count);
            chosen[i] = left[at];
            left.RemoveAt(at);
        }

        return chosen;
    }
}
