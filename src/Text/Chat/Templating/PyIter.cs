namespace Lorikeet.Text.Chat.Templating;

/// <summary>Iteration over template values, one step of the budget per item.</summary>
internal static class PyIter
{
    public static IEnumerable<object?> Items(object? value, Budget budget)
    {
        IEnumerable<object?> items = value switch
        {
            PyList list => list,
            string s => PyChars.Split(s),
            Markup m => PyChars.Split(m.Text),
            PyDict dict => dict.Keys,
            PyDictView view => view.Items(),
            PyRange range => range.Items(),
            PyGenerator generator => generator.Items(),
            Undefined => [],
            _ => throw Fail.Type($"'{PyText.TypeName(value)}' object is not iterable"),
        };
        return Counted(items, budget);
    }

    /// <summary>All items as a list that nobody else holds.</summary>
    public static List<object?> ToList(object? value, Budget budget)
    {
        if (Length(value, out var count))
        {
            budget.Items(count);
        }

        return [.. Items(value, budget)];
    }

    public static bool IsIterable(object? value) =>
        value is PyList or string or Markup or PyDict or PyDictView or PyRange or PyGenerator or Undefined;

    /// <summary>Python's <c>len()</c>.</summary>
    public static long Length(object? value, Budget budget)
    {
        budget.Scan(value is string s ? s.Length : 0);
        return Length(value, out var count) ? count : throw Fail.Type($"object of type '{PyText.TypeName(value)}' has no len()");
    }

    private static bool Length(object? value, out long count)
    {
        long? length = value switch
        {
            PyList list => list.Count,
            string s => PyChars.Length(s),
            Markup m => PyChars.Length(m.Text),
            PyDict dict => dict.Count,
            PyDictView view => view.Dict.Count,
            PyRange range => range.Count,
            LoopContext loop => loop.Length,
            Undefined => 0,
            _ => null,
        };
        count = length ?? 0;
        return length is not null;
    }

    private static IEnumerable<object?> Counted(IEnumerable<object?> items, Budget budget)
    {
        using var enumerator = items.GetEnumerator();
        while (true)
        {
            Budget.CheckStack();
            if (!enumerator.MoveNext())
            {
                yield break;
            }

            budget.Step();
            yield return enumerator.Current;
        }
    }

    /// <summary>A stable merge sort: the framework's sorts wrap what a comparison throws.</summary>
    public static void Sort<T>(List<T> items, Comparison<T> compare)
    {
        var from = items.ToArray();
        var to = new T[from.Length];
        for (var width = 1; width < from.Length; width *= 2)
        {
            for (var start = 0; start < from.Length; start += 2 * width)
            {
                Merge(from, to, start, width, compare);
            }

            (from, to) = (to, from);
        }

        items.Clear();
        items.AddRange(from);
    }

    private static void Merge<T>(T[] from, T[] to, int start, int width, Comparison<T> compare)
    {
        var middle = Math.Min(start + width, from.Length);
        var end = Math.Min(start + 2 * width, from.Length);
        var (left, right) = (start, middle);
        for (var i = start; i < end; i++)
        {
            var takeLeft = right >= end || (left < middle && compare(from[right], from[left]) >= 0);
            to[i] = takeLeft ? from[left++] : from[right++];
        }
    }
}

/// <summary>Creates dictionaries whose key comparisons count.</summary>
internal static class PyDicts
{
    public static PyDict Create(Budget budget) => new(new PyCompare.KeyComparer(budget));

    public static PyDict Of(IEnumerable<KeyValuePair<string, object?>> entries, Budget budget)
    {
        var dict = Create(budget);
        foreach (var (key, value) in entries)
        {
            dict.Set(key, value);
        }

        return dict;
    }
}
