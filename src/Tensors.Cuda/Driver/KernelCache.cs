using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>
/// Compiles kernel files for the GPU at hand when they are first needed and keeps the machine code in a folder, under a name
/// made of GPU generation, compiler version and a hash of text and options. A file that cannot be written costs only time.
/// </summary>
internal sealed class KernelCache
{
    // Text for other files: in front of all, or where a file says so.
    private static readonly string[] s_shared = ["Prelude.cu", "Tiles.cu"];

    private readonly Func<Nvrtc> _compiler;
    private readonly string _architecture;
    private readonly string? _folder;
    private readonly string _prelude = Resource("Prelude.cu");
    private Nvrtc? _opened;

    /// <summary>Makes a cache.</summary>
    /// <param name="compiler">Opens the compiler.</param>
    /// <param name="architecture">What to compile for: <c>sm_90</c>.</param>
    /// <param name="folder">Where machine code is kept; null keeps none.</param>
    public KernelCache(Func<Nvrtc> compiler, string architecture, string? folder)
    {
        _compiler = compiler;
        _architecture = architecture;
        _folder = folder;
    }

    /// <summary>Programs compiled so far, not counting those that were found in the folder.</summary>
    public int Compiled { get; private set; }

    /// <summary>The compiler's version; opens it.</summary>
    public (int Major, int Minor) CompilerVersion => (_opened ??= _compiler()).Version;

    /// <summary>Names of all kernel files.</summary>
    public static IReadOnlyList<string> Files { get; } =
        [.. Assembly.GetExecutingAssembly().GetManifestResourceNames().Where(name => name.EndsWith(".cu", StringComparison.Ordinal) && !s_shared.Contains(name)).Order(StringComparer.Ordinal)];

    /// <summary>Machine code of a kernel file.</summary>
    /// <param name="file">Its name without extension.</param>
    /// <param name="defines">Macros, <c>NAME=VALUE</c> separated by spaces.</param>
    public byte[] Image(string file, string defines) => Image(file, defines, out _);

    /// <summary>Machine code of a kernel file.</summary>
    /// <param name="file">Its name without extension.</param>
    /// <param name="defines">Macros, <c>NAME=VALUE</c> separated by spaces.</param>
    /// <param name="isKept">Whether it was found in the folder.</param>
    public byte[] Image(string file, string defines, out bool isKept)
    {
        Request request = RequestOf(file, defines);
        isKept = request.Path is not null && File.Exists(request.Path);
        return isKept ? File.ReadAllBytes(request.Path!) : Compile(request);
    }

    /// <summary>Compiles a kernel file, and replaces what the folder holds of it.</summary>
    public byte[] Compile(string file, string defines) => Compile(RequestOf(file, defines));

    private byte[] Compile(Request request)
    {
        byte[] image = _opened!.Compile(request.File, request.Source, request.Options);
        Compiled++;
        if (request.Path is not null)
        {
            Keep(request.Path, image);
        }

        return image;
    }

    private Request RequestOf(string file, string defines)
    {
        string source = _prelude + Text(file + ".cu");
        string[] options = Options(_architecture, defines);
        (int major, int minor) = CompilerVersion;
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', [source, .. options])));
        string name = string.Create(CultureInfo.InvariantCulture, $"{file}-{_architecture}-{major}.{minor}-{Convert.ToHexStringLower(hash.AsSpan(0, 12))}.cubin");
        return new Request(file + ".cu", source, options, _folder is null ? null : Path.Combine(_folder, name));
    }

    /// <summary>The options that every kernel is compiled with.</summary>
    internal static string[] Options(string architecture, string defines) =>
        [$"--gpu-architecture={architecture}", "--std=c++17", "--device-as-default-execution-space", .. defines.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(define => "-D" + define)];

    private static void Keep(string path, byte[] image)
    {
        string own = string.Create(CultureInfo.InvariantCulture, $"{path}.{Environment.ProcessId}-{Environment.CurrentManagedThreadId}");
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(own, image);
            File.Move(own, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The code is at hand all the same; the next start compiles again.
            File.Delete(own);
        }
    }

    /// <summary>A file with the one that it includes: the compiler is given no folder to look into.</summary>
    private static string Text(string name)
    {
        string text = Resource(name), start = "\n#line 1 \"" + name + "\"\n";
        foreach (string shared in s_shared)
        {
            text = text.Replace("#include \"" + shared + "\"\n", "\n#line 1 \"" + shared + "\"\n" + Resource(shared) + start, StringComparison.Ordinal);
        }

        return start + text;
    }

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new ArgumentException($"there is no kernel file '{name}'");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>A program to compile, and where it is kept.</summary>
    private sealed record Request(string File, string Source, string[] Options, string? Path);
}
