using System.Diagnostics;

namespace Lorikeet.Testing;

/// <summary>Writes small videos with ffmpeg, for tests.</summary>
public static class VideoWriter
{
    /// <summary>Whether ffmpeg and ffprobe are there.</summary>
    public static bool IsAvailable { get; } = Runs("ffmpeg") && Runs("ffprobe");

    /// <summary>Why a test of video files is skipped.</summary>
    public const string WhySkipped = "ffmpeg is not installed (eng/native.sh ffmpeg)";

    /// <summary>Writes frames without loss (FFV1 in Matroska, RGB), each of one colour or any pixels.</summary>
    /// <param name="path">The file, .mkv.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="fps">Frames per second, such as 10 or 30000/1001.</param>
    /// <param name="frames">RGB pixels of each frame.</param>
    public static void WriteLossless(string path, int width, int height, string fps, IEnumerable<byte[]> frames) =>
        Run(["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", $"{width}x{height}", "-r", fps, "-i", "pipe:0", "-c:v", "ffv1", "-pix_fmt", "bgr0", path], frames);

    /// <summary>Runs ffmpeg.</summary>
    /// <param name="arguments">Its arguments behind the common ones.</param>
    /// <param name="input">What it reads from its standard input.</param>
    public static void Run(IReadOnlyList<string> arguments, IEnumerable<byte[]>? input = null)
    {
        using Process process = Process.Start(new ProcessStartInfo("ffmpeg", ["-v", "error", "-y", .. arguments])
        {
            RedirectStandardInput = true, RedirectStandardError = true,
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        foreach (byte[] block in input ?? [])
        {
            process.StandardInput.BaseStream.Write(block);
        }

        process.StandardInput.Close();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"ffmpeg: {errors.GetAwaiter().GetResult()}");
        }
    }

    private static bool Runs(string program)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, ["-version"]) { RedirectStandardOutput = true })!;
            process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
