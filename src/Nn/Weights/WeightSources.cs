using System.Globalization;
using Lorikeet.Tensors;

namespace Lorikeet.Nn.Weights;

/// <summary>Reads a model's tensors from its files, mapped where the device can read them in place. Every tensor is used or named.</summary>
public sealed class FileWeights : IWeightSource
{
    private readonly WeightSet _files;
    private readonly Parameters _parameters;
    private readonly IReadOnlyList<NameRule> _rules;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    /// <summary>Wraps an open weight set, which must stay open as long as the model lives.</summary>
    /// <param name="files">The files.</param>
    /// <param name="parameters">Where tensors live.</param>
    /// <param name="rules">How older checkpoints spell module paths, tried in order after the live name itself.</param>
    public FileWeights(WeightSet files, Parameters parameters, params IReadOnlyList<NameRule> rules)
    {
        _files = files;
        _parameters = parameters;
        _rules = rules;
    }

    /// <inheritdoc/>
    public bool Contains(string name) => Find(name) is not null;

    /// <inheritdoc/>
    public Tensor Read(string name, Shape shape)
    {
        string key = Find(name) ?? throw new InvalidDataException($"{_files.Path}: tensor '{name}' is missing; config.json promises it with shape {shape}");
        TensorInfo info = _files.Info(key);
        if (!SameShape(info.Shape, shape))
        {
            throw new InvalidDataException($"{_files.Path}: tensor '{key}' is {info.Describe()}, but config.json implies the shape {shape}");
        }

        _used.Add(key);
        DType dtype = info.DType switch
        {
            SafeDType.F32 => DType.F32,
            SafeDType.BF16 => DType.BF16,
            SafeDType.F16 => DType.F16,
            _ => throw new InvalidDataException($"{_files.Path}: tensor '{key}' is stored as {info.DType}; F32, BF16 and F16 are supported"),
        };
        nint mapped = _files.Pointer(key);
        Tensor x = _parameters.FromMapped(mapped, shape, dtype);
        if (x.Address != mapped)
        {
            // A copy on a device of its own: the pages that were read for it are not kept beside it.
            _files.Forget(key);
        }

        return x;
    }

    /// <summary>The file's key of a parameter, or null.</summary>
    public string? Find(string name) => NameRule.Find(name, _rules, _files.Contains);

    /// <summary>Throws when the files hold tensors that no module asked for.</summary>
    /// <param name="mayIgnore">Tells which leftovers are harmless (buffers that are computed, a tied head's copy).</param>
    public void RequireAllUsed(Func<string, bool> mayIgnore)
    {
        string[] left = [.. _files.Tensors.Keys.Where(key => !_used.Contains(key) && !mayIgnore(key)).Order(StringComparer.Ordinal)];
        if (left.Length > 0)
        {
            string more = left.Length > 3 ? string.Create(CultureInfo.InvariantCulture, $" and {left.Length - 3} more") : "";
            throw new InvalidDataException($"{_files.Path}: unknown tensors {string.Join(", ", left.Take(3))}{more}: the model described by config.json has no place for them");
        }
    }

    private static bool SameShape(long[] stored, Shape shape)
    {
        if (stored.Length != shape.Rank)
        {
            return false;
        }

        for (int i = 0; i < stored.Length; i++)
        {
            if (stored[i] != shape[i])
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>How a checkpoint spells a module path: names that begin with <paramref name="Module"/> begin with <paramref name="File"/> there.</summary>
/// <param name="File">Prefix in the file.</param>
/// <param name="Module">Prefix in the live module tree.</param>
public sealed record NameRule(string File, string Module)
{
    /// <summary>The key under which files have a parameter: its own name, or the first rule's that they have; null if they have none.</summary>
    /// <param name="name">The parameter's name, in the live module tree.</param>
    /// <param name="rules">Rules, the oldest first.</param>
    /// <param name="contains">Whether the files have a key.</param>
    public static string? Find(string name, IReadOnlyList<NameRule> rules, Func<string, bool> contains)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(contains);
        return contains(name) ? name : rules.Where(r => name.StartsWith(r.Module, StringComparison.Ordinal)).Select(r => r.ToFile(name)).FirstOrDefault(contains);
    }

    /// <summary>A name that begins with <see cref="Module"/> as the file spells it.</summary>
    /// <param name="name">The parameter's name.</param>
    public string ToFile(string name) => string.Concat(File, name.AsSpan(Module.Length));
}

/// <summary>A random start for training from scratch: matrices normal, norms one, biases zero.</summary>
/// <param name="parameters">Where tensors live.</param>
/// <param name="deviation">Standard deviation of matrices.</param>
/// <param name="seed">Every tensor is a function of the seed and its name.</param>
/// <param name="tied">Whether the head shares the embedding.</param>
public sealed class RandomWeights(Parameters parameters, float deviation, ulong seed, bool tied) : IWeightSource
{
    /// <inheritdoc/>
    public bool Contains(string name) => IsStored(name, tied);

    /// <summary>Whether a checkpoint would have a tensor: all that are asked for but a tied head.</summary>
    internal static bool IsStored(string name, bool tied) => !(tied && name.StartsWith("lm_head", StringComparison.Ordinal));

    /// <inheritdoc/>
    public Tensor Read(string name, Shape shape)
    {
        float[] values = new float[shape.Count];
        if (shape.Rank >= 2)
        {
            Rng.FillNormal(values, deviation, Rng.Key(seed, Rng.Key(name)));
        }
        else if (name.EndsWith("weight", StringComparison.Ordinal))
        {
            Array.Fill(values, 1f);
        }

        return New(shape, values);
    }

    /// <inheritdoc/>
    public Tensor ReadConstant(string name, Shape shape, Func<float[]> values) => New(shape, values());

    private Tensor New(Shape shape, float[] values)
    {
        Tensor x = parameters.New(shape, DType.F32, MemoryUse.Weights);
        x.CopyFrom<float>(values);
        return x;
    }
}
