using System.Globalization;
using System.Text.RegularExpressions;
using Lorikeet.Cli.Commands;

namespace Lorikeet.Cli.Tests;

/// <summary>The README's first command, on a seed of its own.</summary>
public sealed class DemoTests
{
    [Fact]
    public void The_demo_learns_a_task_that_the_base_does_not_know()
    {
        string output = Path.Combine(Path.GetTempPath(), "lorikeet-demo-" + Guid.NewGuid().ToString("N"));
        try
        {
            var host = new TestHost();
            int code = host.Run([DemoCommand.Create], "demo", "--seed", "20", "--output-dir", output);
            Assert.True(code == 0, host.Messages);
            string last = host.Result.TrimEnd().Split('\n')[^1];
            Match match = Regex.Match(last, @"^held-out exact match: before ([\d.]+) %, after ([\d.]+) % \((\d+) pictures\)$");
            Assert.True(match.Success, last);
            double Number(int group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
            Assert.InRange(Number(1), 0, 20);
            Assert.InRange(Number(2), 90, 100);
            Assert.InRange(Number(3), 200, 10_000);
            Assert.True(File.Exists(Path.Combine(output, "adapter", "adapter_model.safetensors")));
        }
        finally
        {
            if (Directory.Exists(output))
            {
                Directory.Delete(output, recursive: true);
            }
        }
    }
}
