using System.CommandLine;
using System.Globalization;
using Lorikeet.Cli.Devices;
using Lorikeet.Cli.Evaluate;
using Lorikeet.Evaluation;

namespace Lorikeet.Cli.Commands;

/// <summary>eval: answers a data set, measures the answers, and compares two adapters.</summary>
internal static class EvalCommand
{
    /// <summary>The verb.</summary>
    public static Verb Create(CliHost host)
    {
        var target = new Argument<string>("what") { HelpName = "RUN.yaml|DIR", Description = "A run file, a model directory, an adapter directory (a run's output directory), or a run's checkpoint-N" };
        var adapter = new Option<string?>("--adapter") { HelpName = "DIR", Description = "An adapter on the model, or 'base' for the model alone; by default the run's" };
        var compare = new Option<string[]>("--compare") { HelpName = "A B", Description = "Compare two: each an adapter directory, a model directory, or 'base'", Arity = new ArgumentArity(2, 2), AllowMultipleArgumentsPerToken = true };
        var data = new Option<string?>("--data") { HelpName = "FILE", Description = "The rows; by default the run's data.eval or what data.validation_split holds out" };
        var imageRoot = new Option<string?>("--image-root", "--image_root") { HelpName = "DIR", Description = "Folder that picture paths count from; by default the data file's" };
        var format = new Option<string?>("--format") { Description = "Format of the rows; by default recognised" };
        var prompt = new Option<string?>("--prompt") { Description = "The question of rows that have none" };
        var maxSamples = new Option<long?>("--max-samples", "--max_samples") { HelpName = "N", Description = "Only the first N rows" };
        var metrics = new Option<string?>("--metrics") { HelpName = "LIST", Description = $"Separated by commas, the first one ranks the rows: {string.Join(", ", MetricCatalog.Names)}; by default {string.Join(",", MetricCatalog.Default)}" };
        var tolerance = new Option<double>("--numeric-tolerance", "--numeric_tolerance") { Description = "Of relaxed_accuracy", DefaultValueFactory = _ => new MetricOptions().NumericTolerance };
        var maxNewTokens = new Option<int?>("--max-new-tokens", "--max_new_tokens") { HelpName = "N", Description = "Longest answer in tokens; by default the run's, or 128" };
        var temperature = new Option<double?>("--temperature") { Description = "0, the default, picks the likeliest token" };
        var stop = new Option<string[]>("--stop") { Description = "End answers before this text; may be given several times", DefaultValueFactory = _ => [] };
        var seed = new Option<ulong>("--seed") { Description = "Of drawn tokens and of the comparison's resamples", DefaultValueFactory = _ => 42UL };
        var batch = new Option<int?>("--per-device-eval-batch-size", "--per_device_eval_batch_size", "--batch-size") { HelpName = "B", Description = "Rows at a time; by default the run's, or 8" };
        var onError = new Option<string?>("--on-error", "--on_error") { HelpName = "stop|skip", Description = "Rows that cannot be used end the evaluation, or are left out and listed; by default the run's data.on_error, or stop" };
        var compute = new Option<string?>("--compute") { Description = "f32, or bf16; by default the run's, or f32" };
        Option<string?> device = DeviceOption.Create(otherwise: null);
        var resamples = new Option<int>("--resamples") { HelpName = "N", Description = "Of --compare", DefaultValueFactory = _ => PairedBootstrap.DefaultResamples };
        var output = new Option<string?>("--output") { HelpName = "DIR", Description = "Where answers and report go; by default eval/ (compare/) in the adapter's directory, eval-checkpoint-N beside a checkpoint, or runs/eval/MODEL" };
        var resume = new Option<bool>("--resume") { Description = "Go on with the answers that are there" };
        var overwrite = new Option<bool>("--overwrite") { Description = "Replace them" };
        var command = new Command("eval", "Answer a data set, measure the answers, and write a report; with --compare, say whether two adapters differ")
        {
            target, adapter, compare, data, imageRoot, format, prompt, maxSamples, metrics, tolerance, maxNewTokens, temperature, stop, seed, batch, onError, compute, device, resamples, output, resume, overwrite,
        };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(resume) && parsed.GetValue(overwrite))
            {
                throw new InvalidDataException("--resume and --overwrite exclude each other");
            }

            if (parsed.GetValue(resamples) is < 100 and var few)
            {
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"--resamples: expected at least 100, found {few}"));
            }

            return EvalRun.Run(host, new EvalRequest
            {
                Target = parsed.GetValue(target)!,
                Adapter = parsed.GetValue(adapter),
                Compare = parsed.GetValue(compare) is { Length: 2 } two ? (two[0], two[1]) : null,
                Data = parsed.GetValue(data),
                ImageRoot = parsed.GetValue(imageRoot),
                Format = parsed.GetValue(format),
                Prompt = parsed.GetValue(prompt),
                MaxSamples = parsed.GetValue(maxSamples),
                Metrics = parsed.GetValue(metrics)?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
                NumericTolerance = parsed.GetValue(tolerance),
                MaxNewTokens = parsed.GetValue(maxNewTokens),
                Temperature = parsed.GetValue(temperature),
                Stop = parsed.GetValue(stop)!,
                Seed = parsed.GetValue(seed),
                BatchSize = parsed.GetValue(batch),
                SkipBadRows = parsed.GetValue(onError) switch
                {
                    null => null,
                    "stop" => false,
                    "skip" => true,
                    var other => throw new InvalidDataException($"--on-error: expected stop or skip, found '{other}'"),
                },
                Compute = parsed.GetValue(compute) is { } name ? ComputeOption.Parse(name) : null,
                Device = parsed.GetValue(device) is { } where ? DeviceOption.Parse(where) : null,
                Resamples = parsed.GetValue(resamples),
                Output = parsed.GetValue(output),
                Used = parsed.GetValue(resume) ? UsedFolder.Resume : parsed.GetValue(overwrite) ? UsedFolder.Overwrite : UsedFolder.Refuse,
            });
        });
        return new Verb(command, TakesSettings: true);
    }
}
