using System.Text.Json.Nodes;

namespace Lorikeet.Training.Config.Binding;

/// <summary>The name of a device.</summary>
internal sealed class DeviceValue : ScalarValue
{
    public override string Expected => DeviceChoice.Expected;

    public override string Write(object value) => YamlText.Quote(((DeviceChoice)value).ToString());

    public override JsonObject Schema() => new() { ["type"] = "string", ["pattern"] = "^(auto|cpu|cuda(:[0-9]{1,3})?)$" };

    protected override object? ReadScalar(ScalarNode scalar, string path, BindContext context)
    {
        if (DeviceChoice.TryParse(scalar.Text, out DeviceChoice choice))
        {
            return choice;
        }

        string hint = Nearest.Find(scalar.Text, ["auto", "cpu", "cuda"]) is { } near ? $"; did you mean '{near}'?" : "";
        return context.Problem(scalar.Origin, $"{path}: expected {Expected}, found {scalar.Kind}{hint}");
    }
}
