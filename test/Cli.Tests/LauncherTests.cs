using System.Diagnostics;

namespace Lorikeet.Cli.Tests;

/// <summary>The launcher ./lorikeet, in a fresh copy of the sources whose path has a space.</summary>
[Trait("tier", "slow")]
public sealed class LauncherTests : IDisposable
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("lorikeet-launcher-").FullName, "a clone");

    public LauncherTests()
    {
        Directory.CreateDirectory(_folder);
        Assert.Equal(0, Run("git", Path.Combine(Testing.Golden.Root, "..", ".."), "archive", "--format=tar", "-o", Path.Combine(_folder, "..", "clone.tar"), "HEAD").Code);
        Assert.Equal(0, Run("tar", _folder, "-xf", Path.Combine(_folder, "..", "clone.tar")).Code);
    }

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);

    [Fact]
    public async Task Two_starts_at_once_build_once_and_later_ones_take_less_than_a_second()
    {
        string launcher = Path.Combine(_folder, "lorikeet");
        var starts = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() => Run(launcher, Path.GetTempPath(), "--version"))));
        Assert.All(starts, start => Assert.Equal((0, 1), (start.Code, start.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length)));
        Assert.Single(starts, start => start.Error.Contains("building", StringComparison.Ordinal));

        long began = Stopwatch.GetTimestamp();
        var again = Run(launcher, Path.GetTempPath(), "--version");
        Assert.Equal((0, ""), (again.Code, again.Error));
        Assert.True(Stopwatch.GetElapsedTime(began).TotalSeconds < 1, $"took {Stopwatch.GetElapsedTime(began)}");

        File.AppendAllText(Path.Combine(_folder, "src", "Cli", "Program.cs"), "this is no C#\n");
        var broken = Run(launcher, Path.GetTempPath(), "--version");
        Assert.Equal((1, ""), (broken.Code, broken.Output));
        Assert.Contains("Program.cs", broken.Error, StringComparison.Ordinal);
        Assert.Contains("the build failed; everything it said is in ", broken.Error, StringComparison.Ordinal);
    }

    private static (int Code, string Output, string Error) Run(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
