namespace Lorikeet.Evaluation;

/// <summary>What is known about one row of an evaluation; a line of a <see cref="RowLog{T}"/>.</summary>
public interface IRowRecord
{
    /// <summary>0-based number of the row among the evaluated ones.</summary>
    int Row { get; }

    /// <summary>Why the row could not be used; null for one that could.</summary>
    string? Error { get; }
}

/// <summary>A model's answer to a row.</summary>
public sealed record AnsweredRow : IRowRecord
{
    /// <inheritdoc/>
    public required int Row { get; init; }

    /// <summary>Where the row stands, <c>file:line</c>.</summary>
    public string Origin { get; init; } = "";

    /// <summary>The answer, blanks at both ends removed; empty for a row that could not be used.</summary>
    public string Answer { get; init; } = "";

    /// <summary>Right answers.</summary>
    public IReadOnlyList<string> References { get; init; } = [];

    /// <summary>Why the answer ended: end, stop_string or max_new_tokens.</summary>
    public string Stop { get; init; } = "";

    /// <summary>Tokens of the prompt, image tokens included.</summary>
    public int PromptTokens { get; init; }

    /// <summary>Tokens of the answer.</summary>
    public int Tokens { get; init; }

    /// <inheritdoc/>
    public string? Error { get; init; }
}

/// <summary>The loss of a row's right answer.</summary>
public sealed record LossRow : IRowRecord
{
    /// <inheritdoc/>
    public required int Row { get; init; }

    /// <summary>Sum over the supervised tokens, in nats.</summary>
    public double LossSum { get; init; }

    /// <summary>Number of supervised tokens.</summary>
    public long LossTokens { get; init; }

    /// <inheritdoc/>
    public string? Error { get; init; }
}
