using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lorikeet.Tracking.Wandb;

/// <summary>The directory of an offline run, <c>OUTPUT_DIR/wandb/offline-run-TIME-ID</c>, and the plain files in it.</summary>
internal sealed class WandbFolder
{
    private const string Parent = "wandb";
    private const string Prefix = "offline-run-";
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private WandbFolder(string path, string id)
    {
        Path = path;
        Id = id;
        Directory.CreateDirectory(Files);
        Directory.CreateDirectory(System.IO.Path.Combine(path, "logs"));
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>The run's id: eight letters and digits. The parts of a run that was stopped and continued have the same.</summary>
    public string Id { get; }

    /// <summary>The file of records.</summary>
    public string Log => System.IO.Path.Combine(Path, $"run-{Id}.wandb");

    /// <summary>The folder whose files are uploaded with the run.</summary>
    public string Files => System.IO.Path.Combine(Path, "files");

    /// <summary>Makes the directory of a process's part of a run.</summary>
    /// <param name="outputDir">The run's output directory.</param>
    /// <param name="now">When it begins.</param>
    /// <param name="isContinued">Whether it goes on with the newest run that is there.</param>
    public static WandbFolder Create(string outputDir, DateTimeOffset now, bool isContinued)
    {
        string parent = System.IO.Path.Combine(outputDir, Parent);
        string? newest = Directory.Exists(parent) ? Directory.EnumerateDirectories(parent, Prefix + "*").Max(StringComparer.Ordinal) : null;
        string id = isContinued && newest is not null ? newest[(newest.LastIndexOf('-') + 1)..] : NewId(outputDir, now);
        string path;
        do
        {
            path = System.IO.Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{now.UtcDateTime:yyyyMMdd_HHmmss}-{id}"));
            now = now.AddSeconds(1);
        }
        while (Directory.Exists(path) || string.CompareOrdinal(path, newest) < 0);
        return new WandbFolder(path, id);
    }

    /// <summary>Writes a file of <see cref="Files"/> such that it is there whole or not at all.</summary>
    public void Write(string name, string text)
    {
        string path = System.IO.Path.Combine(Files, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        string temporary = path + ".tmp";
        File.WriteAllText(temporary, text);
        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Writes JSON.</summary>
    public void Write(string name, JsonObject json) => Write(name, json.ToJsonString(Json) + "\n");

    /// <summary>Writes the configuration as W&amp;B does: a value under each key. JSON is YAML, too.</summary>
    public void WriteConfig(JsonObject config)
    {
        var yaml = new StringBuilder("wandb_version: 1\n");
        foreach (var (key, value) in config)
        {
            yaml.Append('\n').Append(key).Append(":\n  value: ").Append(value?.ToJsonString() ?? "null").Append('\n');
        }

        Write("config.yaml", yaml.ToString());
    }

    // W&B's ids are eight random letters and digits; a hash of place and time is as good and needs no random source.
    private static string NewId(string outputDir, DateTimeOffset now)
    {
        const string Digits = "0123456789abcdefghijklmnopqrstuvwxyz";
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{outputDir}\n{now.UtcTicks}\n{Environment.ProcessId}")));
        return string.Concat(hash.Take(8).Select(b => Digits[b % Digits.Length]));
    }
}
