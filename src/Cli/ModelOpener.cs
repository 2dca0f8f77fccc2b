using Lorikeet.Adapters;
using Lorikeet.Models;
using Lorikeet.Training;

namespace Lorikeet.Cli;

/// <summary>Opens a model, and an adapter on it, as verbs that answer or export name them.</summary>
internal static class ModelOpener
{
    /// <summary>Opens what the user named: a model directory, or an adapter directory, whose base is then opened too.</summary>
    /// <param name="session">The device.</param>
    /// <param name="path">A model or adapter directory.</param>
    /// <param name="adapterPath">An adapter directory, or null.</param>
    /// <param name="note">Told what the user should know.</param>
    /// <exception cref="InvalidDataException">Something is missing, or the adapter belongs to another base.</exception>
    public static (LoadedModel Model, AdapterSet? Adapter) Open(ComputeSession session, string path, string? adapterPath, Action<string> note)
    {
        if (adapterPath is null && !File.Exists(Path.Combine(path, "config.json")) && File.Exists(Path.Combine(path, AdapterFile.ConfigName)))
        {
            adapterPath = path;
            path = AdapterFile.ReadConfig(path).BaseModelNameOrPath;
            note($"{adapterPath} is an adapter; its base is {path}");
        }

        ModelDirectory directory = ModelDirectory.Open(path);
        if (adapterPath is not null && !Directory.Exists(adapterPath))
        {
            throw new InvalidDataException($"{adapterPath}: there is no such adapter directory");
        }

        LoadedModel loaded = ModelCatalog.Load(directory, session.Parameters);
        try
        {
            return (loaded, adapterPath is null ? null : Attach(session, loaded, adapterPath, note));
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static AdapterSet Attach(ComputeSession session, LoadedModel loaded, string adapterPath, Action<string> note)
    {
        foreach (string difference in BaseIdentity.Require(adapterPath, loaded))
        {
            note(difference);
        }

        return AdapterFile.Load(adapterPath, loaded.Model.Parts, loaded.Model.LmHead, session.Parameters);
    }
}
