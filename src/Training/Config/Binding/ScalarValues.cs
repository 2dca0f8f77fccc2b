using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Text.Json.Nodes;

namespace Lorikeet.Training.Config.Binding;

/// <summary>A value written as a single scalar.</summary>
internal abstract class ScalarValue : ConfigValue
{
    public sealed override object? Read(ConfigNode node, string path, BindContext context)
    {
        var scalar = node is ArgumentNode argument ? argument.AsScalar() : node as ScalarNode;
        return scalar is null ? context.WrongType(node, path, Expected) : ReadScalar(scalar, path, context);
    }

    protected abstract object? ReadScalar(ScalarNode scalar, string path, BindContext context);
}

/// <summary>true or false.</summary>
internal sealed class SwitchValue : ScalarValue
{
    public override string Expected => "true or false";

    public override bool IsSwitch => true;

    public override string Write(object value) => (bool)value ? "true" : "false";

    public override JsonObject Schema() => new() { ["type"] = "boolean" };

    protected override object? ReadScalar(ScalarNode scalar, string path, BindContext context) =>
        scalar.AsBoolean ?? context.WrongType(scalar, path, Expected);
}

/// <summary>A whole number.</summary>
internal sealed class WholeValue(long min, long max, Func<long, object> convert) : ScalarValue
{
    public override string Expected => "a whole number";

    public override string Write(object value) => ((IFormattable)value).ToString(null, CultureInfo.InvariantCulture);

    public override JsonObject Schema() => new() { ["type"] = "integer" };

    protected override object? ReadScalar(ScalarNode scalar, string path, BindContext context)
    {
        // Python's YAML allows 1_000, and so do we; anything longer than 64 bits is told apart from something that is no number.
        string digits = scalar.Text.Replace("_", "", StringComparison.Ordinal);
        if (!scalar.Plain || digits.Length > 40 || scalar.Text.StartsWith('_') || scalar.Text.EndsWith('_')
            || !BigInteger.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
        {
            return context.WrongType(scalar, path, Expected);
        }

        return number < min || number > max
            ? context.WrongType(scalar, path, string.Create(CultureInfo.InvariantCulture, $"{Expected} between {min} and {max}"))
            : convert((long)number);
    }
}

/// <summary>A number, with or without a fraction or exponent; finite.</summary>
internal sealed class NumberValue : ScalarValue
{
    private const NumberStyles Styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;

    public override string Expected => "a number";

    public override string Write(object value) => ((double)value).ToString("R", CultureInfo.InvariantCulture);

    public override JsonObject Schema() => new() { ["type"] = "number" };

    protected override object? ReadScalar(ScalarNode scalar, string path, BindContext context) =>
        scalar.Plain && double.TryParse(scalar.Text.Replace("_", "", StringComparison.Ordinal), Styles, CultureInfo.InvariantCulture, out double number)
        && double.IsFinite(number)
            ? number
            : context.WrongType(scalar, path, Expected);
}

/// <summary>
/// A text or, with <paramref name="isPath"/>, a path that is made absolute. What <paramref name="namesRepository"/> takes for ORG/NAME or
/// ORG/NAME@REVISION stays as it is unless there is a file or directory of that name.
/// </summary>
internal sealed class TextValue(bool isPath, Func<string, bool>? namesRepository = null) : ScalarValue
{
    public override string Expected => isPath ? "a path" : "a text";

    public override string Write(object value) => YamlText.Quote((string)value);

    public override JsonObject Schema() => new() { ["type"] = "string" };

    protected override object? ReadScalar(ScalarNode scalar, string path, BindContext context)
    {
        // From a file, an unquoted null or true is more likely a mistake than the word itself.
        bool isWord = !scalar.Origin.IsCommandLine && (scalar.IsNull || scalar.AsBoolean is not null);
        if (isWord || (isPath && scalar.Text.Length == 0))
        {
            return context.WrongType(scalar, path, Expected + " (in quotes, if the word itself is meant)");
        }

        if (scalar.Text.Contains('\0', StringComparison.Ordinal))
        {
            return context.Problem(scalar.Origin, $"{path}: contains a NUL character");
        }

        if (!isPath)
        {
            return scalar.Text;
        }

        string full = Path.GetFullPath(scalar.Text, context.FolderOf(scalar.Origin));
        return namesRepository?.Invoke(scalar.Text) == true && !Directory.Exists(full) && !File.Exists(full) ? scalar.Text : full;
    }
}

/// <summary>One word of a fixed set: an enum.</summary>
internal sealed class ChoiceValue : ScalarValue
{
    private readonly Dictionary<string, object> _choices = new(StringComparer.OrdinalIgnoreCase);

    public ChoiceValue(Type type)
    {
        foreach (var field in type.GetFields(BindingFlags.Public | BindingFlags.Static).OrderBy(f => f.MetadataToken))
        {
            _choices.Add(field.GetCustomAttribute<KeyAttribute>()?.Name ?? SnakeCase.From(field.Name), field.GetValue(null)!);
        }
    }

    public override string Expected => "one of " + string.Join(", ", _choices.Keys);

    public override string Write(object value)
    {
        string word = _choices.First(choice => choice.Value.Equals(value)).Key;
        return word is "true" or "false" ? word : YamlText.Quote(word);
    }

    public override JsonObject Schema() => new()
    {
        ["enum"] = new JsonArray([.. _choices.Keys.Select(word => (JsonNode)(word is "true" or "false" ? word == "true" : word))]),
    };

    protected override object? ReadScalar(ScalarNode scalar, string path, BindContext context)
    {
        if (_choices.TryGetValue(scalar.Text, out object? choice) || _choices.TryGetValue(scalar.Text.Replace('-', '_'), out choice)
            || _choices.TryGetValue(SnakeCase.From(scalar.Text), out choice))
        {
            return choice;
        }

        // YAML's other spellings of true and false stand for the words "true", "no", "off" where those are choices.
        string[] spellings = scalar.AsBoolean switch { true => ["true", "on"], false => ["false", "no", "off"], null => [] };
        if (spellings.FirstOrDefault(_choices.ContainsKey) is { } spelling)
        {
            return _choices[spelling];
        }

        if (scalar.IsNull && _choices.TryGetValue("none", out choice))
        {
            return choice;
        }

        string hint = Nearest.Find(scalar.Text, _choices.Keys) is { } near ? $"; did you mean '{near}'?" : "";
        return context.Problem(scalar.Origin, $"{path}: expected {Expected}, found {scalar.Kind}{hint}");
    }
}
