namespace Lorikeet.Training.Config;

/// <summary>
/// Modules named as PEFT names them: either one text (a regular expression that must match the whole module path, or a word such as
/// all-linear) or a list of names that match by suffix.
/// </summary>
public sealed record ModuleNames
{
    private ModuleNames(string? pattern, IReadOnlyList<string> names)
    {
        Pattern = pattern;
        Names = names;
    }

    /// <summary>The text, or null if a list was given.</summary>
    public string? Pattern { get; }

    /// <summary>The names; empty if a text was given.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>One text: a pattern or a word such as all-linear.</summary>
    public static ModuleNames Matching(string pattern) => new(pattern, []);

    /// <summary>A list of names, matched by suffix.</summary>
    public static ModuleNames Named(IReadOnlyList<string> names) => new(null, names);
}
