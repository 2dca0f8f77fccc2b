using Lorikeet.Tensors;

namespace Lorikeet.Cli.Commands;

/// <summary>The option <c>--compute</c>.</summary>
internal static class ComputeOption
{
    /// <summary>f32 or bf16.</summary>
    public static Compute Parse(string text) => text switch
    {
        "f32" or "float32" => Compute.F32,
        "bf16" or "bfloat16" => Compute.BF16,
        _ => throw new InvalidDataException($"--compute: expected f32 or bf16, found '{text}'"),
    };
}
