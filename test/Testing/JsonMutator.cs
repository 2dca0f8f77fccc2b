using System.Text;
using System.Text.Json.Nodes;

namespace Lorikeet.Testing;

/// <summary>
/// Damages JSON where it means something: values replaced by hostile ones, keys removed, renamed, doubled or nested. The place is found by
/// a random walk from the top, so that a long list of words does not draw all the damage. Reproducible.
/// </summary>
public sealed class JsonMutator(int seed)
{
    private static readonly string[] Hostile =
    [
        "null", "true", "false", "0", "-1", "1", "2.5", "1e300", "-1e300", "2147483648", "9223372036854775807", "-9223372036854775808", "18446744073709551616", "\"\"", "\"x\"",
        "\"\\u0000\"", "\"\\ud83d\\ude00\"", "\"../../x\"", "\"(\"", "\"(a+)+$\"", "[]", "{}", "[[]]", "[null]", "[1,2]", "[\"a\",\"a\"]", "{\"a\":{}}", "{\"\":null}", "\"\\n\"", "4294967296", "16777217",
    ];

    private readonly Random _random = new(seed);

    /// <summary>A damaged copy as UTF-8.</summary>
    public byte[] Mutate(string json)
    {
        JsonNode root = JsonNode.Parse(json)!;
        for (int n = _random.Next(1, 4); n > 0; n--)
        {
            root = Damage(root);
        }

        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    private JsonNode Damage(JsonNode root)
    {
        JsonNode at = root;
        while (Children(at) is > 0 and int count)
        {
            int index = _random.Next(count);
            JsonNode? child = at is JsonArray array ? array[index] : ((JsonObject)at).GetAt(index).Value;
            if (child is null || Children(child) == 0 || _random.Next(3) == 0)
            {
                Change(at, index, child);
                return root;
            }

            at = child;
        }

        return root;
    }

    private void Change(JsonNode at, int index, JsonNode? child)
    {
        JsonNode? hostile = JsonNode.Parse(Hostile[_random.Next(Hostile.Length)]);
        int kind = _random.Next(8);
        if (at is JsonArray array)
        {
            switch (kind)
            {
                case 0:
                    array.RemoveAt(index);
                    break;
                case 1:
                    array.Insert(index, child?.DeepClone());
                    break;
                case 2:
                    array[index] = Nest(child?.DeepClone());
                    break;
                default:
                    array[index] = hostile;
                    break;
            }

            return;
        }

        var fields = (JsonObject)at;
        string key = fields.GetAt(index).Key;
        switch (kind)
        {
            case 0:
                fields.Remove(key);
                break;
            case 1:
                fields.Remove(key);
                fields[key + (_random.Next(2) == 0 ? "x" : "\0")] = child?.DeepClone();
                break;
            case 2:
                fields[key] = Nest(child?.DeepClone());
                break;
            case 3:
                fields[fields.GetAt(_random.Next(fields.Count)).Key] = child?.DeepClone();
                break;
            default:
                fields[key] = hostile;
                break;
        }
    }

    private JsonNode? Nest(JsonNode? node)
    {
        for (int depth = _random.Next(1, 70); depth > 0; depth--)
        {
            node = _random.Next(2) == 0 ? new JsonArray(node) : new JsonObject { ["a"] = node };
        }

        return node;
    }

    private static int Children(JsonNode? node) => node switch
    {
        JsonArray array => array.Count,
        JsonObject fields => fields.Count,
        _ => 0,
    };
}
