using Lorikeet.Adapters;
using Lorikeet.Cli.Hub;
using Lorikeet.Models;
using Lorikeet.Training;
using Lorikeet.Training.Config;

namespace Lorikeet.Cli;

/// <summary>Opens a model, and an adapter on it, as verbs that answer or export name them.</summary>
internal static class ModelOpener
{
    /// <summary>Opens what the user named: a model directory, or an adapter directory or a run's checkpoint, whose base is then opened too.</summary>
    /// <param name="host">The surroundings; told what the user should know.</param>
    /// <param name="session">The device.</param>
    /// <param name="path">A model or adapter directory, a <c>checkpoint-N</c>, or a repository of the hub.</param>
    /// <param name="adapterPath">An adapter directory, or null.</param>
    /// <exception cref="InvalidDataException">Something is missing, or the adapter belongs to another base.</exception>
    public static (LoadedModel Model, AdapterSet? Adapter) Open(CliHost host, ComputeSession session, string path, string? adapterPath)
    {
        void Note(string text) => host.Messages.WriteLine($"note: {text}");
        path = HubModels.Directory(host, path);
        if (adapterPath is null && !File.Exists(Path.Combine(path, "config.json")) && File.Exists(Path.Combine(path, AdapterFile.ConfigName)))
        {
            adapterPath = path;
            LoraConfig config = AdapterFile.ReadConfig(path);
            Note($"{adapterPath} is an adapter; its base is {config.BaseModelNameOrPath}{(config.Revision is null ? "" : "@" + config.Revision)}");
            path = HubModels.Directory(host, config.BaseModelNameOrPath, config.Revision);
        }

        string? checkpoint = null;
        if (FullCheckpoint.Is(path))
        {
            (checkpoint, path) = (path, HubModels.OfRun(host, FullCheckpoint.BaseOf(path)));
            Note($"{checkpoint} is a checkpoint of a run that trains the model itself; its base is {path}");
        }

        ModelDirectory directory = ModelDirectory.Open(path);
        adapterPath = adapterPath is null ? null : HubModels.Directory(host, adapterPath);
        if (adapterPath is not null && !System.IO.Directory.Exists(adapterPath))
        {
            throw new InvalidDataException($"{adapterPath}: there is no such adapter directory");
        }

        LoadedModel loaded = ModelCatalog.Load(directory, session.Parameters);
        try
        {
            foreach (string difference in checkpoint is null ? [] : FullCheckpoint.Fill(checkpoint, loaded, session.Parameters))
            {
                Note(difference);
            }

            return (loaded, adapterPath is null ? null : Attach(session, loaded, adapterPath, Note));
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Opens a model directory, or a repository of the hub, which is pulled if need be.</summary>
    /// <param name="host">The surroundings.</param>
    /// <param name="name">A directory, ORG/NAME or ORG/NAME@REVISION.</param>
    public static ModelDirectory Directory(CliHost host, string name) => ModelDirectory.Open(HubModels.Directory(host, name));

    /// <summary>Opens the model of a run file: a directory, or a repository of the hub, which is pulled if need be.</summary>
    /// <exception cref="InvalidDataException">The run file names none, or it cannot be used.</exception>
    public static ModelDirectory OfRun(CliHost host, RunConfig config) =>
        ModelDirectory.Open(HubModels.OfRun(host, config.Model.Path ?? throw new InvalidDataException("model.path is missing: give the directory of a model, or ORG/NAME of the hub")));

    private static AdapterSet Attach(ComputeSession session, LoadedModel loaded, string adapterPath, Action<string> note)
    {
        foreach (string difference in BaseIdentity.Require(adapterPath, loaded))
        {
            note(difference);
        }

        return AdapterFile.Load(adapterPath, loaded.Model.Parts, loaded.Model.LmHead, session.Parameters);
    }
}
