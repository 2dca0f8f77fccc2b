using System.Numerics;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>A test: the value left of <c>is</c>, the arguments, the rendering.</summary>
internal delegate bool Test(object? value, CallArgs args, Runtime runtime);

/// <summary>The tests by name.</summary>
internal static class Tests
{
    private static readonly Dictionary<string, Test> Table = Create();

    public static Test? Find(string name) => Table.GetValueOrDefault(name);

    private static Dictionary<string, Test> Create()
    {
        var table = new Dictionary<string, Test>(StringComparer.Ordinal)
        {
            ["defined"] = (v, _, _) => v is not Undefined,
            ["undefined"] = (v, _, _) => v is Undefined,
            ["none"] = (v, _, _) => v is null,
            ["boolean"] = (v, _, _) => v is bool,
            ["true"] = (v, _, _) => v is true,
            ["false"] = (v, _, _) => v is false,
            ["integer"] = (v, _, _) => v is long or BigInteger,
            ["float"] = (v, _, _) => v is double,
            ["number"] = (v, _, _) => v is not null && PyCompare.IsNumber(v),
            ["string"] = (v, _, _) => v is string or Markup,
            ["mapping"] = (v, _, _) => v is PyDict,
            ["sequence"] = (v, _, _) => v is string or Markup or PyList or PyDict or PyRange or Undefined,
            ["iterable"] = (v, _, _) => PyIter.IsIterable(v),
            ["callable"] = (v, _, _) => v is Callable or Undefined,
            ["escaped"] = (v, _, _) => v is Markup,
            ["lower"] = (v, _, r) => PyStringTests.IsLower(PyText.Str(v, r.Budget)),
            ["upper"] = (v, _, r) => PyStringTests.IsUpper(PyText.Str(v, r.Budget)),
            ["odd"] = (v, _, r) => PyCompare.Equal(PyMath.Binary("%", v, 2L, r.Budget), 1L, r.Budget),
            ["even"] = (v, _, r) => PyCompare.Equal(PyMath.Binary("%", v, 2L, r.Budget), 0L, r.Budget),
            ["divisibleby"] = (v, a, r) =>
                PyCompare.Equal(PyMath.Binary("%", v, a.Bind("divisibleby", "num").Get(0), r.Budget), 0L, r.Budget),
            ["in"] = (v, a, r) => PyCompare.Contains(a.Bind("in", "seq").Get(0), v, r.Budget),
            ["sameas"] = (v, a, _) => Same(v, a.Bind("sameas", "other").Get(0)),
            ["filter"] = (v, _, _) => v is string name && Filters.Find(name) is not null,
            ["test"] = (v, _, _) => v is string name && Find(name) is not null,
        };
        Add(table, "== eq equalto", (v, a, r) => PyCompare.Equal(v, a.Bind("eq", "other").Get(0), r.Budget));
        Add(table, "!= ne", (v, a, r) => !PyCompare.Equal(v, a.Bind("ne", "other").Get(0), r.Budget));
        Add(table, "< lt lessthan", (v, a, r) => PyCompare.Ordered(v, "<", a.Bind("lt", "other").Get(0), r.Budget));
        Add(table, "<= le", (v, a, r) => PyCompare.Ordered(v, "<=", a.Bind("le", "other").Get(0), r.Budget));
        Add(table, "> gt greaterthan", (v, a, r) => PyCompare.Ordered(v, ">", a.Bind("gt", "other").Get(0), r.Budget));
        Add(table, ">= ge", (v, a, r) => PyCompare.Ordered(v, ">=", a.Bind("ge", "other").Get(0), r.Budget));
        return table;
    }

    private static void Add(Dictionary<string, Test> table, string names, Test test)
    {
        foreach (var name in names.Split(' '))
        {
            table[name] = test;
        }
    }

    // Identity of small values is an accident of the original; equal values of one type count as the same.
    private static bool Same(object? a, object? b) => ReferenceEquals(a, b)
        || (a is not null && b is not null && a.GetType() == b.GetType() && a is bool or long or string && a.Equals(b));
}
