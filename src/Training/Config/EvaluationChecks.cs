using System.Globalization;
using Lorikeet.Evaluation;
using Lorikeet.Training.Config.Binding;
using Lorikeet.Training.Evaluating;

namespace Lorikeet.Training.Config;

/// <summary>What must hold between the keys of evaluation, checkpoints and the choice of the best model.</summary>
internal static class EvaluationChecks
{
    public static IEnumerable<ConfigProblem> All(RunConfig config) => [.. Evaluation(config), .. Best(config.Train), .. Pairing(config.Train)];

    /// <summary>metric_for_best_model without the prefix that transformers lets one write.</summary>
    public static string Metric(TrainSection train)
    {
        string name = train.MetricForBestModel ?? BestModelOptions.Loss;
        return name.StartsWith("eval_", StringComparison.Ordinal) || name.StartsWith("eval/", StringComparison.Ordinal) ? name[5..] : name;
    }

    private static IEnumerable<string> OfAnswers => MetricCatalog.Create([.. MetricCatalog.Names], new MetricOptions()).Where(metric => metric.NeedsAnswers).Select(metric => metric.Name);

    private static IEnumerable<ConfigProblem> Evaluation(RunConfig config)
    {
        TrainSection train = config.Train;
        if (train.EvalStrategy != Strategy.No && config.Data is { Eval: null, ValidationSplit: null })
        {
            yield return new ConfigProblem("train.eval_strategy", $"is {Word(train.EvalStrategy)}, but data.eval names no evaluation samples, and data.validation_split holds none out");
        }

        if (train is { EvalOnStart: true, EvalStrategy: Strategy.No })
        {
            yield return new ConfigProblem("train.eval_on_start", "needs an eval_strategy other than no");
        }
    }

    private static IEnumerable<ConfigProblem> Best(TrainSection train)
    {
        string metric = Metric(train);
        if (metric != BestModelOptions.Loss && !OfAnswers.Contains(metric))
        {
            yield return new ConfigProblem("train.metric_for_best_model", $"is {train.MetricForBestModel}; expected {BestModelOptions.Loss} or one of {string.Join(", ", OfAnswers)}");
        }
        else if (metric != BestModelOptions.Loss && train.EvalGenerations == 0)
        {
            yield return new ConfigProblem("train.metric_for_best_model", $"is {metric}, which looks at answered samples, but eval_generations is 0");
        }

        if (train.EvalStrategy == Strategy.No)
        {
            (string Key, bool IsAsked)[] needs =
            [
                ("metric_for_best_model", train.MetricForBestModel is not null),
                ("greater_is_better", train.GreaterIsBetter is not null),
                ("early_stopping_patience", train.EarlyStoppingPatience is not null),
                ("save_strategy", train.SaveStrategy == SaveStrategy.Best),
            ];
            foreach ((string key, _) in needs.Where(need => need.IsAsked))
            {
                yield return new ConfigProblem("train." + key, "needs evaluations, but eval_strategy is no");
            }
        }

        if (train is { EarlyStoppingThreshold: > 0, EarlyStoppingPatience: null })
        {
            yield return new ConfigProblem("train.early_stopping_threshold", "has no effect without early_stopping_patience");
        }
    }

    private static IEnumerable<ConfigProblem> Pairing(TrainSection train)
    {
        if (!train.LoadBestModelAtEnd || train is { SaveStrategy: SaveStrategy.Best, EvalStrategy: not Strategy.No })
        {
            yield break;
        }

        if (train.EvalStrategy == Strategy.No || train.EvalStrategy.ToString() != train.SaveStrategy.ToString())
        {
            yield return new ConfigProblem("train.load_best_model_at_end",
                $"needs eval_strategy and save_strategy to be the same and not no, or save_strategy: best; they are {Word(train.EvalStrategy)} and {Word(train.SaveStrategy)}");
        }
        else if (train is { SaveStrategy: SaveStrategy.Steps, EvalSteps: > 0 } && train.SaveSteps % train.EvalSteps != 0)
        {
            yield return new ConfigProblem("train.save_steps", string.Create(CultureInfo.InvariantCulture,
                $"must be a multiple of eval_steps with load_best_model_at_end, so that every checkpoint has an evaluation; {train.SaveSteps} is none of {train.EvalSteps}"));
        }
    }

    private static string Word<T>(T value)
        where T : struct, Enum => SnakeCase.From(value.ToString());
}
