using System.Globalization;
using Lorikeet.Cli.Html;
using Lorikeet.Data;
using Lorikeet.Evaluation;
using Lorikeet.Imaging;

namespace Lorikeet.Cli.Evaluate;

/// <summary>The report as a page: values, settings, and the rows with pictures and answers, worst first.</summary>
/// <param name="report">The results.</param>
/// <param name="context">What they were made with.</param>
/// <param name="pictures">Pictures of a row.</param>
/// <param name="upright">Whether orientation marks are obeyed.</param>
internal sealed class EvalPage(EvaluationReport report, ReportContext context, Func<int, IReadOnlyList<ImageSource>> pictures, bool upright)
{
    private const int MaxRows = 500;
    private const int MaxText = 4000;

    private const string Styles = """

        .rows td { min-width: 110px; }
        .rows td.shown { width: 230px; min-width: 130px; }
        .rows td.words { min-width: 190px; max-width: 380px; }
        .scores { display: grid; grid-template-columns: auto auto; gap: 3px 8px; justify-content: start; align-items: center; margin: 0; }
        .scores dt { color: var(--muted); font-size: 13px; }
        .scores dd { margin: 0; white-space: nowrap; }
        .tools { display: none; flex-wrap: wrap; gap: 10px; align-items: center; margin: 10px 0; }
        .tools.on { display: flex; }
        .tools input, .tools select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 5px 9px; }
        .tools input { min-width: 260px; }
        .origin { font-size: 13px; color: var(--muted); overflow-wrap: anywhere; }
        .who { font-size: 13px; color: var(--muted); margin: 0; }
        .who:not(:first-child) { margin-top: 8px; }
        .values { margin: 0; }
        .summary { margin: 18px 0; }
        .values td, .values th { white-space: nowrap; }
        .values td.words { white-space: normal; }
        ul.reading { padding-left: 20px; }

        """;

    // Sorting and filtering of what is on the page already; without a script the rows stand worst first.
    private const string SortScript = """

        (function () {
          var body = document.querySelector('#rows tbody'), rows = Array.from(body.rows), count = document.getElementById('count');
          var sort = document.getElementById('sort'), only = document.getElementById('only'), find = document.getElementById('find');
          document.querySelector('.tools').classList.add('on');
          function show() {
            var key = sort.value.split(' ')[0], sign = sort.value.split(' ')[1] === 'down' ? -1 : 1, text = find.value.toLowerCase(), shown = 0;
            rows.slice().sort(function (a, b) {
              return sign * (parseFloat(a.dataset[key]) - parseFloat(b.dataset[key])) || a.dataset.rank - b.dataset.rank;
            }).forEach(function (row) {
              var kind = only.value, hit = (kind === '' || row.dataset.kind.split(' ').indexOf(kind) >= 0) && row.textContent.toLowerCase().indexOf(text) >= 0;
              row.hidden = !hit;
              shown += hit ? 1 : 0;
              body.appendChild(row);
            });
            count.textContent = shown + ' of ' + rows.length + ' rows';
          }
          [sort, only].forEach(function (control) { control.addEventListener('change', show); });
          find.addEventListener('input', show);
          show();
        })();

        """;

    private readonly PagePictures _pictures = new();

    /// <summary>Writes the page.</summary>
    public void Save(string path)
    {
        string title = report.Models.Count == 1 ? $"Evaluation of {report.Models[0].Name}" : $"{report.Models[0].Name} and {report.Models[1].Name} compared";
        var page = new HtmlPage(title, string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileName(context.Data)}, {report.Rows.Count} rows, {context.Created:yyyy-MM-dd HH:mm} UTC"))
        {
            Styles = Styles,
            Script = SortScript,
        };
        AddSummary(page);
        foreach (string note in report.Notes)
        {
            page.Add(HtmlText.Of($"<p class=\"note\">{note}</p>"));
        }

        page.Details("Settings", [.. context.Settings, ("made with", "Lorikeet " + context.Version)]);
        page.Details("Metrics", report.Metrics.Select(m => (m.Name, m.Description)));
        page.Details("What the answers were made with", report.Models.SelectMany(m => m.Identity.Select(i => ($"{m.Name}: {i.Key}", i.Value))));
        AddRows(page);
        AddLeftOut(page);
        page.Save(path);
    }

