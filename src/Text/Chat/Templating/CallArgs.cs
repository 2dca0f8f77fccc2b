namespace Lorikeet.Text.Chat.Templating;

/// <summary>Arguments of a call: positional ones, then named ones in the order written.</summary>
internal sealed class CallArgs(IReadOnlyList<object?> positional, IReadOnlyList<KeyValuePair<string, object?>> named)
{
    public static readonly CallArgs None = new([], []);

    public IReadOnlyList<object?> Positional => positional;

    public IReadOnlyList<KeyValuePair<string, object?>> Named => named;

    public int Count => positional.Count + named.Count;

    public static CallArgs Of(params object?[] positional) => new(positional, []);

    /// <summary>The arguments without the first <paramref name="count"/> positional ones.</summary>
    public CallArgs Skip(int count) => new([.. positional.Skip(count)], named);

    /// <summary>
    /// Assigns the arguments to <paramref name="parameters"/> (space-separated; "name?" is optional), as Python does.
    /// Absent optional ones are <see cref="Missing"/>.
    /// </summary>
    public Bound Bind(string function, string parameters)
    {
        var names = parameters.Length == 0 ? [] : parameters.Split(' ');
        var values = new object?[names.Length];
        Array.Fill(values, Missing);
        if (positional.Count > names.Length)
        {
            throw Fail.Type($"{function}() takes at most {names.Length} argument(s), {positional.Count} given");
        }

        for (var i = 0; i < positional.Count; i++)
        {
            values[i] = positional[i];
        }

        foreach (var (name, value) in named)
        {
            var index = Array.FindIndex(names, n => n.TrimEnd('?') == name);
            if (index < 0)
            {
                throw Fail.Type($"{function}() got an unexpected keyword argument '{name}'");
            }

            if (!ReferenceEquals(values[index], Missing))
            {
                throw Fail.Type($"{function}() got multiple values for argument '{name}'");
            }

            values[index] = value;
        }

        for (var i = 0; i < names.Length; i++)
        {
            if (ReferenceEquals(values[i], Missing) && !names[i].EndsWith('?'))
            {
                throw Fail.Type($"{function}() missing the required argument '{names[i]}'");
            }
        }

        return new Bound(function, [.. names.Select(n => n.TrimEnd('?'))], values);
    }

    public static readonly object Missing = new();
}

/// <summary>Arguments in the order of the parameters.</summary>
internal sealed class Bound(string function, string[] names, object?[] values)
{
    public bool Has(int index) => !ReferenceEquals(values[index], CallArgs.Missing);

    public object? Get(int index, object? fallback = null) => Has(index) ? values[index] : fallback;

    public string Text(int index, string fallback = "") => Get(index, fallback) switch
    {
        string s => s,
        Markup m => m.Text,
        Undefined u => throw u.Error(),
        var other => throw Fail.Type($"{function}() argument '{names[index]}' must be str, not {PyText.TypeName(other)}"),
    };

    public long Integer(int index, long fallback = 0) => Get(index, fallback) switch
    {
        long n => n,
        bool b => b ? 1 : 0,
        Undefined u => throw u.Error(),
        System.Numerics.BigInteger => throw Fail.With("OverflowError", $"{function}() argument '{names[index]}' is too large"),
        var other => throw Fail.Type($"{function}() argument '{names[index]}' must be int, not {PyText.TypeName(other)}"),
    };

    public bool Flag(int index, bool fallback = false) => Has(index) ? PyText.Truth(values[index]) : fallback;
}
