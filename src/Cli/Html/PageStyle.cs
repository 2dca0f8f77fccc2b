namespace Lorikeet.Cli.Html;

/// <summary>The style sheet of all pages: system fonts, light and dark by the reader's setting, readable when printed.</summary>
internal static class PageStyle
{
    /// <summary>
    /// Classes: <c>figures</c> (tiles), <c>settings</c> (table of names and values), <c>rows</c> (a wide table with its own scroll
    /// bar in a <c>div.scroll</c>), <c>text</c> (text with its line ends), <c>muted</c>, <c>tag</c>, <c>plain</c>, <c>good</c>, <c>bad</c>,
    /// <c>note</c>, <c>number</c>, <c>picture</c>.
    /// </summary>
    public const string Common = """

        :root {
          color-scheme: light dark;
          --ground: #f7f7f5; --card: #ffffff; --ink: #1d1f23; --muted: #636a75; --line: #dfe1e5; --accent: #0b6e5f; --accent-ground: #e3f2ee;
          --good: #1a7f4b; --good-ground: #e2f4e9; --bad: #b3261e; --bad-ground: #fbe7e5; --note: #7a5200; --note-ground: #fdf1d6;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #16181c; --card: #1f2227; --ink: #e7e9ec; --muted: #9aa3af; --line: #343941; --accent: #5fd0bb; --accent-ground: #17352f;
            --good: #6fd79b; --good-ground: #16331f; --bad: #ff9d94; --bad-ground: #44201d; --note: #f0c674; --note-ground: #3a2d12;
          }
        }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
        header, main { max-width: 1280px; margin: 0 auto; padding: 0 20px; }
        header { padding-top: 28px; }
        main { padding-bottom: 60px; }
        h1 { font-size: 26px; line-height: 1.25; margin: 0 0 2px; }
        header p { margin: 0; color: var(--muted); overflow-wrap: anywhere; }
        h2 { font-size: 18px; margin: 34px 0 10px; }
        p { margin: 8px 0; }
        a { color: var(--accent); }
        code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
        .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; margin: 18px 0; }
        .figures div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; }
        .figures dt { color: var(--muted); font-size: 13px; }
        .figures dd { margin: 2px 0 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
        details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 8px 14px; margin: 10px 0; }
        summary { cursor: pointer; font-weight: 600; }
        table { border-collapse: collapse; width: 100%; }
        th, td { text-align: left; vertical-align: top; padding: 8px 10px; border-bottom: 1px solid var(--line); unicode-bidi: isolate; }
        tr:last-child > * { border-bottom: 0; }
        .settings th { font-weight: 500; color: var(--muted); width: 260px; }
        .settings td { overflow-wrap: anywhere; }
        .scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
        .rows thead th { position: sticky; top: 0; background: var(--card); font-size: 13px; color: var(--muted); white-space: nowrap; box-shadow: inset 0 -1px var(--line); }
        .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        .text { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
        .muted { color: var(--muted); }
        .tag, .plain, .good, .bad, .note { display: inline-block; border-radius: 6px; padding: 1px 7px; font-size: 13px; font-variant-numeric: tabular-nums; }
        .tag { background: var(--accent-ground); color: var(--accent); }
        .plain { background: var(--ground); border: 1px solid var(--line); }
        .good { background: var(--good-ground); color: var(--good); }
        .bad { background: var(--bad-ground); color: var(--bad); }
        .note { background: var(--note-ground); color: var(--note); }
        p.note { display: block; padding: 8px 12px; }
        .picture { display: block; max-width: 100%; height: auto; border-radius: 6px; border: 1px solid var(--line); background: var(--ground); }
        .picture.small { width: 112px; image-rendering: pixelated; }
        .picture + .picture, .picture + .note { margin-top: 6px; }
        @media print { body { background: none; } .rows thead th { position: static; } }

        """;
}
