using System.Globalization;
using System.Text.Json;
using Lorikeet.Training.Checks;

namespace Lorikeet.Cli.DataReports;

/// <summary>The result of a check as JSON; docs/data.md names the keys.</summary>
internal static class CheckJson
{
    /// <summary>Writes one finding as an object.</summary>
    public static void Write(Utf8JsonWriter json, Finding finding)
    {
        json.WriteStartObject();
        json.WriteString("kind", Finding.NameOf(finding.Kind));
        json.WriteString("severity", finding.IsError ? "error" : "warning");
        json.WriteString("origin", finding.Origin);
        if (NumberBehind(":", finding.Origin) is { } line)
        {
            json.WriteNumber("line", line);
        }
        else if (NumberBehind(": row ", finding.Origin) is { } row)
        {
            json.WriteNumber("row", row);
        }

        json.WriteString("message", finding.Message);
        json.WriteEndObject();
    }

    /// <summary>Writes everything but the findings themselves as properties of the current object.</summary>
    public static void WriteSummary(Utf8JsonWriter json, CheckReport report)
    {
        json.WriteBoolean("complete", report.IsComplete);
        json.WriteNumber("rows", report.Rows);
        json.WriteNumber("bad_rows", report.BadRows);
        json.WriteNumber("errors", report.Errors);
        json.WriteNumber("warnings", report.Warnings);
        json.WriteStartObject("counts");
        foreach (KindReport kind in report.Kinds)
        {
            json.WriteNumber(Finding.NameOf(kind.Kind), kind.Count);
        }

        json.WriteEndObject();
        foreach (PartReport part in report.Parts)
        {
            json.WriteStartObject(part.Name);
            WritePart(json, part);
            json.WriteEndObject();
        }

        json.WriteStartArray("notes");
        foreach (string note in report.Notes)
        {
            json.WriteStringValue(note);
        }

        json.WriteEndArray();
    }

    private static void WritePart(Utf8JsonWriter json, PartReport part)
    {
        json.WriteString("path", part.Path);
        json.WriteNumber("rows", part.Rows);
        json.WriteNumber("usable", part.Usable);
        if (part.Tokens is { } tokens)
        {
            json.WriteStartObject("tokens");
            json.WriteNumber("total", tokens.Total);
            json.WriteNumber("image", tokens.Image);
            json.WriteNumber("supervised", tokens.Supervised);
            json.WriteNumber("min", tokens.Shortest);
            json.WriteNumber("p50", tokens.Median);
            json.WriteNumber("p90", tokens.P90);
            json.WriteNumber("p99", tokens.P99);
            json.WriteNumber("max", tokens.Longest);
            json.WriteString("longest", tokens.LongestOrigin);
            json.WriteEndObject();
        }

        json.WriteStartObject("images");
        json.WriteNumber("total", part.Pictures.Total);
        json.WriteNumber("videos", part.Pictures.Videos);
        json.WriteNumber("most_per_sample", part.Pictures.MostPerSample);
        json.WriteNumber("samples_without", part.Pictures.WithoutPicture);
        json.WriteNumber("distinct_sizes", part.Pictures.DistinctSizes);
        json.WriteStartArray("sizes");
        foreach (SizeCount size in part.Pictures.Sizes)
        {
            json.WriteStartObject();
            json.WriteNumber("width", size.Width);
            json.WriteNumber("height", size.Height);
            json.WriteNumber("tokens", size.Tokens);
            if (size.Frames > 0)
            {
                json.WriteNumber("frames", size.Frames);
            }

            json.WriteNumber("count", size.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        if (part.Packing is { } packing)
        {
            json.WriteStartObject("packing");
            json.WriteNumber("capacity", packing.Capacity);
            json.WriteNumber("packs", packing.Packs);
            json.WriteNumber("fill", Math.Round(packing.Fill, 4));
            json.WriteEndObject();
        }
    }

    // Files without lines name their rows by number.
    private static long? NumberBehind(string mark, string origin)
    {
        int at = origin.LastIndexOf(mark, StringComparison.Ordinal);
        return at >= 0 && long.TryParse(origin.AsSpan(at + mark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
    }
}
