using System.CommandLine;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Commands;
using Lorikeet.Training;

namespace Lorikeet.Cli.Tests;

public sealed class CommandLineTests
{
    private static readonly Func<CliHost, Verb>[] Verbs = [ConfigCommand.Create, DoctorCommand.Create];

    [Fact]
    public void Help_lists_the_verbs_and_is_a_result()
    {
        foreach (string[] arguments in new string[][] { [], ["--help"], ["help"] })
        {
            var test = new TestHost();
            Assert.Equal(ExitCodes.Done, test.Run(Verbs, arguments));
            Assert.Contains("doctor", test.Result, StringComparison.Ordinal);
            Assert.Empty(test.Messages);
        }
    }

    [Fact]
    public void Help_of_a_verb_explains_it()
    {
        var test = new TestHost();
        Assert.Equal(ExitCodes.Done, test.Run(Verbs, "help", "doctor"));
        Assert.Contains("The last line is JSON", test.Result, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("docter", "unknown verb 'docter'; did you mean 'doctor'?\nhelp: lorikeet --help\n")]
    [InlineData("zzzzzzzz", "unknown verb 'zzzzzzzz'\nhelp: lorikeet --help\n")]
    [InlineData("doctor --loud", "Unrecognized command or argument '--loud'.\nhelp: lorikeet doctor --help\n")]
    [InlineData("config", "config needs a run file, --schema or --keys\nhelp: lorikeet config --help\n")]
    [InlineData("--loud", "Required command was not provided.\nUnrecognized command or argument '--loud'.\nhelp: lorikeet --help\n")]
    public void A_wrong_command_line_is_the_users_and_leaves_the_result_empty(string line, string message)
    {
        var test = new TestHost();
        Assert.Equal(ExitCodes.Input, test.Run(Verbs, line.Split(' ')));
        Assert.Equal(message, test.Messages);
        Assert.Empty(test.Result);
    }

    [Fact]
    public void Arguments_that_begin_with_an_at_sign_are_no_response_files()
    {
        var test = new TestHost();
        Assert.Equal(ExitCodes.Input, test.Run(Verbs, "config", "@nowhere"));
        Assert.Equal("error: @nowhere: there is no such run file\n", test.Messages);
    }

    [Fact]
    public void Config_prints_every_key_with_the_settings_in_place()
    {
        string file = Path.Combine(Directory.CreateTempSubdirectory("lorikeet-cli-").FullName, "run.yaml");
        File.WriteAllText(file, "model: {path: m}\ndata: {train: t}\ntrain: {optim: adamw}\n");
        var test = new TestHost();
        Assert.Equal(ExitCodes.Done, test.Run(Verbs, "config", "--lora.r", "32", file, "--train.max_steps=7"));
        Assert.Contains("  r: 32\n", test.Result, StringComparison.Ordinal);
        Assert.Contains("  max_steps: 7\n", test.Result, StringComparison.Ordinal);
        Assert.Equal($"note: {file}:3:9: train.optim: adamw is taken as adamw_torch\n", test.Messages);
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    [Fact]
    public void Config_prints_the_schema()
    {
        var test = new TestHost();
        Assert.Equal(ExitCodes.Done, test.Run(Verbs, "config", "--schema"));
        Assert.Equal("object", (string)JsonNode.Parse(test.Result)!["type"]!);
    }

    [Fact]
    public void Doctor_closes_with_JSON()
    {
        var test = new TestHost();
        int code = test.Run(Verbs, "doctor");
        var json = JsonNode.Parse(test.Result.TrimEnd().Split('\n')[^1])!;
        Assert.Equal((bool)json["complete"]! ? ExitCodes.Done : ExitCodes.Input, code);
        Assert.Equal(Environment.ProcessorCount, (int)json["threads"]!);
        Assert.NotNull(json["gemm_path"]);
        Assert.All(json["peak"]!.AsObject(), figure => Assert.True((double)figure.Value! > 0, figure.Key));
        Assert.NotNull(json["libvips"]!["found"]);
        Assert.NotNull(json["cuda"]!["devices"]);
    }

    [Theory]
    [InlineData(typeof(InvalidDataException), ExitCodes.Input, "error: it\n")]
    [InlineData(typeof(FileNotFoundException), ExitCodes.Input, "error: it\n")]
    [InlineData(typeof(IOException), ExitCodes.Input, "error: it\n")]
    [InlineData(typeof(UnauthorizedAccessException), ExitCodes.Input, "error: it\n")]
    [InlineData(typeof(DllNotFoundException), ExitCodes.Input, "error: it\n")]
    [InlineData(typeof(TrainingDivergedException), ExitCodes.NotANumber, "error: it\n")]
    [InlineData(typeof(OperationCanceledException), ExitCodes.Interrupted, "interrupted\n")]
    public void Failures_end_in_their_exit_code_with_one_message(Type failure, int code, string message)
    {
        foreach (bool isWrapped in new[] { false, true })
        {
            var thrown = (Exception)Activator.CreateInstance(failure, "it")!;
            var test = new TestHost();
            Assert.Equal(code, test.Run([Throwing(isWrapped ? new AggregateException(thrown) : thrown)], "fail"));
            Assert.Equal(message, test.Messages);
            Assert.Empty(test.Result);
        }
    }

    [Fact]
    public void A_fault_of_ours_says_so_and_leaves_a_log()
    {
        string state = Directory.CreateTempSubdirectory("lorikeet-state-").FullName;
        var test = new TestHost(environment: name => name == "XDG_STATE_HOME" ? state : null);
        Assert.Equal(ExitCodes.Fault, test.Run([Throwing(new InvalidOperationException("broken"))], "fail"));
        string log = Assert.Single(Directory.GetFiles(Path.Combine(state, "lorikeet")));
        Assert.Equal($"This is a fault of Lorikeet, not of your input: InvalidOperationException: broken\nPlease report it with {log}\n", test.Messages);
        Assert.Contains("Throwing", File.ReadAllText(log), StringComparison.Ordinal);
        Directory.Delete(state, recursive: true);
    }

    [Fact]
    public void A_fault_is_told_even_where_no_log_can_be_written()
    {
        var test = new TestHost(environment: name => name == "XDG_STATE_HOME" ? "/proc/nowhere" : null);
        Assert.Equal(ExitCodes.Fault, test.Run([Throwing(new InvalidOperationException("broken"))], "fail"));
        Assert.Contains("Please report it with", test.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_request_to_stop_cancels_and_the_second_ends()
    {
        using var stop = new StopSignal { Announcement = "finishing the step" };
        var messages = new StringWriter();
        Assert.True(stop.Request(messages));
        Assert.True(stop.Token.IsCancellationRequested);
        Assert.Equal("\nfinishing the step\n", messages.ToString());
        Assert.False(stop.Request(messages));
    }

    private static Func<CliHost, Verb> Throwing(Exception failure) => _ =>
    {
        var command = new Command("fail");
        command.SetAction(int (ParseResult _) => throw failure);
        return new Verb(command);
    };
}
