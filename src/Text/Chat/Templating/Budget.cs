using System.Runtime.CompilerServices;

namespace Lorikeet.Text.Chat.Templating;

/// <summary>Counts what one rendering uses and stops it at the limits.</summary>
internal sealed class Budget(ChatTemplateLimits limits)
{
    private const int CharactersPerStep = 8;
    private long _steps;
    private int _depth;

    public int MaxLength => limits.MaxLength;

    public void Step()
    {
        if (++_steps > limits.MaxSteps)
        {
            throw OutOfSteps();
        }
    }

    /// <summary>Accounts for <paramref name="count"/> items about to be visited or created.</summary>
    public void Items(long count)
    {
        if (count > limits.MaxLength)
        {
            throw Fail.With("LimitError", $"a list of {count} items is more than the limit of {limits.MaxLength}");
        }

        _steps += count;
        if (_steps > limits.MaxSteps)
        {
            throw OutOfSteps();
        }
    }

    /// <summary>Accounts for a string of <paramref name="length"/> UTF-16 units about to be created or scanned.</summary>
    public void Text(long length)
    {
        if (length > limits.MaxLength)
        {
            throw Fail.With("LimitError", $"a text of {length} characters is more than the limit of {limits.MaxLength}");
        }

        _steps += 1 + length / CharactersPerStep;
        if (_steps > limits.MaxSteps)
        {
            throw OutOfSteps();
        }
    }

    /// <summary>Enters one level of recursion; pair it with <see cref="Leave"/>. A failure ends the rendering, so no finally is needed.</summary>
    public void Enter()
    {
        Step();
        if (++_depth > limits.MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw Fail.With("RecursionError", $"the template nests deeper than {Math.Min(_depth, limits.MaxDepth)} levels");
        }
    }

    public void Leave() => _depth--;

    /// <summary>Fails if the stack runs out; for recursion that <see cref="Enter"/> doesn't see, such as generators over generators.</summary>
    public static void CheckStack()
    {
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw Fail.With("RecursionError", "the template nests generators too deep");
        }
    }

    /// <summary>Accounts for a fast pass over a text.</summary>
    public void Scan(int length) => Items(length / 128);

    private ChatTemplateException OutOfSteps() =>
        Fail.With("LimitError", $"the template needs more than {limits.MaxSteps} steps");
}

/// <summary>Creates the errors that the Python libraries would raise.</summary>
internal static class Fail
{
    public static ChatTemplateException With(string type, string detail) => new(type, detail);

    public static ChatTemplateException Type(string detail) => new("TypeError", detail);

    public static ChatTemplateException Value(string detail) => new("ValueError", detail);

    public static ChatTemplateException Syntax(string detail, int line) => new("TemplateSyntaxError", detail) { Line = line };
}
