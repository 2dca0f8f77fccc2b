using System.Globalization;
using System.Text.Json.Nodes;
using Lorikeet.Cli.Devices;
using Lorikeet.Cli.Terminal;
using Lorikeet.Tensors;
using Lorikeet.Tensors.Cpu;
using Lorikeet.Tensors.Cuda;

namespace Lorikeet.Cli.Doctor;

/// <summary>What <c>doctor</c> says about computing on a GPU: GPUs, libraries, what is missing and how to install it, and a product computed on it.</summary>
internal sealed class GpuReport(CliHost host)
{
    private const int CheckRows = 24, CheckColumns = 20, CheckDepth = 36;

    // A product of 36 terms of about one, rounded in another order: far more than f32 loses, far less than a wrong element.
    private const double Tolerance = 1e-4;

    /// <summary>Looks and tells, a line each.</summary>
    /// <param name="line">Told what a line is about, and its text.</param>
    public JsonObject Tell(Action<string, string> line)
    {
        CudaState state = CudaProbe.Look(CudaSearch.Find(host));
        line("CUDA driver", Driver(state));
        foreach (CudaGpu gpu in state.Gpus)
        {
            string age = gpu.IsNewEnough ? "" : "; too old: 8.0 or newer is needed (RTX 30 series, A100 and later)";
            line("GPU", string.Create(CultureInfo.InvariantCulture, $"cuda:{gpu.Ordinal} {gpu.Name}, compute capability {gpu.Capability}, {Words.Bytes(gpu.MemoryBytes)}{age}"));
        }

        // Without a GPU the libraries are of no use: no advice to install them.
        if (state.Gpus.Count > 0 || state.Libraries.CublasLt.Path is not null)
        {
            line("libcublasLt", Library(state, state.Libraries.CublasLt, state.CublasLtVersion, "matrix products", "cublas"));
        }

        if (state.Gpus.Count > 0 || state.Libraries.Nvrtc.Path is not null)
        {
            line("libnvrtc", Library(state, state.Libraries.Nvrtc, state.NvrtcVersion, "compiles kernels", "cuda-nvrtc"));
        }

        foreach (string problem in state.Unusable)
        {
            line("", problem);
        }

        (bool? works, string? check) = state.IsComplete ? Check(state) : (null, null);
        if (check is not null)
        {
            line("GPU check", check);
        }

        return Json(state, works, check);
    }

    private static string Driver(CudaState state) => state.Libraries.Driver.Path is null
        ? "not found (optional: an NVIDIA GPU needs the driver of your distribution, or NVIDIA's; in a container start it with --gpus all)"
        : state.Problem ?? $"for CUDA {state.DriverVersion}, {state.Libraries.Driver.Path}";

    private static string Library(CudaState state, CudaLibrary library, string? version, string use, string package)
    {
        // CUDA 13's packages carry no version in their names.
        int major = Math.Min(13, (state.Libraries.DriverVersion ?? 12_000) / 1000);
        string install = string.Create(CultureInfo.InvariantCulture, $"install it: pip install nvidia-{package}{(major >= 13 ? "" : $"-cu{Math.Max(12, major)}")}, or the CUDA toolkit {Math.Max(12, major)}");
        return library.Path is not null ? $"{version ?? "unusable"} ({use}), {library.Path}"
            : library.TooNew is { } newer ? $"{newer} is newer than the driver supports (CUDA {state.DriverVersion}); a newer driver, or {install}"
            : $"missing ({use}); {install}";
    }

    /// <summary>Opens the first GPU that can be used and computes a product on it and on the processor.</summary>
    private (bool? Works, string Text) Check(CudaState state)
    {
        CudaGpu gpu = state.Gpus.First(g => g.IsNewEnough);
        try
        {
            using var device = new CudaDevice(new CudaOptions { Ordinal = gpu.Ordinal, Libraries = state.Libraries, KernelFolder = CudaSearch.KernelFolder(host) });
            using var processor = new CpuDevice(new CpuOptions { Threads = 1 });
            double difference = Product(device).Zip(Product(processor), (x, y) => (double)Math.Abs(x - y)).Max();
            (long free, _) = device.Memory;
            bool agrees = difference <= Tolerance;
            return (agrees, agrees
                ? $"{device.Name} computes what the processor computes ({device.Path}); {Words.Bytes(free)} free"
                : string.Create(CultureInfo.InvariantCulture, $"{device.Name} computes something else than the processor: a product differs by {difference:g3}. Please report it"));
        }
        catch (Exception e) when (e is CudaException or InsufficientMemoryException)
        {
            return (false, $"cuda:{gpu.Ordinal} cannot be used: {e.Message}");
        }
    }

    private static float[] Product(IDevice device)
    {
        using var arena = new Arena(device);
        using var scope = new StepScope(device, arena, record: false);
        Tensor a = scope.From(Values(CheckRows * CheckDepth, 1), new Shape(CheckRows, CheckDepth)), b = scope.From(Values(CheckColumns * CheckDepth, 2), new Shape(CheckColumns, CheckDepth));
        Tensor c = scope.New(new Shape(CheckRows, CheckColumns));
        device.Kernels.MatMul(new MatMulArgs(a, false, b, true, c, 1f, false, null, Compute.F32));
        device.Kernels.Activation(ActivationKind.Silu, c, c);
        return c.ToHost<float>();
    }

    private static float[] Values(int count, ulong key)
    {
        float[] values = new float[count];
        Rng.FillNormal(values, 1f, key);
        return values;
    }

    private static JsonObject Json(CudaState state, bool? works, string? check) => new()
    {
        ["found"] = state.Libraries.Driver.Path is not null,
        ["version"] = state.DriverVersion,
        ["problem"] = state.Problem,
        ["devices"] = new JsonArray([.. state.Gpus.Select(gpu => (JsonNode)new JsonObject
        {
            ["name"] = gpu.Name,
            ["compute_capability"] = gpu.Capability,
            ["memory_bytes"] = gpu.MemoryBytes,
            ["new_enough"] = gpu.IsNewEnough,
        })]),
        ["libraries"] = new JsonObject
        {
            ["libcuda"] = Json(state.Libraries.Driver, state.DriverVersion),
            ["libcublasLt"] = Json(state.Libraries.CublasLt, state.CublasLtVersion),
            ["libnvrtc"] = Json(state.Libraries.Nvrtc, state.NvrtcVersion),
        },
        ["works"] = works,
        ["check"] = check,
    };

    private static JsonObject Json(CudaLibrary library, string? version) => new() { ["path"] = library.Path, ["version"] = version, ["too_new"] = library.TooNew };
}
