using System.Diagnostics;

namespace Lorikeet.Testing;

/// <summary>Opens pages in a headless browser (Debian package <c>chromium</c>), without a network and with a profile that is thrown away.</summary>
public static class Chromium
{
    private const int TimeoutSeconds = 120;

    private static readonly string[] Names = ["chromium", "chromium-browser", "google-chrome"];

    /// <summary>Why a test is skipped where <see cref="Path"/> is null.</summary>
    public const string Missing = "no browser: install the Debian package chromium (eng/test --slow tries to)";

    /// <summary>The browser's program, or null where none is installed.</summary>
    public static string? Path { get; } = new[] { "/usr/bin", "/usr/local/bin" }
        .SelectMany(folder => Names.Select(name => System.IO.Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    /// <summary>The page's elements after its script has run, as text.</summary>
    public static string DumpDom(string page) => Run(page, "--dump-dom");

    /// <summary>Draws the page as a PNG file.</summary>
    /// <param name="page">The page's file.</param>
    /// <param name="picture">Where the picture goes.</param>
    /// <param name="width">Width of the window in pixels.</param>
    /// <param name="height">Height of the window in pixels.</param>
    /// <param name="dark">Whether the reader prefers dark pages.</param>
    public static void Screenshot(string page, string picture, int width = 1280, int height = 1600, bool dark = false)
    {
        string[] mode = dark ? ["--blink-settings=preferredColorScheme=0"] : [];
        Run(page, ["--hide-scrollbars", $"--screenshot={picture}", FormattableString.Invariant($"--window-size={width},{height}"), .. mode]);
    }

    private static string Run(string page, params string[] arguments)
    {
        string profile = Directory.CreateTempSubdirectory("lorikeet-chromium-").FullName;
        try
        {
            var start = new ProcessStartInfo(Path!) { RedirectStandardOutput = true, RedirectStandardError = true };
            string[] all =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-dev-shm-usage",
                $"--user-data-dir={profile}", .. arguments, new Uri(System.IO.Path.GetFullPath(page)).AbsoluteUri,
            ];
            Array.ForEach(all, start.ArgumentList.Add);
            using Process browser = Process.Start(start)!;
            Task<string> output = browser.StandardOutput.ReadToEndAsync(), errors = browser.StandardError.ReadToEndAsync();
            if (!browser.WaitForExit(TimeSpan.FromSeconds(TimeoutSeconds)))
            {
                browser.Kill(entireProcessTree: true);
                throw new TimeoutException($"{Path} did not end within {TimeoutSeconds} s: {errors.Result}");
            }

            return browser.ExitCode == 0 ? output.Result : throw new InvalidOperationException($"{Path} ended with {browser.ExitCode}: {errors.Result}");
        }
        finally
        {
            Directory.Delete(profile, recursive: true);
        }
    }
}
