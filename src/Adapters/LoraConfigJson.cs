using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Lorikeet.Adapters;

/// <summary>The <c>adapter_config.json</c> of PEFT. Settings that would change the result and are not supported are refused by name.</summary>
internal static class LoraConfigJson
{
    /// <summary>Keys that are read, or that say nothing about the computation.</summary>
    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "r", "lora_alpha", "lora_dropout", "target_modules", "exclude_modules", "bias", "use_rslora", "init_lora_weights", "modules_to_save",
        "rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "task_type", "base_model_name_or_path", "peft_type",
        "peft_version", "inference_mode", "revision", "auto_mapping", "megatron_core", "megatron_config", "qalora_group_size", "runtime_config",
        "ensure_weight_tying", "corda_config", "eva_config", "loftq_config",
    };

    public static LoraConfig Read(JsonElement json, string file)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new InvalidDataException($"{file}: expected a JSON object, found {json.ValueKind}");
        }

        string type = Text(json, "peft_type", file) ?? "LORA";
        if (type != "LORA")
        {
            throw new InvalidDataException($"{file}: 'peft_type' is {type}; only LORA adapters are supported");
        }

        RefuseUnknown(json, file);
        return new LoraConfig
        {
            R = Whole("r", Number(json, "r", 8, file), file),
            LoraAlpha = Number(json, "lora_alpha", 8, file),
            LoraDropout = Number(json, "lora_dropout", 0, file),
            TargetModules = Match(json, "target_modules", file) ?? throw new InvalidDataException($"{file}: 'target_modules' is missing"),
            ExcludeModules = Match(json, "exclude_modules", file),
            Bias = (Text(json, "bias", file) ?? "none") switch
            {
                "none" => LoraBias.None,
                "all" => LoraBias.All,
                "lora_only" => LoraBias.LoraOnly,
                string other => throw new InvalidDataException($"{file}: 'bias' must be none, all or lora_only, found '{other}'"),
            },
            UseRslora = Flag(json, "use_rslora"),
            InitLoraWeights = Init(json, file),
            ModulesToSave = Strings(json, "modules_to_save", file) ?? [],
            RankPattern = Numbers(json, "rank_pattern", file).ToDictionary(p => p.Key, p => Whole($"rank_pattern.{p.Key}", p.Value, file)),
            AlphaPattern = Numbers(json, "alpha_pattern", file),
            LayersToTransform = Integers(json, "layers_to_transform", file),
            LayersPattern = Strings(json, "layers_pattern", file) ?? [],
            TaskType = Text(json, "task_type", file),
            BaseModelNameOrPath = Text(json, "base_model_name_or_path", file) ?? "",
            Revision = Text(json, "revision", file),
        };
    }

    public static string Write(LoraConfig c)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var w = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            w.WriteStartObject();
            WriteMap(w, "alpha_pattern", c.AlphaPattern, w.WriteNumber);
            w.WriteNull("auto_mapping");
            w.WriteString("base_model_name_or_path", c.BaseModelNameOrPath);
            w.WriteString("bias", c.Bias switch { LoraBias.All => "all", LoraBias.LoraOnly => "lora_only", _ => "none" });
            WriteMatch(w, "exclude_modules", c.ExcludeModules);
            w.WriteBoolean("fan_in_fan_out", false);
            w.WriteBoolean("inference_mode", true);
            WriteInit(w, c.InitLoraWeights);
            WriteList(w, "layers_pattern", c.LayersPattern, w.WriteStringValue);
            WriteList(w, "layers_to_transform", c.LayersToTransform, w.WriteNumberValue);
            w.WriteStartObject("loftq_config");
            w.WriteEndObject();
            w.WriteNumber("lora_alpha", c.LoraAlpha);
            w.WriteBoolean("lora_bias", false);
            w.WriteNumber("lora_dropout", c.LoraDropout);
            WriteList(w, "modules_to_save", c.ModulesToSave.Count == 0 ? null : c.ModulesToSave, w.WriteStringValue);
            w.WriteString("peft_type", "LORA");
            w.WriteNumber("r", c.R);
            WriteMap(w, "rank_pattern", c.RankPattern, w.WriteNumber);
            w.WriteString("revision", c.Revision);
            WriteMatch(w, "target_modules", c.TargetModules);
            w.WriteString("task_type", c.TaskType);
            w.WriteBoolean("use_dora", false);
            w.WriteBoolean("use_rslora", c.UseRslora);
            w.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan) + "\n";
    }

    /// <summary>A key that isn't read may only hold a value that means "off".</summary>
    private static void RefuseUnknown(JsonElement json, string file)
    {
        foreach (JsonProperty property in json.EnumerateObject())
        {
            bool isOff = property.Value.ValueKind is JsonValueKind.Null or JsonValueKind.False
                || (property.Value.ValueKind == JsonValueKind.Object && !property.Value.EnumerateObject().Any())
                || (property.Value.ValueKind == JsonValueKind.Array && property.Value.GetArrayLength() == 0);
            if (!isOff && (!Known.Contains(property.Name) || property.Name is "corda_config" or "eva_config" or "loftq_config"))
            {
                throw new InvalidDataException($"{file}: '{property.Name}' is set to {property.Value.GetRawText()}, which is not supported");
            }
        }
    }

    private static LoraInit Init(JsonElement json, string file)
    {
        // Only the start of a training depends on it, for an adapter that is loaded brings its values. But some ways to start change the
        // base's matrices too (pissa, olora, loftq and others): such an adapter means another base.
        if (!json.TryGetProperty("init_lora_weights", out JsonElement value))
        {
            return LoraInit.Default;
        }

        return value.ValueKind switch
        {
            JsonValueKind.False => LoraInit.Random,
            JsonValueKind.True or JsonValueKind.Null => LoraInit.Default,
            JsonValueKind.String => value.GetString()!.ToLowerInvariant() switch
            {
                "gaussian" => LoraInit.Gaussian,
                "eva" or "orthogonal" => LoraInit.Default,
                string other => throw new InvalidDataException($"{file}: 'init_lora_weights' is '{other}', which changes the base's matrices and is not supported. Convert the adapter to plain LoRA first (PEFT's path_initial_model_for_weight_conversion)."),
            },
            _ => throw Wrong(file, "init_lora_weights", "true, false or a string", value),
        };
    }

    private static int Whole(string key, double value, string file) => value is >= 1 and <= LoraConfig.MaxRank && value == Math.Floor(value)
        ? (int)value
        : throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"{file}: '{key}' must be a whole number from 1 to {LoraConfig.MaxRank}, found {value}"));

    private static bool Flag(JsonElement json, string key) => json.TryGetProperty(key, out JsonElement value) && value.ValueKind == JsonValueKind.True;

    private static double Number(JsonElement json, string key, double otherwise, string file) =>
        !json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? otherwise
        : value.ValueKind == JsonValueKind.Number ? value.GetDouble()
        : throw Wrong(file, key, "a number", value);

    private static string? Text(JsonElement json, string key, string file) =>
        !json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw Wrong(file, key, "a string", value);

    private static ModuleMatch? Match(JsonElement json, string key, string file)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind != JsonValueKind.String)
        {
            return Strings(json, key, file) is { Count: > 0 } names ? ModuleMatch.OfNames(names) : null;
        }

        try
        {
            return ModuleMatch.OfPattern(value.GetString()!);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{file}: '{key}': {e.Message}", e);
        }
    }

    private static List<string>? Strings(JsonElement json, string key, string file)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array when value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String) => [.. value.EnumerateArray().Select(v => v.GetString()!)],
            _ => throw Wrong(file, key, "a string or a list of strings", value),
        };
    }

    private static List<int>? Integers(JsonElement json, string key, string file)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind switch
        {
            JsonValueKind.Number when value.TryGetInt32(out int one) => [one],
            JsonValueKind.Array when value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number && v.TryGetInt32(out _)) => [.. value.EnumerateArray().Select(v => v.GetInt32())],
            _ => throw Wrong(file, key, "a whole number or a list of them", value),
        };
    }

    private static Dictionary<string, double> Numbers(JsonElement json, string key, string file)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Object && value.EnumerateObject().All(p => p.Value.ValueKind == JsonValueKind.Number)
            ? value.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetDouble())
            : throw Wrong(file, key, "an object of numbers", value);
    }

    private static InvalidDataException Wrong(string file, string key, string expected, JsonElement found) =>
        new($"{file}: '{key}' must be {expected}, found {found.GetRawText()}");

    private static void WriteMatch(Utf8JsonWriter w, string key, ModuleMatch? match)
    {
        if (match?.Pattern is { } pattern)
        {
            w.WriteString(key, pattern);
        }
        else
        {
            WriteList(w, key, match?.Names, w.WriteStringValue);
        }
    }

    private static void WriteInit(Utf8JsonWriter w, LoraInit init)
    {
        if (init == LoraInit.Gaussian)
        {
            w.WriteString("init_lora_weights", "gaussian");
        }
        else
        {
            w.WriteBoolean("init_lora_weights", init == LoraInit.Default);
        }
    }

    private static void WriteMap<T>(Utf8JsonWriter w, string key, IReadOnlyDictionary<string, T> map, Action<string, T> write)
    {
        w.WriteStartObject(key);
        foreach ((string name, T value) in map)
        {
            write(name, value);
        }

        w.WriteEndObject();
    }

    private static void WriteList<T>(Utf8JsonWriter w, string key, IReadOnlyList<T>? list, Action<T> write)
    {
        if (list is null)
        {
            w.WriteNull(key);
            return;
        }

        w.WriteStartArray(key);
        foreach (T value in list)
        {
            write(value);
        }

        w.WriteEndArray();
    }
}
