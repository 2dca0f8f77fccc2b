using System.Globalization;
using Lorikeet.Cli.Terminal;
using Lorikeet.Training.Checks;
using Spectre.Console;

namespace Lorikeet.Cli.DataReports;

/// <summary>The result of a check as people read it.</summary>
/// <param name="console">Where it goes.</param>
/// <param name="examples">Findings shown of each kind.</param>
internal sealed class CheckText(IAnsiConsole console, int examples)
{
    private const int MostSizes = 4;

    /// <summary>Writes figures, findings and the closing line.</summary>
    /// <param name="report">The result.</param>
    /// <param name="file">The file that lists all findings, if one was written.</param>
    public void Write(CheckReport report, string? file)
    {
        foreach (PartReport part in report.Parts)
        {
            WritePart(part);
        }

        foreach (KindReport kind in report.Kinds)
        {
            WriteKind(kind, file);
        }

        string colour = report.Errors > 0 ? "red" : report.Warnings > 0 ? "yellow" : "green";
        string state = report.IsComplete ? "" : "interrupted: ";
        console.MarkupLine($"[{colour}]{Markup.Escape(Invariant($"{state}{Counted(report.Rows, "row")} checked: {Counted(report.Errors, "error")} in {Counted(report.BadRows, "row")}, {Counted(report.Warnings, "warning")}"))}[/]");
    }

    private void WritePart(PartReport part)
    {
        console.MarkupLine($"[bold]{Safe(part.Name)}[/] {Safe(part.Path)}: {Counted(part.Rows, "row")}, {Words.Count(part.Usable)} usable");
        if (part.Tokens is not { } tokens)
        {
            return;
        }

        Line("tokens", Invariant($"{tokens.Shortest} to {tokens.Longest} per sample, half have up to {tokens.Median}, 90 % up to {tokens.P90}, 99 % up to {tokens.P99}; the longest is {tokens.LongestOrigin}"));
        Line("in all", Invariant($"{Words.Count(tokens.Total)} tokens with every sample once, {Share(tokens.Supervised, tokens.Total)} carry loss, {Share(tokens.Image, tokens.Total)} are image tokens"));
        if (part.Pictures.Total > 0)
        {
            string sizes = string.Join(", ", part.Pictures.Sizes.Take(MostSizes).Select(s => Invariant($"{(s.Frames > 0 ? Invariant($"{Counted(s.Frames, "frame")} of ") : "")}{s.Width}x{s.Height} ({s.Tokens} tokens) {Words.Count(s.Count)} times")));
            string more = part.Pictures.DistinctSizes > MostSizes ? Invariant($" and {part.Pictures.DistinctSizes - MostSizes} other sizes") : "";
            string videos = part.Pictures.Videos > 0 ? Invariant($" ({Counted(part.Pictures.Videos, "video")} among them)") : "";
            Line("pictures", Invariant($"{Words.Count(part.Pictures.Total)}{videos}, at most {part.Pictures.MostPerSample} per sample, {Counted(part.Pictures.WithoutPicture, "sample")} without; seen as {sizes}{more}"));
        }

        if (part.Packing is { } packing)
        {
            Line("packing", Invariant($"would make {Counted(packing.Packs, "pack")} of up to {packing.Capacity} tokens, {packing.Fill * 100:0} % full"));
        }
    }

    private void WriteKind(KindReport kind, string? file)
    {
        bool isError = Finding.IsErrorKind(kind.Kind);
        console.MarkupLine($"[{(isError ? "red" : "yellow")}]{Finding.NameOf(kind.Kind)}[/]: {Counted(kind.Count, isError ? "error" : "warning")}");
        foreach (Finding finding in kind.Listed.Take(examples))
        {
            console.MarkupLine($"  [bold]{Safe(finding.Origin)}[/]: {Safe(finding.Message)}");
        }

        if (kind.Count > Math.Min(examples, kind.Listed.Count))
        {
            console.MarkupLine(Markup.Escape(Invariant($"  and {Words.Count(kind.Count - Math.Min(examples, kind.Listed.Count))} more, listed {(file is null ? "by --output FILE" : $"in {file}")}")));
        }
    }

    private void Line(string name, string text) => console.MarkupLine($"  [grey]{name,-9}[/]{Safe(text)}");

    private static string Share(long part, long total) => Invariant($"{100.0 * part / Math.Max(1, total):0.#} %");

    private static string Counted(long count, string what) => $"{Words.Count(count)} {what}{(count == 1 ? "" : "s")}";

    private static string Safe(string text) => Markup.Escape(SafeText.Of(text));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
