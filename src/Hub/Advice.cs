using System.Text.Json;

namespace Lorikeet.Hub;

/// <summary>Turns a refusal of the hub into a message that says what to do: it asks for similar names, the other kind, the branches there are.</summary>
internal sealed class Advice(HubHttp http, HubOptions options, RepositoryId id)
{
    private const int Shown = 3;

    /// <summary>The failure with advice.</summary>
    public async Task<HubException> For(HubException refused, CancellationToken cancel)
    {
        string message = refused.Failure switch
        {
            HubFailure.NoSuchRevision => $"{id.Name} has no revision '{id.RevisionOrMain}'{await Revisions(cancel).ConfigureAwait(false)}",
            HubFailure.Denied => Denied(),
            _ => $"{options.Endpoint.Authority} knows no {Word(id.Kind)} '{id.Name}', or it is private{await Similar(cancel).ConfigureAwait(false)}{TokenHint()}",
        };
        return new HubException($"{message}. ({refused.Message})", refused.Failure, refused) { Status = refused.Status };
    }

    private string Denied()
    {
        string page = $"{options.Endpoint.AbsoluteUri.TrimEnd('/')}/{id.FilePath}";
        return options.Token is null
            ? $"{id.Name} is gated or private: accept its terms at {page}, make a token with the right to read it, and set HF_TOKEN (or run 'hf auth login' once)"
            : $"{id.Name} is gated or private, and the token in use has no access: accept its terms at {page}, or use a token with the right to read it";
    }

    private string TokenHint() => options.Token is null ? "; for a private one set HF_TOKEN" : "; the token in use may lack access to it";

    private async Task<string> Similar(CancellationToken cancel)
    {
        RepositoryId other = id with { Revision = null, Kind = id.Kind == RepositoryKind.Model ? RepositoryKind.Dataset : RepositoryKind.Model };
        if (await Ask($"{other.ApiPath}", cancel).ConfigureAwait(false) is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty("id", out _))
        {
            return $"; there is a {Word(other.Kind)} of that name: --repo-type {(other.Kind == RepositoryKind.Dataset ? "dataset" : "model")}";
        }

        string list = id.Kind == RepositoryKind.Model ? "api/models" : "api/datasets";
        string name = Uri.EscapeDataString(id.Name[(id.Name.IndexOf('/', StringComparison.Ordinal) + 1)..]);
        string[] near = Names(await Ask($"{list}?search={name}&limit={Shown}", cancel).ConfigureAwait(false), "id");
        return near.Length > 0 ? $"; did you mean {string.Join(" or ", near)}?" : "; check the spelling";
    }

    private async Task<string> Revisions(CancellationToken cancel)
    {
        JsonElement? refs = await Ask($"{id.ApiPath}/refs", cancel).ConfigureAwait(false);
        string[] known = [.. Names(Child(refs, "branches"), "name"), .. Names(Child(refs, "tags"), "name")];
        return known.Length > 0 ? $"; it has {string.Join(", ", known)}" : "";
    }

    // The refusal stands whether or not there is advice to go with it.
    private async Task<JsonElement?> Ask(string path, CancellationToken cancel)
    {
        try
        {
            (byte[] body, _) = await http.GetJson(http.Address(path), cancel).ConfigureAwait(false);
            using var document = JsonDocument.Parse(body);
            return document.RootElement.Clone();
        }
        catch (Exception none) when (none is HubException or PassingFailure or JsonException)
        {
            return null;
        }
    }

    private static JsonElement? Child(JsonElement? parent, string name) =>
        parent is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out JsonElement child) ? child : null;

    private static string[] Names(JsonElement? list, string key) => list is not { ValueKind: JsonValueKind.Array } entries ? []
        : [.. entries.EnumerateArray().Select(entry => Child(entry, key)).Where(name => name is { ValueKind: JsonValueKind.String })
            .Select(name => SafeText.Of(name!.Value.GetString()!)).Where(name => name.Length > 0).Take(2 * Shown)];

    private static string Word(RepositoryKind kind) => kind == RepositoryKind.Model ? "model" : "data set";
}
