namespace Lorikeet.Text.Tokenizers;

/// <summary>Which code points differ only by case (simple folding, one code point to one).</summary>
internal static class CaseFolding
{
    private static readonly Lazy<Dictionary<int, List<int>>> Classes = new(Build);

    /// <summary>A rule that accepts a code point when it or one of its case variants satisfies <paramref name="rule"/>.</summary>
    public static Func<int, bool> Ignore(Func<int, bool> rule)
    {
        return c => rule(c) || Variants(c, rule);
    }

    private static bool Variants(int c, Func<int, bool> rule)
    {
        if (!Classes.Value.TryGetValue(Fold(c), out List<int>? members))
        {
            return false;
        }

        foreach (int member in members)
        {
            if (rule(member))
            {
                return true;
            }
        }

        return false;
    }

    // .NET leaves the long s alone because its upper case is ASCII.
    private static int Fold(int c) => c == 0x17F ? 's' : CodePoint.ToLower(CodePoint.ToUpper(c));

    private static Dictionary<int, List<int>> Build()
    {
        Dictionary<int, List<int>> classes = [];
        for (int c = 0; c < 0x1F000; c++)
        {
            int fold = Fold(c);
            if (fold != c || CodePoint.ToUpper(c) != c)
            {
                if (!classes.TryGetValue(fold, out List<int>? members))
                {
                    classes[fold] = members = [fold];
                }

                if (fold != c)
                {
                    members.Add(c);
                }
            }
        }

        return classes;
    }
}
