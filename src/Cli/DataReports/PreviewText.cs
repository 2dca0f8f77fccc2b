using System.Globalization;
using Lorikeet.Cli.Terminal;
using Lorikeet.Training.Checks;
using Spectre.Console;

namespace Lorikeet.Cli.DataReports;

/// <summary>Samples in the terminal: what carries loss is coloured, or stands in brackets where there are no colours.</summary>
/// <param name="console">Where it goes.</param>
internal sealed class PreviewText(IAnsiConsole console)
{
    private const char Open = '⟦', Close = '⟧';

    private readonly bool _isColoured = console.Profile.Capabilities.ColorSystem != ColorSystem.NoColors;

    /// <summary>Says how to read what follows.</summary>
    public void WriteLegend() => console.MarkupLine(_isColoured
        ? "tokens that carry loss are [black on green]green[/], special tokens [grey]grey[/], image tokens [blue]blue[/]"
        : $"tokens that carry loss stand between {Open} and {Close}");

    /// <summary>Writes a sample.</summary>
    public void Write(SampleView view)
    {
        console.WriteLine();
        console.MarkupLine(Invariant($"[bold]{Safe(view.Origin)}[/] (row {view.Index + 1})"));
        foreach (string note in view.Notes)
        {
            console.MarkupLine($"  [yellow]note: {Safe(note)}[/]");
        }

        if (view.Problem is { } problem)
        {
            console.MarkupLine($"  [red]{Safe(problem)}[/]");
            return;
        }

        console.MarkupLine(Invariant($"  {view.TokenCount} tokens, {view.Supervised} carry loss, {view.ImageTokens} image tokens"));
        for (int i = 0; i < view.Pictures.Count; i++)
        {
            PictureView p = view.Pictures[i];
            console.MarkupLine(Invariant($"  {(p.Shape.Frames > 0 ? "video" : "picture")} {i + 1}: {Safe(p.Name)}, {p.Stored.Width} x {p.Stored.Height} pixels, seen as {Describe(p)}"));
        }

        bool isOpen = false;
        foreach (TokenView token in view.Tokens)
        {
            if (!_isColoured && token.CarriesLoss != isOpen)
            {
                console.Write(isOpen ? $"{Close}" : $"{Open}");
                isOpen = token.CarriesLoss;
            }

            console.Markup(Coloured(token));
        }

        console.WriteLine(isOpen ? $"{Close}" : "");
    }

    /// <summary>The size of a picture as the model sees it, and what it costs.</summary>
    public static string Describe(PictureView picture)
    {
        string tiles = picture.Shape.Tile is { } tile ? Invariant($" in tiles of {tile.Width} x {tile.Height}") : "";
        return picture.Shape.Frames > 0
            ? Invariant($"{picture.Shape.Frames} frames of {picture.Shape.Width} x {picture.Shape.Height}, {picture.Shape.Tokens} video tokens")
            : Invariant($"{picture.Shape.Width} x {picture.Shape.Height}{tiles}, {picture.Shape.Tokens} image tokens");
    }

    private static string Coloured(TokenView token)
    {
        string text = Markup.Escape(SafeText.Of(token.IsSpecial ? token.Piece : token.Text, keepsLines: true));
        text = token.Count > 1 ? Invariant($"{text}×{token.Count}") : text;
        string? style = token.CarriesLoss ? "black on green" : token.Count > 1 ? "blue" : token.IsSpecial ? "grey" : null;
        return style is null || text.Length == 0 ? text : $"[{style}]{text}[/]";
    }

    private static string Safe(string text) => Markup.Escape(SafeText.Of(text));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
