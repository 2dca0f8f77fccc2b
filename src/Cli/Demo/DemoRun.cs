namespace Lorikeet.Cli.Demo;

internal sealed record DemoOptions(long Seed, double LearningRate, string OutputDirectory);
internal sealed class DemoRun(CliHost host, DemoOptions options) { public int Run() { _ = host; _ = options; return 0; } }
