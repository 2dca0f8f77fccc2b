using System.Text.RegularExpressions;
using Lorikeet.Cli.Terminal;
using Lorikeet.Tracking;

namespace Lorikeet.Cli.Tests.Terminal;

public sealed class ConsoleProgressTests
{
    private readonly HandClock _clock = new();

    [Fact]
    public void Without_a_terminal_a_plain_line_comes_every_few_seconds_and_for_the_first_and_last_step()
    {
        var test = new TestHost(clock: _clock);
        var progress = new ConsoleProgress(test.Host);
        for (int step = 1; step <= 20; step++)
        {
            progress.On(Step(step, of: 20));
            _clock.Move(1);
        }

        string[] lines = test.Messages.TrimEnd().Split('\n');
        Assert.Equal([1, 6, 11, 16, 20], lines.Select(line => int.Parse(Regex.Match(line, @"^step (\d+)/20").Groups[1].Value)));
        Assert.Equal("step 6/20  epoch 0.60  loss 0.1667  lr 1.0e-04  grad norm 0.5000  123 tokens/s  memory 1 GiB, peak 1.5 GiB  ETA 14 s", lines[1]);
        Assert.DoesNotContain('\u001b', test.Messages);
        Assert.Empty(test.Result);
    }

    [Fact]
    public void Events_that_stay_are_told_in_words()
    {
        var test = new TestHost(clock: _clock);
        var progress = new ConsoleProgress(test.Host);
        progress.On(new RunStarted { Model = "m", Family = "f", Device = "cpu, avx2", Compute = "float32", Method = "lora", Objective = "sft", Steps = 10, BatchSize = 2, Epochs = 1, Samples = 20, TrainableParameters = 1000, TotalParameters = 200_000, OutputDir = "out", ResumedFromStep = 4 });
        progress.On(new SampleGenerated { Step = 5, Index = 1, Images = ["a.png"], Prompt = "What\nis it?", Reference = "A thing.", Reply = "\u001b[31mred" + new string('x', 300), IsCut = true, Tokens = 9 });
        progress.On(new Evaluated { Step = 5, Loss = 1.5, Samples = 4, Seconds = 2, IsBest = true, Metrics = new Dictionary<string, double> { ["exact_match"] = 0.5 } });
        progress.On(new CheckpointSaved { Step = 5, Path = "out/checkpoint-5", Bytes = 2048 });
        progress.On(new Noted { Message = "3 rows were left out" });
        progress.On(new EarlyStopped { Step = 6, Evaluations = 3, Metric = "loss", BestMetric = 1.5, BestStep = 5 });
        Assert.Equal($"""
            m (f), cpu, avx2, float32
            lora, sft: 1,000 of 200,000 parameters are trained (0.5 %)
            10 steps of 2 samples: 1 epoch of 20 samples; output: out
            going on after step 4
            step 5: sample 1 (a.png): What is it?
                expected: A thing.
                reply:    �[31mred{new string('x', 192)}… [ends at max_new_tokens, 9]
            step 5: evaluation loss 1.5000 over 4 samples, 2.0 s, exact_match 0.5000, the best so far
            step 5: checkpoint saved: out/checkpoint-5 (2 KiB)
            note: 3 rows were left out
            step 6: 3 evaluations in a row were no better (best loss 1.5000 at step 5): the run ends early

            """, test.Messages);
    }

    [Fact]
    public void Of_many_replies_the_first_are_shown_and_the_others_counted()
    {
        var test = new TestHost(clock: _clock);
        var progress = new ConsoleProgress(test.Host);
        for (int i = 1; i <= 8; i++)
        {
            progress.On(new SampleGenerated { Step = 5, Index = i });
        }

        progress.On(new Evaluated { Step = 5, Loss = 1 });
        string[] lines = test.Messages.TrimEnd().Split('\n');
        Assert.Equal((5 * 3) + 2, lines.Length);
        Assert.Equal("    3 further replies are not shown here", lines[^2]);
    }

