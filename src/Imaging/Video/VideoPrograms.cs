using System.Text;

namespace Lorikeet.Imaging.Video;

/// <summary>The programs that read video files: whether this machine has them.</summary>
public static class VideoPrograms
{
    /// <summary>What to do where they are missing.</summary>
    public const string HowToInstall =
        "Install ffmpeg, which brings both ffmpeg and ffprobe (Debian, Ubuntu: sudo apt-get install -y --no-install-recommends ffmpeg), or give the video as a list of pictures.";

    /// <summary>The version of ffmpeg, or null and why videos cannot be read.</summary>
    public static (string? Version, string? Problem) Find()
    {
        try
        {
            VersionOf("ffprobe");
            return (VersionOf("ffmpeg"), null);
        }
        catch (DllNotFoundException error)
        {
            return (null, error.Message);
        }
    }

    private static string VersionOf(string program)
    {
        const int Longest = 1024, PatienceSeconds = 20;
        using MediaProgram running = MediaProgram.Start(program, ["-version"], program, TimeSpan.FromSeconds(PatienceSeconds));
        byte[] head = new byte[Longest];
        int length = running.Output.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        string[] words = Encoding.UTF8.GetString(head, 0, length).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return words is [_, "version", var version, ..] ? version : "of an unknown version";
    }
}
