namespace Lorikeet.Evaluation;

/// <summary>One model's results on a data set.</summary>
public sealed record EvaluatedModel
{
    /// <summary>How it is called in the report.</summary>
    public required string Name { get; init; }

    /// <summary>The model directory.</summary>
    public required string Model { get; init; }

    /// <summary>The adapter directory, or null for the model alone.</summary>
    public string? Adapter { get; init; }

    /// <summary>What the answers depend on, by name; see <see cref="EvaluationFolder"/>.</summary>
    public required IReadOnlyDictionary<string, string> Identity { get; init; }

    /// <summary>Answers by row; empty where no metric looks at them.</summary>
    public IReadOnlyDictionary<int, AnsweredRow> Answers { get; init; } = new Dictionary<int, AnsweredRow>();

    /// <summary>Losses by row; empty where no metric looks at them.</summary>
    public IReadOnlyDictionary<int, LossRow> Losses { get; init; } = new Dictionary<int, LossRow>();

    /// <summary>Seconds spent, in this start of the program.</summary>
    public double Seconds { get; init; }

    /// <summary>Tokens generated in this start of the program.</summary>
    public long NewTokens { get; init; }

    /// <summary>Seconds spent on generation, in this start of the program.</summary>
    public double GenerationSeconds { get; init; }

    /// <summary>Why a row is not usable, or null.</summary>
    public string? ErrorOf(int row) => Answers.GetValueOrDefault(row)?.Error ?? Losses.GetValueOrDefault(row)?.Error;
}
