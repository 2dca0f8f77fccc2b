using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Demo;
using Lorikeet.Imaging;
using Lorikeet.Tensors;

namespace Lorikeet.Cli.Bench;

/// <summary>A small synthetic set of pictures with captions: <c>train.jsonl</c> in messages format and <c>images/*.png</c>.</summary>
internal static class BenchData
{
    private static readonly (string Name, byte R, byte G, byte B)[] Colours =
    [
        ("red", 255, 0, 0), ("blue", 0, 0, 255), ("green", 0, 128, 0), ("orange", 255, 165, 0), ("purple", 128, 0, 128), ("black", 0, 0, 0),
    ];

    private const byte Background = 211;

    /// <summary>Writes the set.</summary>
    /// <param name="directory">Where to.</param>
    /// <param name="samples">Number of rows and pictures.</param>
    /// <param name="pixels">Edge of the square pictures.</param>
    /// <param name="seed">Of what is drawn.</param>
    public static void Write(string directory, int samples, int pixels, ulong seed)
    {
        Directory.CreateDirectory(Path.Combine(directory, "images"));
        var lines = new StringBuilder();
        for (int i = 0; i < samples; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"images/{i:0000}.png");
            (Image picture, string said) = Draw(pixels, new Dice(Rng.Key(seed, (ulong)i)));
            File.WriteAllBytes(Path.Combine(directory, name), ImageEncoder.EncodePng(picture));
            lines.Append(Row(name, said)).Append('\n');
        }

        File.WriteAllText(Path.Combine(directory, "train.jsonl"), lines.ToString());
    }

    private static string Row(string picture, string said)
    {
        string text = $"This picture shows {said}. " + string.Concat(Enumerable.Repeat("There are shapes on a grey background. ", 3));
        return new JsonObject
        {
            ["messages"] = new JsonArray(
                new JsonObject
                {
                    ["role"] = "user",
                    ["content"] = new JsonArray(
                        new JsonObject { ["type"] = "image", ["image"] = picture },
                        new JsonObject { ["type"] = "text", ["text"] = "Describe what is in this picture." }),
                },
                new JsonObject
                {
                    ["role"] = "assistant",
                    ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = text }),
                }),
        }.ToJsonString();
    }

    private static (Image Picture, string Said) Draw(int edge, Dice dice)
    {
        byte[] pixels = new byte[checked(edge * edge * 3)];
        Array.Fill(pixels, Background);
        var said = new List<string>();
        for (int n = 1 + dice.Below(4); n > 0; n--)
        {
            (string colour, byte r, byte g, byte b) = dice.Pick(Colours);
            bool isCircle = dice.Below(2) == 0;
            int room = edge - (edge / 4), size = edge / 5, x0 = dice.Below(room + 1), y0 = dice.Below(room + 1);
            double radius = size / 2.0;
            for (int y = 0; y <= size; y++)
            {
                for (int x = 0; x <= size; x++)
                {
                    double dx = x - radius, dy = y - radius;
                    if (!isCircle || (dx * dx) + (dy * dy) <= radius * radius)
                    {
                        int at = (((y0 + y) * edge) + x0 + x) * 3;
                        (pixels[at], pixels[at + 1], pixels[at + 2]) = (r, g, b);
                    }
                }
            }

            said.Add(string.Create(CultureInfo.InvariantCulture, $"a {colour} {(isCircle ? "circle" : "square")} at {x0 * 10 / edge}, {y0 * 10 / edge}"));
        }

        return (new Image(edge, edge, PixelMode.RGB, pixels), string.Join("; ", said));
    }
}
