namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>Compiled kernels by name, loaded when first called.</summary>
internal sealed class KernelLibrary : IDisposable
{
    private readonly CudaDriver _driver;
    private readonly KernelCache _cache;
    private readonly Dictionary<(string File, string Defines), nint> _modules = [];
    private readonly Dictionary<KernelName, (nint Function, int SharedBytes)> _functions = [];

    public KernelLibrary(CudaDriver driver, KernelCache cache)
    {
        _driver = driver;
        _cache = cache;
    }

    /// <summary>The function of a kernel; with <paramref name="sharedBytes"/> of dynamic shared memory allowed.</summary>
    public nint Function(in KernelName name, int sharedBytes = 0)
    {
        if (_functions.TryGetValue(name, out (nint Function, int SharedBytes) known) && sharedBytes <= known.SharedBytes)
        {
            return known.Function;
        }

        if (!_modules.TryGetValue((name.File, name.Defines), out nint module))
        {
            module = Load(name);
            _modules.Add((name.File, name.Defines), module);
        }

        const int AlwaysAllowed = 48 << 10;
        nint function = known.Function != 0 ? known.Function : _driver.Function(module, name.Kernel);
        if (sharedBytes > AlwaysAllowed)
        {
            _driver.AllowSharedMemory(function, sharedBytes);
        }

        _functions[name] = (function, Math.Max(sharedBytes, AlwaysAllowed));
        return function;
    }

    private nint Load(in KernelName name)
    {
        byte[] image = _cache.Image(name.File, name.Defines, out bool isKept);
        try
        {
            return _driver.LoadModule(image);
        }
        catch (CudaException) when (isKept)
        {
            // A file that was cut short, or that another driver left: compiled anew, it is replaced.
            return _driver.LoadModule(_cache.Compile(name.File, name.Defines));
        }
    }

    public void Dispose()
    {
        foreach (nint module in _modules.Values)
        {
            _driver.Unload(module);
        }

        _modules.Clear();
        _functions.Clear();
    }
}

/// <summary>A kernel of a file, compiled with macros (<c>NAME=VALUE</c> separated by spaces).</summary>
internal readonly record struct KernelName(string File, string Kernel, string Defines);
