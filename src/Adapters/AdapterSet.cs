using System.Globalization;
using System.Text.RegularExpressions;
using Lorikeet.Nn;
using Lorikeet.Nn.Weights;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Storage;

namespace Lorikeet.Adapters;

/// <summary>The adapters attached to a model, and whatever else trains with them.</summary>
public sealed class AdapterSet
{
    private const string KeyPrefix = "base_model.model.";
    private readonly List<(Linear Layer, IAdapter Adapter)> _adapters = [];
    private readonly List<WholeTensor> _whole = [];

    private AdapterSet(LoraConfig config)
    {
        Config = config;
    }

    /// <summary>The settings.</summary>
    public LoraConfig Config { get; }

    /// <summary>The adapted layers, in the model's order.</summary>
    public IReadOnlyList<(Linear Layer, IAdapter Adapter)> Adapters => _adapters;

    /// <summary>Tensors of the base that are trained whole (biases, modules to save) with their PEFT keys.</summary>
    public IReadOnlyList<(string Key, Param Param)> Whole => [.. _whole.Select(w => (w.Key, w.Param))];

    /// <summary>Everything that trains, by PEFT key, in a fixed order.</summary>
    public IReadOnlyList<(string Key, Tensor Value)> Trained =>
    [
        .. _adapters.SelectMany(a => a.Adapter.Parameters.Select(p => (KeyPrefix + a.Layer.Path + "." + p.Name, p.Value))),
        .. _whole.Select(w => (w.Key, w.Trained)),
    ];

    /// <summary>Attaches fresh adapters to the layers that the settings mean.</summary>
    /// <param name="parts">The model.</param>
    /// <param name="head">The head, which <c>all-linear</c> leaves out.</param>
    /// <param name="config">Settings.</param>
    /// <param name="parameters">Where the factors live.</param>
    /// <param name="seed">Of the initial values.</param>
    /// <exception cref="InvalidDataException">Nothing matches, or a module is adapted already.</exception>
    public static AdapterSet Attach(ModelParts parts, Linear head, LoraConfig config, Parameters parameters, ulong seed)
    {
        var set = new AdapterSet(config);
        IReadOnlyList<Linear> targets = Targets(parts, head, config);
        try
        {
            foreach (Linear layer in targets)
            {
                if (layer.Adapter is not null)
                {
                    throw new InvalidDataException($"module '{layer.Path}' has an adapter already");
                }

                layer.Adapter = new Lora(parameters, layer, config, seed);
                set._adapters.Add((layer, layer.Adapter));
            }

            set.TrainBiases(parts, targets, parameters);
            set.TrainWholeModules(parts, parameters);
            return set;
        }
        catch
        {
            set.Detach();
            throw;
        }
    }

    /// <summary>The layers that the settings mean, in the model's order.</summary>
    /// <exception cref="InvalidDataException">None; the message lists what there is.</exception>
    public static IReadOnlyList<Linear> Targets(ModelParts parts, Linear head, LoraConfig config)
    {
        Linear[] targets = [.. parts.Linears.Where(l => IsTarget(l, head, config))];
        if (targets.Length == 0)
        {
            string[] names = [.. parts.Linears.Select(l => l.Path[(l.Path.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal)];
            throw new InvalidDataException($"target_modules {config.TargetModules} matches no linear layer; this model's layers are named {string.Join(", ", names)}");
        }

        return targets;
    }

    /// <summary>Removes the adapters; the base answers alone.</summary>
    public void Detach()
    {
        foreach ((Linear layer, _) in _adapters)
        {
            layer.Adapter = null;
        }
    }

    /// <summary>
    /// Switches all adapters off or on without removing them; modules to save answer with their base values meanwhile.
    /// Trained biases stay as they are, as in PEFT, which trains them in place.
    /// </summary>
    public void Disable(bool disabled)
    {
        foreach ((Linear layer, _) in _adapters)
        {
            layer.AdapterDisabled = disabled;
        }

        foreach (WholeTensor whole in _whole.Where(w => w.IsModule))
        {
            whole.Param.Replace(disabled ? whole.Base : whole.Trained);
        }
    }

    private static bool IsTarget(Linear layer, Linear head, LoraConfig config)
    {
        string path = layer.Path;
        if (config.ExcludeModules is { } exclude && exclude.Matches(path))
        {
            return false;
        }

        if (config.ModulesToSave.Any(name => IsInside(path, name)))
        {
            return false;
        }

        if (config.TargetModules.IsAllLinear)
        {
            return !ReferenceEquals(layer, head);
        }

        return config.TargetModules.Matches(path) && IsChosenLayer(path, config);
    }

    private static bool IsChosenLayer(string path, LoraConfig config)
    {
        if (config.LayersToTransform is not { } layers || config.TargetModules.Names is null)
        {
            return true;
        }

        IEnumerable<string> patterns = config.LayersPattern.Count == 0
            ? [".*\\.[^.]*\\.(\\d+)\\."]
            : config.LayersPattern.Select(p => $".*\\.{p}\\.(\\d+)\\.");
        foreach (string pattern in patterns)
        {
            Match match = PatternMatch.Match(path, "^" + pattern);
            if (match.Success)
            {
                return layers.Contains(int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
            }
        }

        return false;
    }

    /// <summary>Whether a module is the named one or lies below it.</summary>
    private static bool IsInside(string path, string name)
    {
        for (string at = path; at.Length > 0; at = at.LastIndexOf('.') is var dot and >= 0 ? at[..dot] : "")
        {
            if (ModuleMatch.IsOrEndsIn(at, name))
            {
                return true;
            }
        }

        return false;
    }

    private void TrainBiases(ModelParts parts, IReadOnlyList<Linear> targets, Parameters parameters)
    {
        if (Config.Bias == LoraBias.None)
        {
            return;
        }

        var adapted = targets.Where(t => t.Bias is not null).ToDictionary(t => t.Bias!, t => t);
        foreach (Param param in parts.Params.Where(p => p.Name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            bool isAdapted = adapted.TryGetValue(param, out Linear? layer);
            if (Config.Bias == LoraBias.All || isAdapted)
            {
                Train(param, KeyPrefix + (isAdapted ? layer!.Path + ".base_layer.bias" : param.Name), parameters, isModule: false);
            }
        }
    }

    private void TrainWholeModules(ModelParts parts, Parameters parameters)
    {
        foreach (string name in Config.ModulesToSave)
        {
            Param[] inside = [.. parts.Params.Where(p => IsInside(p.Name[..Math.Max(0, p.Name.LastIndexOf('.'))], name))];
            if (inside.Length == 0)
            {
                throw new InvalidDataException($"modules_to_save names '{name}', but the model has no such module");
            }

            foreach (Param param in inside.Where(p => _whole.All(w => w.Param != p)))
            {
                Train(param, KeyPrefix + param.Name, parameters, isModule: true);
            }
        }
    }

    private void Train(Param param, string key, Parameters parameters, bool isModule)
    {
        Tensor frozen = param.Value;
        param.Train(parameters);
        _whole.Add(new WholeTensor(key, param, frozen, param.Value, isModule));
    }

    /// <summary>A tensor of the base that is trained whole.</summary>
    /// <param name="Key">Its PEFT key.</param>
    /// <param name="Param">Its place in the model.</param>
    /// <param name="Base">The value before training.</param>
    /// <param name="Trained">The value that trains.</param>
    /// <param name="IsModule">Whether it belongs to a module to save.</param>
    private sealed record WholeTensor(string Key, Param Param, Tensor Base, Tensor Trained, bool IsModule);
}
