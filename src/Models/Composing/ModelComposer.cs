using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;

namespace Lorikeet.Models.Composing;

/// <summary>
/// Joins a vision tower, a new connector of two layers and a text model into one directory: with CLIP or SigLIP a LLaVA model, which
/// transformers loads as well; with the tower of a Qwen2-VL model one that only this program loads. The towers' weights are copied bit by
/// bit; only the connector, and rows for a new token, are made.
/// </summary>
public static class ModelComposer
{
    private static readonly string[] TextFiles = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json", "vocab.json", "merges.txt"];

    /// <summary>Writes the joined model; the directory appears whole or not at all, after the model in it has been loaded once.</summary>
    /// <param name="options">What to join.</param>
    /// <param name="target">A directory that doesn't exist or is empty.</param>
    /// <param name="parameters">Where the model is loaded to check it.</param>
    /// <exception cref="InvalidDataException">A part is unusable, the parts don't fit, or the target is used.</exception>
    public static ComposeReport Run(ComposeOptions options, string target, Parameters parameters)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new InvalidDataException($"{target}: is not empty; name a directory that doesn't exist yet");
        }

        TowerPart vision = TowerPart.Open(ModelDirectory.Open(options.Vision), options);
        ModelDirectory textDirectory = ModelDirectory.Open(options.Text);
        LanguagePart.RequireText(textDirectory);
        var token = new ImageToken(textDirectory, options.ImageToken);
        var text = new LanguagePart(textDirectory, token.Id);
        var connector = new NewConnector(options, vision.ConnectorName, vision.Width, text.Width);
        using AtomicDirectory directory = AtomicDirectory.Create(target);
        string staging = directory.StagingPath;
        Directory.CreateDirectory(staging);
        WriteText(staging, text, token, options.Template);
        JsonFiles.Write(Path.Combine(staging, "config.json"), vision.Config(text, token));
        JsonFiles.Write(Path.Combine(staging, "preprocessor_config.json"), vision.Pictures());
        JsonFiles.Write(Path.Combine(staging, "processor_config.json"), vision.Processor(token));
        using (WeightSet towerFiles = vision.Directory.OpenWeights(), textFiles = text.Directory.OpenWeights())
        {
            TensorEntry[] entries =
            [
                .. vision.Tensors(towerFiles),
                .. connector.Tensors(LanguagePart.StoredAs(textFiles)),
                .. text.Tensors(textFiles).Select(entry => entry with { Name = vision.TextName(entry.Name) }),
            ];
            ShardedWeights.Write(staging, entries, new Dictionary<string, string> { ["format"] = "pt" });
        }

        // Every tensor has a place, and processor and tower agree: what is wrong shows here and not in the first training step.
        using (ModelCatalog.Load(ModelDirectory.Open(staging), parameters))
        {
            directory.Commit();
        }

        return new ComposeReport(token.Id, text.AddedRows, vision.Tokens, connector.Values, vision.OwnType);
    }

    private static void WriteText(string staging, LanguagePart text, ImageToken token, string? template)
    {
        foreach (string file in TextFiles.Where(f => File.Exists(Path.Combine(text.Directory.Path, f))))
        {
            File.Copy(Path.Combine(text.Directory.Path, file), Path.Combine(staging, file));
        }

        token.Write(staging);
        File.WriteAllText(Path.Combine(staging, "chat_template.jinja"), template ?? token.Template());
    }
}
