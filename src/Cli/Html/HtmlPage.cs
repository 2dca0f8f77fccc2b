using System.Security.Cryptography;
using System.Text;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Cli.Html;

/// <summary>
/// One page in one file: style sheet and script inside, pictures as data (see <see cref="PagePictures"/>), light and dark, and a policy
/// that forbids the browser to load anything else or to run any other script.
/// </summary>
/// <param name="title">Title of the page.</param>
/// <param name="subtitle">A line below it.</param>
internal sealed class HtmlPage(string title, string subtitle)
{
    private readonly StringBuilder _body = new();

    /// <summary>Rules besides the common style sheet; the program's own text.</summary>
    public string Styles { get; init; } = "";

    /// <summary>A script at the page's end; the program's own text. The page must be readable without it.</summary>
    public string Script { get; init; } = "";

    /// <summary>Appends markup.</summary>
    public HtmlPage Add(HtmlText markup)
    {
        _body.Append(markup.ToString()).Append('\n');
        return this;
    }

    /// <summary>Appends a heading, with an anchor of its own.</summary>
    public HtmlPage Section(string id, string heading) => Add(HtmlText.Of($"<h2 id=\"{id}\">{heading}</h2>"));

    /// <summary>Appends tiles of a figure and what it is; the first of them stands out.</summary>
    public HtmlPage Figures(IEnumerable<(string Name, string Value)> figures) => Add(HtmlText.Of(
        $"<dl class=\"figures\">{figures.Select(f => HtmlText.Of($"<div><dt>{f.Name}</dt><dd>{f.Value}</dd></div>"))}</dl>"));

    /// <summary>Appends a table of names and values, folded away.</summary>
    public HtmlPage Details(string summary, IEnumerable<(string Name, string Value)> rows) => Add(HtmlText.Of(
        $"<details><summary>{summary}</summary><table class=\"settings\">{rows.Select(r => HtmlText.Of($"<tr><th scope=\"row\">{r.Name}</th><td>{r.Value}</td></tr>"))}</table></details>"));

    /// <summary>Writes the page; it appears whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToString());

    /// <summary>The whole page.</summary>
    public override string ToString()
    {
        string style = PageStyle.Common + Styles;
        string policy = $"default-src 'none'; img-src data:; style-src '{Hash(style)}'" + (Script.Length > 0 ? $"; script-src '{Hash(Script)}'" : "");
        string script = Script.Length > 0 ? $"<script>{Script}</script>\n" : "";
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="{policy}">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{HtmlText.Escape(title)}</title>
            <style>{style}</style>
            </head>
            <body>
            <header><h1>{HtmlText.Escape(title)}</h1><p>{HtmlText.Escape(subtitle)}</p></header>
            <main>

            """ + _body + $"</main>\n{script}</body>\n</html>\n";
    }

    // The browser hashes the element's text after it has read line ends, which are \n here.
    private static string Hash(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
