using Lorikeet.Models;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Planning;
using Lorikeet.Training.Config;

namespace Lorikeet.Training.Planning;

/// <summary>The machine that a plan is made for, and how thorough the plan is.</summary>
public sealed record PlanEnvironment
{
    /// <summary>Name of the device.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>Whether the device reads files in place, so that frozen weights are mapped instead of copied. A GPU does not: it has memory of its own.</summary>
    public bool MapsFiles { get; init; } = true;

    /// <summary>Whether the device keeps activations in bfloat16 where products compute in it.</summary>
    public bool HalfActivations { get; init; }

    /// <summary>Makes what stands in for the device's kernels and knows the memory that they take; null where that is an estimate.</summary>
    public Func<DryKernels>? Kernels { get; init; }

    /// <summary>Whether products of bfloat16 run on hardware.</summary>
    public bool HasFastBf16 { get; init; }

    /// <summary>Finds the directory that <c>model.path</c> means; it may name a repository of the hub.</summary>
    public Func<string, string> LocateModel { get; init; } = static path => path;

    /// <summary>Rows that are looked at, at most; more are sampled evenly. Null: all.</summary>
    public long? MaxRows { get; init; }

    /// <summary>Bytes that this process holds for the very run that is planned: not part of what the program needs besides.</summary>
    public long AlreadyHeld { get; init; }

    /// <summary>Hears how many rows of how many are looked at.</summary>
    public Action<long, long>? Progress { get; init; }

    /// <summary>The type that absent weights would be stored in: the one that is asked for, else that of config.json, else bfloat16.</summary>
    internal static DType StoredAs(RunConfig config, ModelDirectory directory)
    {
        if (config.Model.Dtype != WeightType.Auto)
        {
            return config.Model.Dtype switch { WeightType.Bfloat16 => DType.BF16, WeightType.Float16 => DType.F16, _ => DType.F32 };
        }

        ConfigSection root = directory.Config;
        string? named = new[] { root, root.TrySection("text_config") }
            .SelectMany(c => new[] { c?.TryString("dtype"), c?.TryString("torch_dtype") })
            .FirstOrDefault(name => name is not null);
        return named switch { "float32" => DType.F32, "float16" => DType.F16, _ => DType.BF16 };
    }
}
