using System.Text.RegularExpressions;

namespace Lorikeet.Adapters;

/// <summary>Which modules a PEFT setting means: a list of names matched by suffix, a regular expression matched whole, or all linear layers.</summary>
public sealed class ModuleMatch
{
    /// <summary>PEFT's word for every linear layer but the head.</summary>
    public const string AllLinear = "all-linear";

    private static readonly TimeSpan MatchTime = TimeSpan.FromSeconds(1);
    private readonly Regex? _regex;

    private ModuleMatch(IReadOnlyList<string>? names, string? pattern)
    {
        Names = names;
        Pattern = pattern;
        if (pattern is not null && pattern != AllLinear)
        {
            try
            {
                _regex = new Regex($"^(?:{pattern})$", RegexOptions.CultureInvariant, MatchTime);
            }
            catch (ArgumentException e)
            {
                throw new InvalidDataException($"'{pattern}' is not a regular expression: {e.Message}", e);
            }
        }
    }

    /// <summary>The names, or null for a pattern.</summary>
    public IReadOnlyList<string>? Names { get; }

    /// <summary>The pattern as written, or null for names.</summary>
    public string? Pattern { get; }

    /// <summary>Whether every linear layer but the head is meant.</summary>
    public bool IsAllLinear => Pattern == AllLinear || Names is [AllLinear];

    /// <summary>Names matched by suffix: <c>q_proj</c> means every module whose path is or ends in <c>.q_proj</c>.</summary>
    public static ModuleMatch OfNames(IEnumerable<string> names) => new([.. names], null);

    /// <summary>A regular expression for the whole path, or <see cref="AllLinear"/>.</summary>
    public static ModuleMatch OfPattern(string pattern) => new(null, pattern);

    /// <summary>Whether a module path is meant. <see cref="AllLinear"/> is resolved by the caller, who knows the head.</summary>
    public bool Matches(string path)
    {
        if (Names is not null)
        {
            return Names.Any(name => IsOrEndsIn(path, name));
        }

        try
        {
            return _regex is not null && _regex.IsMatch(path);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new InvalidDataException($"the pattern '{Pattern}' takes too long on the module path '{path}'");
        }
    }

    /// <summary>Whether a path is a name or ends in it after a dot.</summary>
    public static bool IsOrEndsIn(string path, string name) =>
        path == name || (path.Length > name.Length && path.EndsWith(name, StringComparison.Ordinal) && path[path.Length - name.Length - 1] == '.');

    /// <inheritdoc/>
    public override string ToString() => Pattern ?? "[" + string.Join(", ", Names!) + "]";
}

/// <summary>PEFT's look-up of per-layer settings: the first key that matches the end of a module path.</summary>
internal static class PatternMatch
{
    public static T Find<T>(IReadOnlyDictionary<string, T> patterns, string path, T otherwise)
    {
        foreach ((string key, T value) in patterns)
        {
            if (Match(path, $"^(?:.*\\.)?(?:{key})$").Success)
            {
                return value;
            }
        }

        return otherwise;
    }

    /// <summary>Matches a path in bounded time.</summary>
    /// <exception cref="InvalidDataException">It takes too long.</exception>
    public static Match Match(string path, string pattern)
    {
        try
        {
            return Regex.Match(path, pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new InvalidDataException($"the pattern '{pattern}' takes too long on the module path '{path}'", e);
        }
    }

    /// <summary>Throws unless a setting is a regular expression.</summary>
    /// <exception cref="InvalidDataException">It is not; the message begins with the source.</exception>
    public static void Require(string pattern, string source)
    {
        try
        {
            _ = new Regex(pattern, RegexOptions.CultureInvariant);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{source}: '{pattern}' is not a regular expression: {e.Message}", e);
        }
    }
}