    [Fact]
    public void The_end_is_a_result()
    {
        var test = new TestHost(clock: _clock);
        new ConsoleProgress(test.Host).On(new RunFinished { Steps = 10, ElapsedS = 75, Tokens = 5000, TokensPerS = 66.6, FinalLoss = 0.25, BestMetricName = "loss", BestMetric = 0.3, BestEvalLoss = 0.3, BestStep = 8, Saved = "out", PeakMemory = new MemoryUse { Resident = 3 << 20, Weights = 1 << 20 } });
        Assert.Equal("""
            finished after step 10 in 1:15: 5,000 tokens, 67 tokens/s, loss 0.2500
            peak memory: 3 MiB of the process; weights 1 MiB, activations 0 B, gradients 0 B, optimizer 0 B, workspace 0 B
            best evaluation: loss 0.3000 at step 8
            saved: out

            """, test.Result);
        Assert.Empty(test.Messages);
    }

    [Fact]
    public void On_a_terminal_the_block_is_redrawn_in_place_within_the_width()
    {
        var test = new TestHost(isLive: true, clock: _clock);
        var progress = new ConsoleProgress(test.Host);
        for (int step = 1; step <= 5; step++)
        {
            progress.On(Step(step, of: 1000));
            _clock.Move(0.2);
            if (step == 3)
            {
                progress.On(new Evaluated { Step = 3, Loss = 1.25, IsBest = true });
            }
        }

        string last = test.Messages[(test.Messages.LastIndexOf('\u001b') + 1)..];
        string[] lines = Regex.Replace(last, @"^\[0J", "").TrimEnd('\n').Split('\n');
        Assert.Equal(7, lines.Length);
        Assert.Equal("123 tokens/s  memory 1 GiB, peak 1.5 GiB  evaluation 1.2500, best at step 3", lines[2]);
        Assert.StartsWith("step 5/1000 ━━━", lines[0], StringComparison.Ordinal);
        Assert.All(lines, line => Assert.True(line.Length < 80, line));
        Assert.Contains("\u001b[7A", test.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void On_a_terminal_redrawing_is_limited_in_time_and_lasting_lines_stand_above_the_block()
    {
        var test = new TestHost(isLive: true, clock: _clock);
        var progress = new ConsoleProgress(test.Host);
        progress.On(Step(1, of: 100));
        int drawn = test.Messages.Length;
        progress.On(Step(2, of: 100));
        Assert.Equal(drawn, test.Messages.Length);
        progress.On(new Noted { Message = "hello" });
        int note = test.Messages.IndexOf("note: hello\n", StringComparison.Ordinal);
        Assert.True(note > 0 && test.Messages.LastIndexOf("step 2/100", StringComparison.Ordinal) > note);
    }

    [Fact]
    public void What_the_run_is_busy_with_is_shown_and_vanishes_when_done()
    {
        var test = new TestHost(clock: _clock);
        var progress = new ConsoleProgress(test.Host);
        progress.On(new Progressed { Activity = "loading the model", Done = 1, Total = 4 });
        Assert.Equal("loading the model 1/4\n", test.Messages);
        progress.On(new Progressed { Activity = "loading the model", Done = 4, Total = 4 });
        _clock.Move(10);
        progress.On(Step(1, of: 10));
        Assert.DoesNotContain("loading", test.Messages.Split('\n')[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(1023, "1023 B")]
    [InlineData(1536, "1.5 KiB")]
    [InlineData(250L << 20, "250 MiB")]
    [InlineData(5L << 50, "5120 TiB")]
    public void Sizes_are_in_binary_units(long bytes, string text) => Assert.Equal(text, Words.Bytes(bytes));

    [Theory]
    [InlineData(4.21, "4.2 s")]
    [InlineData(59, "59 s")]
    [InlineData(185, "3:05")]
    [InlineData(3723, "1:02:03")]
    [InlineData(100 * 3600, "100:00:00")]
    public void Durations_are_as_short_as_they_can_be(double seconds, string text) => Assert.Equal(text, Words.Duration(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData("runs/a-1.yaml", "runs/a-1.yaml")]
    [InlineData("my runs/a.yaml", "'my runs/a.yaml'")]
    [InlineData("it's", "'it'\\''s'")]
    [InlineData("", "''")]
    public void Commands_to_type_are_quoted_where_they_need_it(string word, string text) => Assert.Equal(text, Words.ShellWord(word));

    private static StepTaken Step(int step, int of) => new()
    {
        Step = step,
        Steps = of,
        Epoch = step / 10.0,
        ElapsedS = step,
        Loss = 1.0 / step,
        LearningRate = 1e-4,
        GradNorm = 0.5,
        TokensPerS = 123,
        Memory = new MemoryUse { Resident = 1 << 30, PeakResident = 3L << 29 },
    };
}
