using Lorikeet.Cli.Html;
using Lorikeet.Imaging;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests.Html;

public sealed class HtmlPageTests
{
    [Fact]
    public void Values_are_escaped_and_markup_is_not()
    {
        string hostile = "</td><script>alert('x')</script>&amp;\"\0\r\uD800\u0085";
        HtmlText inner = HtmlText.Of($"<b title=\"{hostile}\">{1.5}</b>");
        Assert.Equal("<b title=\"&lt;/td&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;&quot;\uFFFD&#13;\uFFFD\uFFFD\">1.5</b>", inner.ToString());
        Assert.Equal($"<p>{inner}{inner}</p>", HtmlText.Of($"<p>{new[] { inner, inner }}</p>").ToString());
        Assert.Equal("😀 é\n\tq", HtmlText.Escape("😀 é\n\tq").ToString());
    }

    [Fact]
    public void A_page_names_nothing_outside_itself()
    {
        var page = new HtmlPage("Evaluation of <runs>", "a & b") { Script = "document.title='x';" };
        page.Section("rows", "Rows").Figures([("exact match", "50 %")]).Details("Settings", [("data", "<x>")]);
        string text = page.ToString();
        Assert.StartsWith("<!DOCTYPE html>", text, StringComparison.Ordinal);
        Assert.Contains("<h1>Evaluation of &lt;runs&gt;</h1>", text, StringComparison.Ordinal);
        Assert.Contains("default-src 'none'; img-src data:; style-src 'sha256-", text, StringComparison.Ordinal);
        Assert.DoesNotContain("http://", text, StringComparison.Ordinal);
        Assert.DoesNotContain("https://", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Pictures_are_reduced_embedded_and_capped()
    {
        byte[] pixels = new byte[400 * 200 * 3];
        for (int i = 0; i < pixels.Length; i++)
        {
            pixels[i] = (byte)((i * 31) ^ (i >> 7));
        }

        var pictures = new PagePictures(longestEdge: 100, maxBytes: 1);
        string first = pictures.Of(new Image(400, 200, PixelMode.RGB, pixels), "a\"b.png").ToString();
        Assert.Contains("width=\"100\" height=\"50\" alt=\"a&quot;b.png, 400 x 200\"", first, StringComparison.Ordinal);
        byte[] file = Convert.FromBase64String(first[(first.IndexOf("base64,", StringComparison.Ordinal) + 7)..first.LastIndexOf('"')]);
        Assert.Equal((100, 50), ImageDecoder.Decode(file, "thumbnail") is var decoded ? (decoded.Width, decoded.Height) : default);
        Assert.Null(pictures.Note);
        Assert.Equal("<span class=\"note\">picture left out: c.png, 400 x 200</span>", pictures.Of(new Image(400, 200, PixelMode.RGB, pixels), "c.png").ToString());
        Assert.Equal("1 pictures are left out of this page: together its thumbnails may have 1 B.", pictures.Note);
    }

    [Fact]
    public void Every_kind_of_picture_can_be_shown()
    {
        foreach (PixelMode mode in Enum.GetValues<PixelMode>())
        {
            var image = new Image(300, 300, mode, new byte[300 * 300 * Image.BytesPerPixelOf(mode)]);
            Assert.StartsWith("<img ", new PagePictures().Of(image, mode.ToString()).ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("tier", "slow")]
    public void A_browser_shows_the_page_and_runs_its_script_and_no_other()
    {
        Assert.SkipWhen(Chromium.Path is null, Chromium.Missing);
        var page = new HtmlPage("Title", "subtitle") { Script = "document.title = 'the script ran';" };
        page.Add(HtmlText.Of($"<p id=\"text\" onclick=\"document.title='no'\">{"<script>document.title='hostile'</script>"}</p>"));
        string file = Path.Combine(Directory.CreateTempSubdirectory("lorikeet-page-").FullName, "page.html");
        page.Save(file);
        string shown = Chromium.DumpDom(file);
        Assert.Contains("<title>the script ran</title>", shown, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;document.title='hostile'&lt;/script&gt;", shown, StringComparison.Ordinal);

        // A script that the page's policy doesn't know, as if escaping had failed.
        File.WriteAllText(file, page.ToString().Replace("</body>", "<script>document.title='foreign'</script></body>", StringComparison.Ordinal));
        Assert.Contains("<title>the script ran</title>", Chromium.DumpDom(file), StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }
}