    private void AddSummary(HtmlPage page)
    {
        if (report.Models.Count == 1)
        {
            EvaluatedModel model = report.Models[0];
            var figures = report.Measurements[0].Select(m => (m.Metric.Name, MetricText.Value(m.Metric, m.Value))).ToList();
            if (model.GenerationSeconds > 0 && model.NewTokens > 0)
            {
                figures.Add(("answer tokens/s", (model.NewTokens / model.GenerationSeconds).ToString("0.0", CultureInfo.InvariantCulture)));
            }

            page.Figures(figures);
            return;
        }

        page.Add(HtmlText.Of($"<div class=\"scroll summary\"><table class=\"values\"><thead><tr><th>metric</th><th class=\"number\">{report.Models[0].Name}</th><th class=\"number\">{report.Models[1].Name}</th><th class=\"number\">difference</th><th>{100 * report.Bootstrap.Level:0.#} % interval</th><th class=\"number\">better / worse / equal</th><th class=\"number\">p</th></tr></thead><tbody>{report.Differences.Select(DifferenceRow)}</tbody></table></div>"));
        page.Add(HtmlText.Of($"<ul class=\"reading\">{report.Differences.Select((_, i) => HtmlText.Of($"<li>{report.Sentence(i)}</li>"))}</ul>"));
        page.Add(HtmlText.Of($"<p class=\"muted\">Paired bootstrap: {report.Bootstrap.Resamples} resamples of the rows, the same for both (seed {report.Bootstrap.Seed}). p is twice the share of resamples whose difference does not have the sign found.</p>"));
    }

    private HtmlText DifferenceRow(PairedDifference d, int index)
    {
        IMetric metric = report.Metrics[index];
        string kind = !d.IsClear ? "plain" : d.Difference > 0 == metric.HigherIsBetter ? "good" : "bad";
        return HtmlText.Of($"<tr><th scope=\"row\">{metric.Name}</th><td class=\"number\">{MetricText.Value(metric, d.A)}</td><td class=\"number\">{MetricText.Value(metric, d.B)}</td><td class=\"number\"><span class=\"{kind}\">{MetricText.Difference(metric, d.Difference)}</span></td><td>{MetricText.Interval(metric, d)}</td><td class=\"number\">{d.Better} / {d.Worse} / {d.Equal}</td><td class=\"number\">{PValue(d)}</td></tr>");
    }

    private string PValue(PairedDifference d) => d.PValue > 0 ? d.PValue.ToString("0.0000", CultureInfo.InvariantCulture)
        : string.Create(CultureInfo.InvariantCulture, $"< {2.0 / report.Bootstrap.Resamples:0.0000}");

    private void AddRows(HtmlPage page)
    {
        IReadOnlyList<int> order = report.WorstFirst();
        page.Section("answers", "Answers, worst first");
        if (order.Count > MaxRows)
        {
            page.Add(HtmlText.Of($"<p class=\"note\">This page shows the {MaxRows} worst of {order.Count} rows; {EvalRun.JsonName} has all of them.</p>"));
        }

        HtmlText[] rows = [.. order.Take(MaxRows).Select(Row)];
        if (_pictures.Note is { } left)
        {
            page.Add(HtmlText.Of($"<p class=\"note\">{left}</p>"));
        }

        page.Add(Tools());
        HtmlText head = HtmlText.Of($"<tr><th>row</th><th>picture</th><th>prompt</th><th>{(report.Models.Count == 1 ? "answer" : "answers")}</th><th>right</th><th>scores</th></tr>");
        page.Add(HtmlText.Of($"<div class=\"scroll\"><table class=\"rows\" id=\"rows\"><thead>{head}</thead><tbody>{rows}</tbody></table></div>"));
    }

