using Lorikeet.Cli;
using Lorikeet.Cli.Commands;

// A verb of the command line is one file in Commands/ and one line here.
return new CommandLine(
    [
        BenchCommand.Create,
        ChatCommand.Create,
        ComposeCommand.Create,
        ConfigCommand.Create,
        DataCommand.Create,
        DemoCommand.Create,
        DoctorCommand.Create,
        EvalCommand.Create,
        MergeCommand.Create,
        ParityCommand.Create,
        PlanCommand.Create,
        PullCommand.Create,
        TrainCommand.Create,
    ]).Run(args, CliHost.OfProcess());
