using Lorikeet.Tensors.Cuda.Driver;
using Lorikeet.Testing;

namespace Lorikeet.Tensors.Cuda.Tests;

/// <summary>
/// Every kernel file through NVIDIA's own compiler, for every generation of GPUs that is supported. Compiling needs no GPU, only
/// libnvrtc; without it these tests are skipped.
/// </summary>
public sealed class KernelCompileTests
{
    private static readonly string[] Floats = ["float", "bf16", "f16"];

    [Fact]
    public void Every_kernel_file_is_compiled_here() =>
        Assert.Equal(KernelCache.Files.Select(file => Path.GetFileNameWithoutExtension(file)), Variants().Select(v => v.File).Distinct().Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("sm_90")]
    public void Kernels_compile_for_the_newest_generation(string architecture) => Compile(architecture, Variants());

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("sm_80")]
    [InlineData("sm_90")]
    public void All_shapes_of_attention_compile(string architecture) => Compile(architecture, FlashVariants());

    [Theory]
    [Trait("tier", "slow")]
    [InlineData("sm_80")]
    [InlineData("sm_86")]
    [InlineData("sm_89")]
    public void Kernels_compile_for_older_generations(string architecture) => Compile(architecture, Variants());

    private static void Compile(string architecture, IEnumerable<(string File, string Defines)> variants)
    {
        CudaLibrary library = CudaLibraries.Find([Path.Combine(Golden.RepositoryRoot, "artifacts", "native")]).Nvrtc;
        Assert.SkipWhen(library.Path is null, "libnvrtc was not found; eng/native.sh nvrtc installs it");
        var cache = new KernelCache(() => new Nvrtc(CudaLibraries.Load(library)), architecture, folder: null);
        foreach ((string file, string defines) in variants)
        {
            byte[] image = cache.Image(file, defines);
            Assert.Equal("\x7F" + "ELF", string.Concat(image.Take(4).Select(b => (char)b)));
        }
    }

    private static IEnumerable<(string File, string Defines)> Variants()
    {
        foreach (string x in Floats)
        {
            foreach (string y in Floats)
            {
                yield return ("Elementwise", $"X={x} Y={y}");
            }

            yield return ("Gather", $"X={x} Y=float");
            yield return ("Gather", $"X={x} Y=bf16");
            yield return ("Norms", $"X=float Y=float W={x}");
            yield return ("Norms", $"X=bf16 Y=bf16 W={x}");
            foreach (int rows in (int[])[1, 2, 4, 8])
            {
                yield return ("Skinny", $"X=float Y=float W={x} ROWS={rows} BF16=0");
                yield return ("Skinny", $"X=bf16 Y=bf16 W={x} ROWS={rows} BF16=1");
            }
        }

        for (int kind = 0; kind < 6; kind++)
        {
            yield return ("Activation", $"KIND={kind} X=float Y=float");
            yield return ("Activation", $"KIND={kind} X=bf16 Y=bf16");
        }

        yield return ("AdamW", "");
        yield return ("CrossEntropy", "X=float Y=bf16");
        yield return ("Attention", "X=float Y=float BF16=0");
        yield return ("Attention", "X=bf16 Y=bf16 BF16=1");
        yield return ("FlashAttention", "D=128 MT=2 BN=64 Y=bf16");
        yield return ("FlashBackward", "D=128 MT=2 BN=32 KT=1 BQ=32 X=bf16 Y=bf16 W=bf16");
        yield return ("Decode", "D=128 MT=1 X=bf16 Y=bf16 W=bf16");
        foreach (string file in (string[])["CrossEntropy", "Dropout", "Reductions", "Rope"])
        {
            yield return (file, "X=float Y=float");
            yield return (file, "X=bf16 Y=bf16");
        }
    }

    // The largest kernels, seconds each: other widths, fewer rows, other types.
    private static IEnumerable<(string File, string Defines)> FlashVariants()
    {
        yield return ("FlashAttention", "D=64 MT=2 BN=64 Y=bf16");
        yield return ("FlashBackward", "D=64 MT=2 BN=32 KT=2 BQ=32 X=bf16 Y=bf16 W=bf16");
        yield return ("FlashAttention", "D=80 MT=1 BN=64 Y=bf16");
        yield return ("FlashBackward", "D=80 MT=1 BN=32 KT=1 BQ=32 X=bf16 Y=bf16 W=bf16");
        yield return ("FlashAttention", "D=72 MT=2 BN=64 Y=float");
        yield return ("FlashBackward", "D=72 MT=2 BN=32 KT=1 BQ=32 X=float Y=float W=f16");
        yield return ("Decode", "D=64 MT=2 X=float Y=float W=f16");
    }
}