    private HtmlText Tools()
    {
        IEnumerable<HtmlText> byMetric = report.Metrics.SelectMany((metric, m) => new[]
        {
            HtmlText.Of($"<option value=\"m{m} {(metric.HigherIsBetter ? "up" : "down")}\">{metric.Name}, worst first</option>"),
            HtmlText.Of($"<option value=\"m{m} {(metric.HigherIsBetter ? "down" : "up")}\">{metric.Name}, best first</option>"),
        });
        IEnumerable<(string Value, string Text)> kinds = report.Models.Count == 1
            ? [("wrong", "not fully right"), ("right", "right"), ("cut", "cut off")]
            : [("worse", $"{report.Models[1].Name} is worse"), ("better", $"{report.Models[1].Name} is better"), ("equal", "equal"), ("cut", "cut off")];
        return HtmlText.Of($"<div class=\"tools\"><input id=\"find\" type=\"search\" placeholder=\"Find in rows\" aria-label=\"Find in rows\"><select id=\"sort\" aria-label=\"Order\"><option value=\"rank up\">worst first</option><option value=\"row up\">in the order of the file</option>{byMetric}</select><select id=\"only\" aria-label=\"Rows shown\"><option value=\"\">all rows</option>{kinds.Select(k => HtmlText.Of($"<option value=\"{k.Value}\">{k.Text}</option>"))}</select><span id=\"count\" class=\"muted\"></span></div>");
    }

    private HtmlText Row(int index, int rank)
    {
        int row = report.Rows[index];
        ReportRow shown = context.Row(row);
        IEnumerable<HtmlText> keys = report.Measurements[^1].Select((m, i) => HtmlText.Of($" data-m{i}=\"{m.Rows[index].Score:R}\""));
        IReadOnlyList<ImageSource> sources = pictures(row);

        // Behind the pictures' names stand those of videos.
        IEnumerable<HtmlText> videos = shown.Images.Skip(sources.Count).Select(name => HtmlText.Of($"<span class=\"note\">video: {name}</span>"));
        HtmlText images = HtmlText.Join([.. sources.Select(Picture), .. videos]);
        HtmlText answers = HtmlText.Join(report.Models.Select(model => Answer(model, row)));
        IEnumerable<HtmlText> references = shown.References.Distinct().Select(reference => HtmlText.Of($"<div class=\"text\">{Cut(reference)}</div>"));
        return HtmlText.Of($"<tr data-rank=\"{rank}\" data-row=\"{row}\" data-kind=\"{Kinds(index, row)}\"{keys}><td><span class=\"origin\">{Path.GetFileName(shown.Origin)}</span></td><td class=\"shown\">{images}</td><td class=\"words\"><div class=\"text\">{Cut(shown.Prompt)}</div></td><td class=\"words\">{answers}</td><td class=\"words\">{references}</td><td>{Scores(index)}</td></tr>\n");
    }

    private HtmlText Answer(EvaluatedModel model, int row)
    {
        HtmlText who = report.Models.Count == 1 ? HtmlText.Empty : HtmlText.Of($"<p class=\"who\">{model.Name}</p>");
        if (!model.Answers.TryGetValue(row, out AnsweredRow? answer))
        {
            return HtmlText.Of($"{who}<span class=\"muted\">not generated</span>");
        }

        HtmlText end = answer.Stop == "max_new_tokens" ? HtmlText.Of($" <span class=\"note\">cut off</span>") : HtmlText.Empty;
        HtmlText text = answer.Answer.Length == 0 ? HtmlText.Of($"<span class=\"muted\">(empty)</span>") : HtmlText.Of($"<div class=\"text\">{Cut(answer.Answer)}</div>");
        return HtmlText.Of($"{who}{text}{end}");
    }

    private HtmlText Scores(int index)
    {
        IEnumerable<HtmlText> scores = report.Metrics.Select((metric, m) => HtmlText.Of(
            $"<dt>{metric.Name}</dt><dd>{HtmlText.Join(report.Measurements.Select((of, i) => HtmlText.Of($"{(i == 0 ? "" : " → ")}{Score(metric, of[m].Rows[index].Score)}")))}</dd>"));
        return HtmlText.Of($"<dl class=\"scores\">{scores}</dl>");
    }

    private static HtmlText Score(IMetric metric, double score)
    {
        string kind = metric.Unit != MetricUnit.Share ? "plain" : score >= 1 ? "good" : score <= 0 ? "bad" : "note";
        return HtmlText.Of($"<span class=\"{kind}\">{MetricText.Value(metric, score)}</span>");
    }

    private string Kinds(int index, int row)
    {
        Measurement judged = report.Measurements[^1][0];
        double now = judged.Rows[index].Score;
        string kind = report.Models.Count == 1
            ? (judged.Metric.Unit == MetricUnit.Share && now >= 1 ? "right" : "wrong")
            : (now.CompareTo(report.Measurements[0][0].Rows[index].Score) * (judged.Metric.HigherIsBetter ? 1 : -1)) switch
            {
                > 0 => "better",
                < 0 => "worse",
                _ => "equal",
            };
        return report.Models.Any(m => m.Answers.GetValueOrDefault(row)?.Stop == "max_new_tokens") ? kind + " cut" : kind;
    }

    private HtmlText Picture(ImageSource source)
    {
        string name = source.FilePath is { } path ? Path.GetFileName(path) : "embedded picture";
        try
        {
            Image image = source.Decode();
            return _pictures.Of(upright ? image.Upright() : image, name);
        }
        catch (InvalidDataException e)
        {
            return HtmlText.Of($"<span class=\"note\">{e.Message}</span>"); // it was readable when the row was answered
        }
    }

    private void AddLeftOut(HtmlPage page)
    {
        if (report.LeftOut.Count == 0)
        {
            return;
        }

        page.Section("left-out", "Rows that could not be used");
        if (report.LeftOut.Count > MaxRows)
        {
            page.Add(HtmlText.Of($"<p class=\"note\">The first {MaxRows} of {report.LeftOut.Count}; {EvalRun.JsonName} has all of them.</p>"));
        }

        page.Add(HtmlText.Of($"<div class=\"scroll\"><table><tbody>{report.LeftOut.Take(MaxRows).Select(left => HtmlText.Of($"<tr><th scope=\"row\">{left.Row}</th><td>{left.Error}</td></tr>"))}</tbody></table></div>"));
    }

    private static string Cut(string text) => text.Length <= MaxText ? text
        : string.Create(CultureInfo.InvariantCulture, $"{text.AsSpan(0, MaxText)}… ({text.Length - MaxText} more characters in {EvalRun.JsonName})");
}
