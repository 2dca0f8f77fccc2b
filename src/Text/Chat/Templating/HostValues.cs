using System.Numerics;
using System.Text.Json;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Turns the caller's values into the interpreter's.</summary>
internal static class HostValues
{
    public static object? Import(object? value, Budget budget)
    {
        switch (value)
        {
            case null or bool or long or double or string:
                budget.Step();
                return value;
            case BigInteger big:
                return PyNumber.Shrink(big);
            case int or uint or short or ushort or byte or sbyte:
                return Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture);
            case ulong unsigned:
                return PyNumber.Shrink(unsigned);
            case float or decimal:
                return Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture);
            case JsonElement json:
                return Import(ChatMessageJson.ToValue(json), budget);
            case ChatMessage message:
                return Import(message.ToTemplateValue(), budget);
            case IReadOnlyDictionary<string, object?> dictionary:
                budget.Enter();
                var dict = PyDicts.Create(budget);
                foreach (var (key, item) in dictionary)
                {
                    dict.Set(key, Import(item, budget));
                }

                budget.Leave();
                return dict;
            case IEnumerable<object?> list:
                budget.Enter();
                var items = list.Select(item => Import(item, budget)).ToList();
                budget.Leave();
                return new PyList(items);
            default:
                throw Fail.Type($"a template cannot take a value of the .NET type {value.GetType()}; use null, bool, long, double, string, a list or a dictionary");
        }
    }
}
