using Lorikeet.Tracking;

namespace Lorikeet.Training.Tests.Runs;

/// <summary>Evaluations, sample replies, the best model and early stopping during real runs.</summary>
public sealed class EvaluationTests
{
    // With the loss taken for a score, the first evaluation stays the best of a run that learns.
    private static readonly string[] Backwards =
    [
        "--train.eval_steps=1", "--train.save_steps=2", "--train.greater_is_better=true", "--train.early_stopping_patience=2", "--train.load_best_model_at_end=true",
    ];

    [Fact]
    public void The_first_samples_are_answered_at_every_evaluation()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: ["--train.eval_generations=2", "--train.eval_on_start=true"]);
        var samples = outcome.Events.OfType<SampleGenerated>().ToList();
        Assert.Equal([(0, 1), (0, 2), (2, 1), (2, 2), (4, 1), (4, 2)], samples.Select(s => (s.Step, s.Index)));
        Assert.All(samples, sample =>
        {
            Assert.Equal("What is it?", sample.Prompt);
            Assert.Equal("A thing.", sample.Reference);
            Assert.InRange(sample.Tokens, 1, 6);
            Assert.Contains("eval.jsonl:", sample.Origin, StringComparison.Ordinal);
        });
        Assert.Equal(["landscape.png", "portrait.png"], samples.Take(2).Select(s => Assert.Single(s.Images!)));

        // They come before their evaluation, whose metric they make up; the one before training is never the best.
        var told = outcome.Events.Where(e => e is SampleGenerated or Evaluated).Select(e => e is Evaluated).ToList();
        Assert.Equal([false, false, true, false, false, true, false, false, true], told);
        var evaluations = outcome.Events.OfType<Evaluated>().ToList();
        Assert.False(evaluations[0].IsBest);
        Assert.All(evaluations, e => Assert.Equal(["exact_match", "contains", "anls", "rouge_l"], e.Metrics!.Keys));
        Assert.All(evaluations, e => Assert.InRange(e.Metrics!["exact_match"], 0, 1));
        Assert.Contains(outcome.Events.OfType<Progressed>(), p => p is { Activity: "evaluating", Done: 3, Total: 3 });
        Assert.Contains(outcome.Events.OfType<Progressed>(), p => p is { Activity: "answering samples", Done: 2, Total: 2 });
    }

    [Fact]
    public void Evaluations_and_drawn_replies_leave_the_training_as_it_is()
    {
        byte[][] adapters = [.. new[] { new[] { "--train.eval_strategy=no" }, ["--train.eval_steps=1", "--train.eval_on_start=true", "--generation.temperature=1"] }.Select(settings =>
        {
            using var tiny = new TinyRun();
            tiny.Train(settings: settings);
            return File.ReadAllBytes(tiny.AdapterPath);
        })];
        Assert.True(adapters[0].AsSpan().SequenceEqual(adapters[1]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_continued_run_evaluates_and_answers_as_the_uninterrupted_one(int stopAfter)
    {
        string[] settings = ["--train.eval_steps=1", "--generation.temperature=1"];
        using var whole = new TinyRun();
        string[] expected = Told(whole.Train(settings: settings));
        Assert.Equal(4 * 4, expected.Length);
        using var tiny = new TinyRun();
        string[] first = Told(tiny.Train(stopAfter: stopAfter, settings: settings));
        string[] second = Told(tiny.Train(UsedDirectory.Resume, threads: 3, settings: settings));
        Assert.Equal(expected, first.Concat(second));
    }

    [Fact]
    public void A_run_that_gets_no_better_ends_early_with_its_best_model()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: Backwards);
        Assert.Equal((3, false, true, 1), (outcome.Result.Steps, outcome.Result.Interrupted, outcome.Result.StoppedEarly, outcome.Result.BestStep));
        var stop = Assert.Single(outcome.Events.OfType<EarlyStopped>());
        Assert.Equal((3, 2, "loss", 1), (stop.Step, stop.Evaluations, stop.Metric, stop.BestStep));

        // The best state was saved although no checkpoint was due, and is what the run closes with.
        Assert.Equal(File.ReadAllBytes(Path.Combine(Checkpoint.PathOf(tiny.Output, 1), "adapter_model.safetensors")), File.ReadAllBytes(tiny.AdapterPath));
        var finished = Assert.Single(outcome.Events.OfType<RunFinished>());
        Assert.Equal((true, "loss", 1), (finished.StoppedEarly, finished.BestMetricName, finished.BestStep));
        Assert.Equal(finished.BestEvalLoss, finished.BestMetric);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_continued_run_ends_early_at_the_same_step_with_the_same_bytes(int stopAfter)
    {
        using var whole = new TinyRun();
        whole.Train(settings: Backwards);
        using var tiny = new TinyRun();
        Assert.True(tiny.Train(stopAfter: stopAfter, settings: Backwards).Result.Interrupted);
        Outcome second = tiny.Train(UsedDirectory.Resume, settings: Backwards);
        Assert.Equal((3, true), (second.Result.Steps, second.Result.StoppedEarly));
        Assert.True(File.ReadAllBytes(whole.AdapterPath).AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void Continuing_a_run_that_ended_early_takes_no_further_step()
    {
        using var tiny = new TinyRun();
        string[] settings = [.. Backwards, "--train.save_steps=1"];
        tiny.Train(settings: settings);
        byte[] before = File.ReadAllBytes(tiny.AdapterPath);
        Outcome again = tiny.Train(UsedDirectory.Resume, settings: settings);
        Assert.Empty(again.Steps);
        Assert.True(again.Result.StoppedEarly);
        Assert.Equal(before, File.ReadAllBytes(tiny.AdapterPath));
    }

    [Theory]
    [InlineData(0, "--train.eval_on_start=true")]
    [InlineData(2, "--train.save_steps=2")]
    [InlineData(4, "--train.save_steps=4")]
    [InlineData(4, "--train.save_strategy=no")]
    public void A_stop_during_an_evaluation_need_not_wait_for_it_and_it_is_made_up_for(int step, string setting)
    {
        string[] settings = ["--generation.temperature=1", setting];
        using var whole = new TinyRun();
        string[] expected = Told(whole.Train(settings: settings));
        using var tiny = new TinyRun();
        tiny.StopAt = e => e is Progressed { Activity: "answering samples" } && tiny.LastStep == step;
        Outcome first = tiny.Train(settings: settings);
        tiny.StopAt = null;
        Assert.Equal((step, true), (first.Result.Steps, first.Result.Interrupted));
        Assert.Contains($"the evaluation after step {step} was broken off", first.Notes, StringComparison.Ordinal);
        Outcome second = tiny.Train(UsedDirectory.Resume, settings: settings);
        Assert.Equal(expected, Told(first).Concat(Told(second)));
        Assert.True(File.ReadAllBytes(whole.AdapterPath).AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));
    }

    [Fact]
    public void Save_strategy_best_saves_where_an_evaluation_is_the_best()
    {
        using var tiny = new TinyRun();
        Outcome outcome = tiny.Train(settings: ["--train.eval_steps=1", "--train.save_strategy=best"]);
        int[] best = [.. outcome.Events.OfType<Evaluated>().Where(e => e.IsBest).Select(e => (int)e.Step)];
        Assert.NotEmpty(best);
        Assert.Equal(best.Reverse(), Checkpoint.List(tiny.Output).Select(c => c.Step));
    }

    [Fact]
    public void Another_choice_of_the_best_model_begins_anew_and_is_told()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 3);
        Outcome second = tiny.Train(UsedDirectory.Resume, settings: ["--train.metric_for_best_model=eval_bleu"]);
        Assert.Contains("the best model was chosen by loss so far, and is now by bleu", second.Notes, StringComparison.Ordinal);
        Assert.Equal(4, second.Result.BestStep);
        Assert.Null(second.Events.OfType<RunFinished>().Single().BestEvalLoss);
    }

    [Fact]
    public void A_run_whose_schedule_does_not_know_its_length_can_be_extended()
    {
        string[] constant = ["--train.lr_scheduler_type=constant"];
        using var whole = new TinyRun();
        whole.Train(settings: constant);
        using var tiny = new TinyRun();
        tiny.Train(settings: [.. constant, "--train.max_steps=3"]);
        Outcome second = tiny.Train(UsedDirectory.Resume, settings: constant);
        Assert.Equal([4], second.Steps.Select(s => (int)s.Step));
        Assert.Contains("the run now has 4 steps instead of 3", second.Notes, StringComparison.Ordinal);
        Assert.True(File.ReadAllBytes(whole.AdapterPath).AsSpan().SequenceEqual(File.ReadAllBytes(tiny.AdapterPath)));

        var shorter = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: [.. constant, "--train.max_steps=2"]));
        Assert.Contains("checkpoint-4: is at step 4, but this run ends at step 2", shorter.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schedule_that_knows_the_length_refuses_to_be_extended()
    {
        using var tiny = new TinyRun();
        tiny.Train(stopAfter: 2);
        var error = Assert.Throws<InvalidDataException>(() => tiny.Train(UsedDirectory.Resume, settings: ["--train.num_train_epochs=3"]));
        Assert.Contains("was made for a run of 4 steps, this one has 6, and lr_scheduler_type linear depends on that: the learning rate of step 2 would be", error.Message, StringComparison.Ordinal);
        Assert.Contains("--overwrite", error.Message, StringComparison.Ordinal);
    }

    private static string[] Told(Outcome outcome) =>
    [
        .. outcome.Events.Select(e => e switch
        {
            SampleGenerated s => FormattableString.Invariant($"{s.Step} {s.Index} {s.Reply}"),
            Evaluated e2 => FormattableString.Invariant($"{e2.Step} {e2.Loss:R} {e2.IsBest}"),
            _ => "",
        }).Where(text => text.Length > 0),
    ];
}
