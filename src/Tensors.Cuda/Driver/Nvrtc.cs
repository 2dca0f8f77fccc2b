using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>NVIDIA's run-time compiler: CUDA C++ text to machine code of one GPU generation. Source: the NVRTC reference.</summary>
internal sealed unsafe class Nvrtc
{
    private readonly delegate* unmanaged<int, byte*> _errorText;
    private readonly delegate* unmanaged<int*, int*, int> _version;
    private readonly delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int> _create;
    private readonly delegate* unmanaged<nint, int, byte**, int> _compile;
    private readonly delegate* unmanaged<nint, nuint*, int> _logSize, _imageSize;
    private readonly delegate* unmanaged<nint, byte*, int> _log, _image;
    private readonly delegate* unmanaged<nint*, int> _destroy;

    /// <summary>Binds a loaded library.</summary>
    public Nvrtc(nint library)
    {
        void* Bind(string name) => NativeLibrary.TryGetExport(library, name, out nint address)
            ? (void*)address
            : throw new CudaUnavailableException($"libnvrtc lacks {name}: version 11.2 or newer is needed");
        _errorText = (delegate* unmanaged<int, byte*>)Bind("nvrtcGetErrorString");
        _version = (delegate* unmanaged<int*, int*, int>)Bind("nvrtcVersion");
        _create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)Bind("nvrtcCreateProgram");
        _compile = (delegate* unmanaged<nint, int, byte**, int>)Bind("nvrtcCompileProgram");
        _logSize = (delegate* unmanaged<nint, nuint*, int>)Bind("nvrtcGetProgramLogSize");
        _log = (delegate* unmanaged<nint, byte*, int>)Bind("nvrtcGetProgramLog");
        _imageSize = (delegate* unmanaged<nint, nuint*, int>)Bind("nvrtcGetCUBINSize");
        _image = (delegate* unmanaged<nint, byte*, int>)Bind("nvrtcGetCUBIN");
        _destroy = (delegate* unmanaged<nint*, int>)Bind("nvrtcDestroyProgram");
    }

    /// <summary>The compiler's version: the CUDA release that it belongs to.</summary>
    public (int Major, int Minor) Version
    {
        get
        {
            int major, minor;
            Check(_version(&major, &minor), "nvrtcVersion");
            return (major, minor);
        }
    }

    /// <summary>Compiles a program.</summary>
    /// <param name="name">Its name in messages.</param>
    /// <param name="source">The text; nothing is included.</param>
    /// <param name="options">Options of the compiler.</param>
    /// <exception cref="CudaException">The text is not accepted; the message holds the compiler's.</exception>
    public byte[] Compile(string name, string source, IReadOnlyList<string> options)
    {
        nint program;
        fixed (byte* text = Terminated(source), label = Terminated(name))
        {
            Check(_create(&program, text, label, 0, null, null), "nvrtcCreateProgram");
        }

        try
        {
            int code = CompileWith(program, options);
            if (code != 0)
            {
                throw new CudaException(string.Create(CultureInfo.InvariantCulture, $"{name}: the kernel does not compile ({Text(code)}; {string.Join(' ', options)})\n{Log(program)}"));
            }

            nuint bytes;
            Check(_imageSize(program, &bytes), "nvrtcGetCUBINSize");
            byte[] image = new byte[bytes];
            fixed (byte* p = image)
            {
                Check(_image(program, p), "nvrtcGetCUBIN");
            }

            return image;
        }
        finally
        {
            _ = _destroy(&program);
        }
    }

    private int CompileWith(nint program, IReadOnlyList<string> options)
    {
        byte** list = stackalloc byte*[options.Count];
        for (int i = 0; i < options.Count; i++)
        {
            list[i] = (byte*)Marshal.StringToCoTaskMemUTF8(options[i]);
        }

        int code = _compile(program, options.Count, list);
        for (int i = 0; i < options.Count; i++)
        {
            Marshal.FreeCoTaskMem((nint)list[i]);
        }

        return code;
    }

    private string Log(nint program)
    {
        nuint bytes;
        if (_logSize(program, &bytes) != 0 || bytes <= 1)
        {
            return "";
        }

        byte[] log = new byte[bytes];
        fixed (byte* p = log)
        {
            return _log(program, p) == 0 ? Encoding.UTF8.GetString(log.AsSpan(0, log.Length - 1)) : "";
        }
    }

    private string Text(int code) => Marshal.PtrToStringUTF8((nint)_errorText(code)) ?? "unknown error";

    private void Check(int code, string call)
    {
        if (code != 0)
        {
            throw new CudaException(string.Create(CultureInfo.InvariantCulture, $"{call}: {Text(code)} ({code})"));
        }
    }

    private static byte[] Terminated(string text) => [.. Encoding.UTF8.GetBytes(text), 0];
}
