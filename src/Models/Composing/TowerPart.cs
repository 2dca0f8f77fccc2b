using System.Text.Json.Nodes;
using Lorikeet.Models.Backbones;
using Lorikeet.Nn.Weights;

namespace Lorikeet.Models.Composing;

/// <summary>
/// The vision tower of a composition: its tensors, and the layout of the joined directory, in which the kind of tower decides what the
/// model is.
/// </summary>
/// <param name="directory">The directory that it is taken from.</param>
internal abstract class TowerPart(ModelDirectory directory)
{
    public ModelDirectory Directory { get; } = directory;

    /// <summary>Columns of the features that the connector reads.</summary>
    public abstract int Width { get; }

    /// <summary>Image tokens of a picture.</summary>
    public abstract PictureTokens Tokens { get; }

    /// <summary>The model type where no other program loads the joined directory; null where transformers does.</summary>
    public virtual string? OwnType => null;

    /// <summary>Prefix of the connector's tensors.</summary>
    public abstract string ConnectorName { get; }

    /// <summary>The tower of a directory.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="options">Feature layer and class token, where the tower has a choice.</param>
    /// <exception cref="InvalidDataException">It holds no tower that can be joined, or the options don't fit it.</exception>
    public static TowerPart Open(ModelDirectory directory, ComposeOptions options) =>
        GridTowerPart.Types.Contains(directory.ModelType) ? new GridTowerPart(directory, options)
        : VisionTowerConfig.ModelTypes.TryGetValue(directory.ModelType, out string? type) ? new SquareTowerPart(directory, type, options)
        : throw directory.Config.Wrong("model_type", string.Join(", ", VisionTowerConfig.ModelTypes.Keys.Concat(GridTowerPart.Types)));

    /// <summary>config.json of the joined model.</summary>
    public abstract JsonObject Config(LanguagePart text, ImageToken token);

    /// <summary>preprocessor_config.json of the joined model.</summary>
    public abstract JsonObject Pictures();

    /// <summary>processor_config.json of the joined model.</summary>
    public abstract JsonObject Processor(ImageToken token);

    /// <summary>The tower's tensors under the names of the joined model.</summary>
    public abstract IEnumerable<TensorEntry> Tensors(WeightSet files);

    /// <summary>The name that a tensor of the text model has in the joined one.</summary>
    public abstract string TextName(string name);

    /// <summary>Settings of the directory's own image processor; null where it has none.</summary>
    protected JsonObject? OwnPictures() =>
        JsonFiles.TryRead(Path.Combine(Directory.Path, "processor_config.json"))?["image_processor"]?.DeepClone() as JsonObject
        ?? JsonFiles.TryRead(Path.Combine(Directory.Path, "preprocessor_config.json")) as JsonObject;
}
