using System.Text.Json;
using Lorikeet.Cli.Commands;

namespace Lorikeet.Cli.Tests.Bench;

/// <summary>A tiny model and some data for all tests of the benchmark; needs libvips, as reading pictures does.</summary>
public sealed class BenchDirectory : IDisposable
{
    public BenchDirectory()
    {
        Assert.Equal(0, Run(out _, "make-model", "tiny", Model));
        Assert.Equal(0, Run(out _, "make-data", Data, "--n", "6", "--px", "64"));
    }

    public string Root { get; } = Directory.CreateTempSubdirectory("lorikeet-bench").FullName;

    public string Model => Path.Combine(Root, "model");

    public string Data => Path.Combine(Root, "data");

    public static int Run(out string result, params string[] arguments) => Run(out result, out _, arguments);

    public static int Run(out string result, out string messages, params string[] arguments)
    {
        var host = new TestHost();
        int code = host.Run([BenchCommand.Create], ["bench", .. arguments]);
        (result, messages) = (host.Result, host.Messages);
        return code;
    }

    /// <summary>Runs a benchmark that must succeed, and reads its line.</summary>
    public static JsonElement Measure(params string[] arguments)
    {
        int code = Run(out string result, out string messages, arguments);
        Assert.True(code == 0, messages);
        Assert.Equal(result.Length - 1, result.IndexOf('\n', StringComparison.Ordinal));
        return JsonDocument.Parse(result).RootElement;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
