using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lorikeet.Cli.Parity;

/// <summary>One object of a JSON golden: expected values by key, and the computed values under the same keys for the dump.</summary>
internal sealed class GoldenItem(ParityRun run, CheckId id, JsonElement expected)
{
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    /// <summary>What the dump holds: sources as they stand, and computed values.</summary>
    public JsonObject Computed { get; } = [];

    /// <summary>Names keys that are sources, not results; the dump repeats them.</summary>
    public void Sources(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            _seen.Add(key);
            if (expected.TryGetProperty(key, out JsonElement value))
            {
                Computed[key] = JsonSerializer.SerializeToNode(value);
            }
        }
    }

    /// <summary>An object that was checked as an item of its own.</summary>
    public void Add(string key, JsonObject computed)
    {
        _seen.Add(key);
        Computed[key] = computed;
    }

    /// <summary>A list of objects, each checked by itself; what goes wrong in one is a failure of that one.</summary>
    /// <param name="key">Key of the list.</param>
    /// <param name="check">Checks one element; it gets the element as an item of its own, and its place.</param>
    /// <param name="name">Case name of an element; without it checks are named by the element's place in the file.</param>
    public void List(string key, Action<GoldenItem, JsonElement> check, Func<JsonElement, string>? name = null)
    {
        _seen.Add(key);
        if (!expected.TryGetProperty(key, out JsonElement list))
        {
            return;
        }

        var dump = new JsonArray();
        Computed[key] = dump;
        int index = 0;
        foreach (JsonElement element in list.EnumerateArray())
        {
            CheckId here = Id(string.Create(CultureInfo.InvariantCulture, $"{key}.{index++}"));
            run.Guard(here, () =>
            {
                CheckId named = name is null ? here : here with { Case = name(element), Quantity = "" };
                var item = new GoldenItem(run, named, element);
                dump.Add((JsonNode)item.Computed);
                check(item, element);
                item.SkipOthers();
            });
        }
    }

    /// <summary>A value that must be equal, if the golden has one.</summary>
    public void Exact<T>(string key, T computed)
    {
        JsonElement value = JsonSerializer.SerializeToElement(computed);
        Computed[key] = JsonSerializer.SerializeToNode(value);
        _seen.Add(key);
        if (expected.TryGetProperty(key, out JsonElement wanted))
        {
            run.Exact(Id(key), JsonElement.DeepEquals(value, wanted), Difference(value, wanted));
        }
    }

    /// <summary>A value that is expected but was not produced.</summary>
    public void Missing(string key, string found)
    {
        _seen.Add(key);
        if (expected.TryGetProperty(key, out _))
        {
            run.Exact(Id(key), false, found);
        }
    }

    /// <summary>Names that must be the same ones, in whatever order; the dump has them in the golden's.</summary>
    public void SameNames(string key, IEnumerable<string> computed)
    {
        _seen.Add(key);
        bool isExpected = expected.TryGetProperty(key, out JsonElement list);
        string[] wanted = isExpected ? [.. list.EnumerateArray().Select(v => v.GetString()!)] : [];
        string[] names = [.. computed.OrderBy(n => (uint)Array.IndexOf(wanted, n)).ThenBy(n => n, StringComparer.Ordinal)];
        Computed[key] = JsonSerializer.SerializeToNode(names);
        if (isExpected)
        {
            string? difference = names.Except(wanted).Select(n => $"'{n}' is not expected").Concat(wanted.Except(names).Select(n => $"'{n}' is missing")).FirstOrDefault();
            run.Exact(Id(key), names.AsSpan().SequenceEqual(wanted), difference ?? "");
        }
    }

    /// <summary>A number within a relative difference.</summary>
    public void Relative(string key, double computed, double tolerance)
    {
        Computed[key] = Json(computed);
        _seen.Add(key);
        if (expected.TryGetProperty(key, out JsonElement wanted))
        {
            run.Check(Id(key), Distance.Relative(computed, wanted.GetDouble()), tolerance);
        }
    }

    /// <summary>A list of numbers: the largest relative difference; differences below <paramref name="floor"/> are rounding.</summary>
    public void Relative(string key, IReadOnlyList<double> computed, double tolerance, double floor = 0)
    {
        Computed[key] = new JsonArray([.. computed.Select(Json)]);
        _seen.Add(key);
        if (!expected.TryGetProperty(key, out JsonElement list))
        {
            return;
        }

        double[] wanted = [.. list.EnumerateArray().Select(v => v.GetDouble())];
        double worst = computed.Count == wanted.Length ? 0 : double.PositiveInfinity;
        for (int i = 0; i < wanted.Length && double.IsFinite(worst); i++)
        {
            worst = Math.Abs(computed[i] - wanted[i]) <= floor ? worst : Math.Max(worst, Distance.Relative(computed[i], wanted[i]));
        }

        run.Check(Id(key), worst, tolerance);
    }

    /// <summary>A key that says how far the reference is from itself: ours must be small, the golden's own value is no target.</summary>
    public void AtMost(string key, double computed, double tolerance)
    {
        Computed[key] = Json(computed);
        _seen.Add(key);
        if (expected.TryGetProperty(key, out _))
        {
            run.Check(Id(key), computed, tolerance);
        }
    }

    /// <summary>A number that is dumped but not compared.</summary>
    public void Note(string key, double computed, string reason)
    {
        Computed[key] = Json(computed);
        _seen.Add(key);
        run.Skip(Id(key), reason);
    }

    /// <summary>Says which keys were not looked at.</summary>
    public void SkipOthers()
    {
        foreach (JsonProperty property in expected.EnumerateObject())
        {
            if (!_seen.Contains(property.Name))
            {
                run.Skip(Id(property.Name), "a value that is not known here");
            }
        }
    }

    /// <summary>Where two JSON values first differ, in words.</summary>
    public static string Difference(JsonElement computed, JsonElement expected)
    {
        if (computed.ValueKind == JsonValueKind.Array && expected.ValueKind == JsonValueKind.Array)
        {
            int n = Math.Min(computed.GetArrayLength(), expected.GetArrayLength());
            for (int i = 0; i < n; i++)
            {
                if (!JsonElement.DeepEquals(computed[i], expected[i]))
                {
                    return string.Create(CultureInfo.InvariantCulture, $"at {i}: {Short(computed[i].GetRawText())}, expected {Short(expected[i].GetRawText())}");
                }
            }

            return string.Create(CultureInfo.InvariantCulture, $"{computed.GetArrayLength()} values, {expected.GetArrayLength()} expected");
        }

        if (computed.ValueKind == JsonValueKind.String && expected.ValueKind == JsonValueKind.String)
        {
            string a = computed.GetString()!, b = expected.GetString()!;
            int same = a.AsSpan().CommonPrefixLength(b);
            return string.Create(CultureInfo.InvariantCulture, $"at character {same}: {Quoted(a, same)}, expected {Quoted(b, same)}");
        }

        return $"{Short(computed.GetRawText())}, expected {Short(expected.GetRawText())}";
    }

    private CheckId Id(string key) => id with { Quantity = id.Quantity.Length == 0 ? key : id.Quantity + "." + key };

    /// <summary>JSON has no infinities: they are written as text.</summary>
    private static JsonNode? Json(double value) =>
        double.IsFinite(value) ? JsonValue.Create(value) : JsonValue.Create(value.ToString(CultureInfo.InvariantCulture));

    private static string Quoted(string text, int from) => Short(JsonSerializer.Serialize(text.Length - from > 40 ? text.Substring(from, 40) : text[from..]));

    private static string Short(string text) => text.Length > 80 ? text[..80] + "…" : text;
}
