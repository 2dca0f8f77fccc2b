using System.Globalization;
using Lorikeet.Cli.Html;
using Lorikeet.Imaging;
using Lorikeet.Training.Checks;

namespace Lorikeet.Cli.DataReports;

/// <summary>Samples as a page: pictures as the model sees them, every token with its id, what carries loss highlighted.</summary>
internal static class PreviewPage
{
    /// <summary>Tokens shown of a sample, and of all samples; a run of image tokens counts once.</summary>
    private const int MostTokens = 20_000, MostOnPage = 200_000;

    private const int PictureEdge = 448;

    private const string Styles = """

        .legend { display: flex; flex-wrap: wrap; gap: 6px 14px; margin: 14px 0; font-size: 13px; color: var(--muted); }
        article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 4px 18px 16px; margin: 18px 0; }
        article h2 { margin: 12px 0 6px; font-size: 16px; overflow-wrap: anywhere; }
        .pictures { display: flex; flex-wrap: wrap; gap: 14px; margin: 12px 0; }
        .pictures figure { margin: 0; max-width: 448px; }
        .pictures figcaption { font-size: 13px; color: var(--muted); margin-top: 4px; overflow-wrap: anywhere; }
        .tokens { line-height: 1.85; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; margin: 12px 0 0; }
        .tokens span { border-radius: 3px; padding: 1px 0; box-shadow: inset 1px 0 var(--line); -webkit-box-decoration-break: clone; box-decoration-break: clone; }
        .tokens span:hover { outline: 2px solid var(--accent); }
        .tokens .special, .legend .special { color: var(--muted); }
        .tokens .run, .legend .run { background: var(--accent-ground); color: var(--accent); padding: 1px 5px; }
        .tokens .loss, .legend .loss { background: var(--good-ground); color: var(--good); box-shadow: 0 2px var(--good), inset 1px 0 var(--line); }
        .legend span { border-radius: 3px; padding: 0 5px; }

        """;

    /// <summary>Makes the page.</summary>
    /// <param name="title">Which data it shows.</param>
    /// <param name="views">The samples.</param>
    public static HtmlPage Make(string title, IReadOnlyList<SampleView> views)
    {
        var page = new HtmlPage("Data preview", title) { Styles = Styles };
        var pictures = new PagePictures(PictureEdge);
        page.Figures(
        [
            ("tokens that carry loss", Invariant($"{views.Sum(v => v.Supervised)}")),
            ("tokens", Invariant($"{views.Sum(v => v.TokenCount)}")),
            ("image tokens", Invariant($"{views.Sum(v => v.ImageTokens)}")),
            ("pictures", Invariant($"{views.Sum(v => v.Pictures.Count)}")),
            ("samples", Invariant($"{views.Count}")),
        ]);
        page.Add(HtmlText.Of(
            $"""<p class="legend"><span class="loss">carries loss</span><span class="special">special token</span><span class="run">run of one token ×64</span><span>hover over a token for its position, id and spelling</span></p>"""));
        int left = MostOnPage;
        foreach (SampleView view in views)
        {
            page.Add(HtmlText.Of($"<article><h2>{view.Origin}</h2>{Sample(view, pictures, Math.Min(left, MostTokens))}</article>"));
            left = Math.Max(0, left - view.Tokens.Count);
        }

        return pictures.Note is { } note ? page.Add(HtmlText.Of($"<p class=\"note\">{note}</p>")) : page;
    }

    private static HtmlText Sample(SampleView view, PagePictures pictures, int most)
    {
        var parts = new List<HtmlText>();
        parts.AddRange(view.Notes.Select(note => HtmlText.Of($"<p class=\"note\">{note}</p>")));
        if (view.Problem is { } problem)
        {
            parts.Add(HtmlText.Of($"<p class=\"bad\">{problem}</p>"));
            return HtmlText.Join(parts);
        }

        parts.Add(HtmlText.Of($"<p><span class=\"muted\">row {view.Index + 1}: {view.TokenCount} tokens,</span> <span class=\"good\">{view.Supervised} carry loss</span> <span class=\"tag\">{view.ImageTokens} image tokens</span></p>"));
        if (view.Pictures.Count > 0)
        {
            parts.Add(HtmlText.Of($"<div class=\"pictures\">{view.Pictures.Select((p, i) => Picture(p, i, pictures))}</div>"));
        }

        parts.Add(HtmlText.Of($"<p class=\"text tokens\">{view.Tokens.Take(most).Select(Token)}</p>"));
        if (view.Tokens.Count > most)
        {
            parts.Add(HtmlText.Of($"<p class=\"note\">The first {most} tokens are shown (runs count once), {view.Tokens.Count - most} are not: a page has at most {MostTokens} of a sample and {MostOnPage} in all.</p>"));
        }

        return HtmlText.Join(parts);
    }

    private static HtmlText Picture(PictureView picture, int number, PagePictures pictures) => HtmlText.Of(
        $"<figure>{pictures.Of(WithTiles(picture), picture.Name)}<figcaption>{number + 1}: {Path.GetFileName(picture.Name)}, {picture.Stored.Width} x {picture.Stored.Height} in the file, seen as {PreviewText.Describe(picture)}</figcaption></figure>");

    private static HtmlText Token(TokenView token)
    {
        string kind = (token.CarriesLoss ? " loss" : "") + (token.Count > 1 ? " run" : token.IsSpecial ? " special" : "");
        string where = token.Count > 1 ? Invariant($"tokens {token.Position} to {token.Position + token.Count - 1}") : Invariant($"token {token.Position}");
        string text = token.IsSpecial ? token.Piece : token.Text.Length > 0 ? token.Text : "·";
        text = token.Count > 1 ? Invariant($"{text}×{token.Count}") : text.Replace("\n", "↵\n", StringComparison.Ordinal);
        return HtmlText.Of($"<span class=\"{kind.TrimStart()}\" data-n=\"{token.Count}\" title=\"{where}, id {token.Id}, {token.Piece}\">{text}</span>");
    }

    /// <summary>The picture with the borders of its tiles drawn in.</summary>
    private static Image WithTiles(PictureView picture)
    {
        Image seen = picture.Seen;
        if (picture.Shape.Tile is not { } tile)
        {
            return seen;
        }

        byte[] pixels = (byte[])seen.Pixels.Clone();
        int thickness = Math.Max(1, Math.Max(seen.Width, seen.Height) / PictureEdge);
        for (int y = 0; y < seen.Height; y++)
        {
            for (int x = 0; x < seen.Width; x++)
            {
                if ((x >= tile.Width && x % tile.Width < thickness) || (y >= tile.Height && y % tile.Height < thickness))
                {
                    // Bright beside dark, so that it shows on any picture.
                    pixels.AsSpan(((y * seen.Width) + x) * 3, 3).Fill((byte)((x + y) / (4 * thickness) % 2 == 0 ? 255 : 0));
                }
            }
        }

        return new Image(seen.Width, seen.Height, PixelMode.RGB, pixels);
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
