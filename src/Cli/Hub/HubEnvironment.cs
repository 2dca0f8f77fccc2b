using System.Globalization;
using Lorikeet.Hub;

namespace Lorikeet.Cli.Hub;

/// <summary>The hub's settings, from the environment variables that its other clients know.</summary>
internal static class HubEnvironment
{
    private const long MaxTokenFile = 10_000;

    /// <summary>Reads the settings.</summary>
    /// <exception cref="InvalidDataException">A variable is unusable; its name is told, a token never.</exception>
    public static HubOptions Read(CliHost host)
    {
        string? Get(string name) => host.Environment(name) is { Length: > 0 } value ? value : null;

        string home = Get("HF_HOME") ?? Path.Combine(Get("XDG_CACHE_HOME") ?? Path.Combine(Get("HOME") ?? Path.GetTempPath(), ".cache"), "huggingface");
        home = Expanded(home, Get);
        var defaults = new HubOptions { CacheDirectory = "" };
        return new HubOptions
        {
            Endpoint = Endpoint(Get("HF_ENDPOINT")),
            CacheDirectory = Path.GetFullPath(Expanded(Get("HF_HUB_CACHE") ?? Get("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub"), Get)),
            Token = Token(Get, home),
            IsOffline = IsTrue(Get("HF_HUB_OFFLINE")) || IsTrue(Get("TRANSFORMERS_OFFLINE")),
            UserAgent = $"lorikeet/{ExitCodes.Version.Split('+')[0]}",
            AnswerTimeout = Seconds("HF_HUB_ETAG_TIMEOUT", Get) ?? defaults.AnswerTimeout,
            StallTimeout = Seconds("HF_HUB_DOWNLOAD_TIMEOUT", Get) ?? defaults.StallTimeout,
        };
    }

    private static Uri Endpoint(string? value) => value is null ? HubOptions.PublicHub
        : Uri.TryCreate(value, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" && address is { Host.Length: > 0, UserInfo: "", Query: "", Fragment: "" } ? address
        : throw new InvalidDataException("HF_ENDPOINT: expected an address such as https://huggingface.co, without user name, query or fragment");

    private static string? Token(Func<string, string?> get, string home)
    {
        if (IsTrue(get("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
        {
            return null;
        }

        (string? token, string source) = get("HF_TOKEN") is { } set ? (set, "HF_TOKEN")
            : get("HUGGING_FACE_HUB_TOKEN") is { } old ? (old, "HUGGING_FACE_HUB_TOKEN") : (null, "");
        if (token is null)
        {
            source = Expanded(get("HF_TOKEN_PATH") ?? Path.Combine(home, "token"), get);
            token = File.Exists(source) && new FileInfo(source).Length <= MaxTokenFile ? File.ReadAllText(source) : null;
        }

        token = token?.Trim();
        return string.IsNullOrEmpty(token) ? null
            : token.All(c => c is > ' ' and < '\x7f') ? token
            : throw new InvalidDataException($"{source}: holds no access token: it has characters that no token has");
    }

    private static string Expanded(string path, Func<string, string?> get) =>
        path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? (get("HOME") ?? "~") + path[1..] : path;

    private static bool IsTrue(string? value) => value?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";

    private static TimeSpan? Seconds(string name, Func<string, string?> get) => get(name) is not { } value ? null
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds) && seconds is > 0 and <= 86_400 ? TimeSpan.FromSeconds(seconds)
        : throw new InvalidDataException($"{name}: expected a number of seconds, found '{value}'");
}
