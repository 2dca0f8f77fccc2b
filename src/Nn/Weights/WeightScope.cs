using System.Globalization;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Nn.Weights;

/// <summary>Where the values of a model's tensors come from: files, or a random start.</summary>
public interface IWeightSource
{
    /// <summary>The tensor of a parameter.</summary>
    /// <param name="name">Full parameter name in the live module tree.</param>
    /// <param name="shape">Its stored shape.</param>
    /// <exception cref="InvalidDataException">It is missing or has another shape; the message names the file and key.</exception>
    Tensor Read(string name, Shape shape);

    /// <summary>As <see cref="Read"/> for a constant of the model; a source that makes weights up takes the right values.</summary>
    /// <param name="name">As in <see cref="Read"/>.</param>
    /// <param name="shape">As in <see cref="Read"/>.</param>
    /// <param name="values">The constant's values.</param>
    Tensor ReadConstant(string name, Shape shape, Func<float[]> values) => Read(name, shape);

    /// <summary>Whether a parameter exists (an untied head, an optional bias).</summary>
    bool Contains(string name);
}

/// <summary>A place in the module tree: its path is the checkpoint's name, so that constructors read like the checkpoint.</summary>
public sealed class WeightScope
{
    private readonly IWeightSource _source;

    /// <summary>Opens the root of a tree.</summary>
    public WeightScope(IWeightSource source)
        : this(source, new ModelParts(), "")
    {
    }

    private WeightScope(IWeightSource source, ModelParts parts, string path)
    {
        _source = source;
        Parts = parts;
        Path = path;
    }

    /// <summary>Everything made under the same root, in order of construction.</summary>
    public ModelParts Parts { get; }

    /// <summary>Module path of this place.</summary>
    public string Path { get; }

    /// <summary>This place with everything below it, also what is made later.</summary>
    public ModelSubtree Subtree => new(Parts, Path);

    /// <summary>A child module; dots descend several levels.</summary>
    public WeightScope this[string name] => new(_source, Parts, Join(name));

    /// <summary>A numbered child module.</summary>
    public WeightScope this[int index] => this[index.ToString(CultureInfo.InvariantCulture)];

    /// <summary>Whether the checkpoint has a tensor of this name here.</summary>
    public bool Has(string name) => _source.Contains(Join(name));

    /// <summary>A named tensor of this module.</summary>
    public Param Param(string name, Shape shape)
    {
        var param = new Param(Join(name), _source.Read(Join(name), shape));
        Parts.Add(param);
        return param;
    }

    /// <summary>A table that the checkpoint holds though it is computed: full training leaves it as it is.</summary>
    /// <param name="name">Its name in this module.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="values">How it is computed, for a model that starts from random weights.</param>
    public Param Constant(string name, Shape shape, Func<float[]> values)
    {
        var param = new Param(Join(name), _source.ReadConstant(Join(name), shape, values)) { IsConstant = true };
        Parts.Add(param);
        return param;
    }

    /// <summary>A convolution kernel [Out, Channels, Height, Width] whose windows don't overlap, used as the matrix [Out, Channels Height Width].</summary>
    public Param PatchKernel(string name, Shape shape)
    {
        Tensor stored = _source.Read(Join(name), shape);
        var param = new Param(Join(name), stored.View(new Shape(shape[0], (int)(shape.Count / shape[0])))) { StoredShape = shape };
        Parts.Add(param);
        return param;
    }

    /// <summary>This module as a linear layer: <c>weight</c> [outFeatures, inFeatures] and, if asked for, <c>bias</c>.</summary>
    public Linear Linear(int inFeatures, int outFeatures, bool bias)
    {
        Param weight = Param("weight", new Shape(outFeatures, inFeatures));
        var layer = new Linear(Path, new DenseWeight(weight), bias ? Param("bias", new Shape(outFeatures)) : null);
        Parts.Add(layer);
        return layer;
    }

    /// <summary>This module as a linear layer over a matrix that another module owns (a tied head).</summary>
    public Linear Tied(Param weight)
    {
        var layer = new Linear(Path, new DenseWeight(weight), null);
        Parts.Add(layer);
        return layer;
    }

    /// <summary>This module as an RMS norm.</summary>
    public RmsNorm RmsNorm(int width, float eps) => new(Param("weight", new Shape(width)), eps);

    /// <summary>This module as a layer norm with bias.</summary>
    public LayerNorm LayerNorm(int width, float eps) => new(Param("weight", new Shape(width)), Param("bias", new Shape(width)), eps);

    private string Join(string name) => Path.Length == 0 ? name : Path + "." + name;
}

/// <summary>A part of the module tree: what a block asks whether anything of it is trained, so that no list of layers can forget one.</summary>
/// <param name="parts">The model's parts.</param>
/// <param name="path">Module path of the subtree's root.</param>
public sealed class ModelSubtree(ModelParts parts, string path)
{
    private (Param[] Params, Linear[] Linears, int Seen) _own = ([], [], -1);

    /// <summary>Whether a tensor of the subtree, or an adapter on one of its linear layers, is trained.</summary>
    public bool Trains
    {
        get
        {
            if (_own.Seen != parts.Params.Count)
            {
                string inside = path + ".";
                _own = (
                    [.. parts.Params.Where(p => p.Name.StartsWith(inside, StringComparison.Ordinal))],
                    [.. parts.Linears.Where(l => l.Path == path || l.Path.StartsWith(inside, StringComparison.Ordinal))],
                    parts.Params.Count);
            }

            return _own.Params.Any(p => p.IsTrained) || _own.Linears.Any(l => l.Trains);
        }
    }
}

/// <summary>The tensors and linear layers of a model, in order of construction.</summary>
public sealed class ModelParts
{
    private readonly List<Param> _params = [];
    private readonly List<Linear> _linears = [];

    /// <summary>All named tensors.</summary>
    public IReadOnlyList<Param> Params => _params;

    /// <summary>All linear layers.</summary>
    public IReadOnlyList<Linear> Linears => _linears;

    internal void Add(Param param) => _params.Add(param);

    internal void Add(Linear linear) => _linears.Add(linear);
}
