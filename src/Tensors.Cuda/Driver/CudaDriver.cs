using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>The functions of libcuda that Lorikeet calls, bound at run time. Source: the CUDA driver API's reference.</summary>
internal sealed unsafe class CudaDriver
{
    /// <summary>CUDA_ERROR_OUT_OF_MEMORY.</summary>
    public const int OutOfMemory = 2;

    /// <summary>CUDA_ERROR_NOT_READY: an event has not happened yet.</summary>
    public const int NotReady = 600;

    private const int NonBlockingStream = 1;
    private const int EventWithoutTiming = 2;
    private readonly delegate* unmanaged<int, byte**, int> _getErrorName, _getErrorString;
    private readonly delegate* unmanaged<int*, int> _getVersion, _getCount;
    private readonly delegate* unmanaged<int*, int, int> _deviceGet;
    private readonly delegate* unmanaged<byte*, int, int, int> _deviceName;
    private readonly delegate* unmanaged<nuint*, int, int> _totalMemory;
    private readonly delegate* unmanaged<int*, int, int, int> _attribute;
    private readonly delegate* unmanaged<nint*, int, int> _retainContext;
    private readonly delegate* unmanaged<int, int> _releaseContext;
    private readonly delegate* unmanaged<nint, int> _setContext, _freeMemory, _freeHost, _destroyStream, _synchronize, _destroyEvent, _awaitEvent, _queryEvent, _unload;
    private readonly delegate* unmanaged<nuint*, nuint*, int> _memoryInfo;
    private readonly delegate* unmanaged<nint*, nuint, int> _allocate;
    private readonly delegate* unmanaged<nint*, nuint, uint, int> _hostAllocate;
    private readonly delegate* unmanaged<nint, nint, nuint, nint, int> _toDevice, _toHost, _within;
    private readonly delegate* unmanaged<nint, byte, nuint, nint, int> _set8;
    private readonly delegate* unmanaged<nint*, uint, int> _createStream, _createEvent;
    private readonly delegate* unmanaged<nint, nint, int> _recordEvent;
    private readonly delegate* unmanaged<float*, nint, nint, int> _elapsed;
    private readonly delegate* unmanaged<nint*, byte*, int> _loadModule;
    private readonly delegate* unmanaged<nint*, nint, byte*, int> _getFunction;
    private readonly delegate* unmanaged<nint, int, int, int> _setFunctionAttribute;
    private readonly delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int> _launch;

    /// <summary>Binds a loaded library and initialises it.</summary>
    /// <exception cref="CudaException">A function is missing, or the driver finds no usable GPU.</exception>
    public CudaDriver(nint library)
    {
        void* Bind(string name) => NativeLibrary.TryGetExport(library, name, out nint address)
            ? (void*)address
            : throw new CudaUnavailableException($"the CUDA driver lacks {name}: a driver for CUDA 12 or newer is needed");
        _getErrorName = (delegate* unmanaged<int, byte**, int>)Bind("cuGetErrorName");
        _getErrorString = (delegate* unmanaged<int, byte**, int>)Bind("cuGetErrorString");
        _getVersion = (delegate* unmanaged<int*, int>)Bind("cuDriverGetVersion");
        _getCount = (delegate* unmanaged<int*, int>)Bind("cuDeviceGetCount");
        _deviceGet = (delegate* unmanaged<int*, int, int>)Bind("cuDeviceGet");
        _deviceName = (delegate* unmanaged<byte*, int, int, int>)Bind("cuDeviceGetName");
        _totalMemory = (delegate* unmanaged<nuint*, int, int>)Bind("cuDeviceTotalMem_v2");
        _attribute = (delegate* unmanaged<int*, int, int, int>)Bind("cuDeviceGetAttribute");
        _retainContext = (delegate* unmanaged<nint*, int, int>)Bind("cuDevicePrimaryCtxRetain");
        _releaseContext = (delegate* unmanaged<int, int>)Bind("cuDevicePrimaryCtxRelease_v2");
        _setContext = (delegate* unmanaged<nint, int>)Bind("cuCtxSetCurrent");
        _memoryInfo = (delegate* unmanaged<nuint*, nuint*, int>)Bind("cuMemGetInfo_v2");
        _allocate = (delegate* unmanaged<nint*, nuint, int>)Bind("cuMemAlloc_v2");
        _freeMemory = (delegate* unmanaged<nint, int>)Bind("cuMemFree_v2");
        _hostAllocate = (delegate* unmanaged<nint*, nuint, uint, int>)Bind("cuMemHostAlloc");
        _freeHost = (delegate* unmanaged<nint, int>)Bind("cuMemFreeHost");
        _toDevice = (delegate* unmanaged<nint, nint, nuint, nint, int>)Bind("cuMemcpyHtoDAsync_v2");
        _toHost = (delegate* unmanaged<nint, nint, nuint, nint, int>)Bind("cuMemcpyDtoHAsync_v2");
        _within = (delegate* unmanaged<nint, nint, nuint, nint, int>)Bind("cuMemcpyDtoDAsync_v2");
        _set8 = (delegate* unmanaged<nint, byte, nuint, nint, int>)Bind("cuMemsetD8Async");
        _createStream = (delegate* unmanaged<nint*, uint, int>)Bind("cuStreamCreate");
        _destroyStream = (delegate* unmanaged<nint, int>)Bind("cuStreamDestroy_v2");
        _synchronize = (delegate* unmanaged<nint, int>)Bind("cuStreamSynchronize");
        _createEvent = (delegate* unmanaged<nint*, uint, int>)Bind("cuEventCreate");
        _destroyEvent = (delegate* unmanaged<nint, int>)Bind("cuEventDestroy_v2");
        _recordEvent = (delegate* unmanaged<nint, nint, int>)Bind("cuEventRecord");
        _awaitEvent = (delegate* unmanaged<nint, int>)Bind("cuEventSynchronize");
        _queryEvent = (delegate* unmanaged<nint, int>)Bind("cuEventQuery");
        _elapsed = (delegate* unmanaged<float*, nint, nint, int>)Bind("cuEventElapsedTime");
        _loadModule = (delegate* unmanaged<nint*, byte*, int>)Bind("cuModuleLoadData");
        _unload = (delegate* unmanaged<nint, int>)Bind("cuModuleUnload");
        _getFunction = (delegate* unmanaged<nint*, nint, byte*, int>)Bind("cuModuleGetFunction");
        _setFunctionAttribute = (delegate* unmanaged<nint, int, int, int>)Bind("cuFuncSetAttribute");
        _launch = (delegate* unmanaged<nint, uint, uint, uint, uint, uint, uint, uint, nint, void**, void**, int>)Bind("cuLaunchKernel");
        int code = ((delegate* unmanaged<uint, int>)Bind("cuInit"))(0);
        if (code != 0)
        {
            throw new CudaUnavailableException(Describe(code, "cuInit"));
        }
    }

    /// <summary>The newest CUDA version that the driver supports: 1000 major + 10 minor.</summary>
    public int Version
    {
        get
        {
            int version;
            Check(_getVersion(&version), "cuDriverGetVersion");
            return version;
        }
    }

    /// <summary>Number of GPUs.</summary>
    public int DeviceCount
    {
        get
        {
            int count;
            Check(_getCount(&count), "cuDeviceGetCount");
            return count;
        }
    }

    public int Device(int ordinal)
    {
        int device;
        Check(_deviceGet(&device, ordinal), "cuDeviceGet");
        return device;
    }

    public string DeviceName(int device)
    {
        byte* name = stackalloc byte[256];
        Check(_deviceName(name, 256, device), "cuDeviceGetName");
        return Marshal.PtrToStringUTF8((nint)name) ?? "";
    }

    public long TotalMemory(int device)
    {
        nuint bytes;
        Check(_totalMemory(&bytes, device), "cuDeviceTotalMem");
        return (long)bytes;
    }

    public int Attribute(DeviceAttribute attribute, int device)
    {
        int value;
        Check(_attribute(&value, (int)attribute, device), "cuDeviceGetAttribute");
        return value;
    }

    public nint RetainContext(int device)
    {
        nint context;
        Check(_retainContext(&context, device), "cuDevicePrimaryCtxRetain");
        return context;
    }

    public void ReleaseContext(int device) => Check(_releaseContext(device), "cuDevicePrimaryCtxRelease");

    public void SetContext(nint context) => Check(_setContext(context), "cuCtxSetCurrent");

    public (long Free, long Total) MemoryInfo()
    {
        nuint free, total;
        Check(_memoryInfo(&free, &total), "cuMemGetInfo");
        return ((long)free, (long)total);
    }

    /// <summary>Device memory, or 0 where none is left.</summary>
    public nint Allocate(long bytes)
    {
        nint address;
        int code = _allocate(&address, (nuint)bytes);
        if (code == OutOfMemory)
        {
            return 0;
        }

        Check(code, "cuMemAlloc");
        return address;
    }

    public void Free(nint address) => Check(_freeMemory(address), "cuMemFree");

    /// <summary>Page-locked host memory, which the GPU copies from and to by itself.</summary>
    public nint AllocateHost(long bytes)
    {
        nint address;
        Check(_hostAllocate(&address, (nuint)bytes, 0), "cuMemHostAlloc");
        return address;
    }

    public void FreeHost(nint address) => Check(_freeHost(address), "cuMemFreeHost");

    public void CopyToDevice(nint destination, nint source, long bytes, nint stream) =>
        Check(_toDevice(destination, source, (nuint)bytes, stream), "cuMemcpyHtoDAsync");

    public void CopyToHost(nint destination, nint source, long bytes, nint stream) =>
        Check(_toHost(destination, source, (nuint)bytes, stream), "cuMemcpyDtoHAsync");

    public void CopyWithin(nint destination, nint source, long bytes, nint stream) =>
        Check(_within(destination, source, (nuint)bytes, stream), "cuMemcpyDtoDAsync");

    public void SetBytes(nint destination, byte value, long bytes, nint stream) =>
        Check(_set8(destination, value, (nuint)bytes, stream), "cuMemsetD8Async");

    public nint CreateStream()
    {
        nint stream;
        Check(_createStream(&stream, NonBlockingStream), "cuStreamCreate");
        return stream;
    }

    public void DestroyStream(nint stream) => Check(_destroyStream(stream), "cuStreamDestroy");

    public void Synchronize(nint stream) => Check(_synchronize(stream), "cuStreamSynchronize");

    public nint CreateEvent(bool timing)
    {
        nint made;
        Check(_createEvent(&made, timing ? 0u : EventWithoutTiming), "cuEventCreate");
        return made;
    }

    public void DestroyEvent(nint handle) => Check(_destroyEvent(handle), "cuEventDestroy");

    public void Record(nint handle, nint stream) => Check(_recordEvent(handle, stream), "cuEventRecord");

    public void Await(nint handle) => Check(_awaitEvent(handle), "cuEventSynchronize");

    public bool HasHappened(nint handle)
    {
        int code = _queryEvent(handle);
        if (code == NotReady)
        {
            return false;
        }

        Check(code, "cuEventQuery");
        return true;
    }

    /// <summary>Milliseconds between two recorded events that were made with timing.</summary>
    public float Milliseconds(nint start, nint end)
    {
        float milliseconds;
        Check(_elapsed(&milliseconds, start, end), "cuEventElapsedTime");
        return milliseconds;
    }

    public nint LoadModule(ReadOnlySpan<byte> image)
    {
        nint module;
        fixed (byte* p = image)
        {
            Check(_loadModule(&module, p), "cuModuleLoadData");
        }

        return module;
    }

    public void Unload(nint module) => Check(_unload(module), "cuModuleUnload");

    public nint Function(nint module, string name)
    {
        nint function;
        nint text = Marshal.StringToCoTaskMemUTF8(name);
        try
        {
            Check(_getFunction(&function, module, (byte*)text), $"cuModuleGetFunction {name}");
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }

        return function;
    }

    /// <summary>Allows a kernel more dynamic shared memory than the 48 KiB that are free to use.</summary>
    public void AllowSharedMemory(nint function, int bytes)
    {
        const int MaxDynamicSharedBytes = 8;
        Check(_setFunctionAttribute(function, MaxDynamicSharedBytes, bytes), "cuFuncSetAttribute");
    }

    /// <summary>Starts a kernel whose only parameter is a struct.</summary>
    public void Launch<T>(nint function, in LaunchShape shape, T parameters, nint stream)
        where T : unmanaged
    {
        // CU_LAUNCH_PARAM_BUFFER_POINTER = 1, CU_LAUNCH_PARAM_BUFFER_SIZE = 2, CU_LAUNCH_PARAM_END = 0: the driver checks the size.
        nuint bytes = (nuint)sizeof(T);
        void** extra = stackalloc void*[5] { (void*)1, &parameters, (void*)2, &bytes, null };
        int code = _launch(function, shape.GridX, shape.GridY, shape.GridZ, shape.Threads, 1, 1, shape.SharedBytes, stream, null, extra);
        if (code != 0)
        {
            Fail(code, $"cuLaunchKernel ({typeof(T).Name}, {shape})");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Check(int code, string call)
    {
        if (code != 0)
        {
            Fail(code, call);
        }
    }

    private void Fail(int code, string call) => throw new CudaException(Describe(code, call));

    private string Describe(int code, string call)
    {
        byte* name = null, text = null;
        _ = _getErrorName(code, &name);
        _ = _getErrorString(code, &text);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{call}: {Marshal.PtrToStringUTF8((nint)text) ?? "unknown error"} ({Marshal.PtrToStringUTF8((nint)name) ?? "CUDA error"}, {code})");
    }
}

/// <summary>Blocks of a launch, threads of a block and dynamic shared memory of each block in bytes.</summary>
internal readonly record struct LaunchShape(uint GridX, uint GridY, uint GridZ, uint Threads, uint SharedBytes)
{
    public LaunchShape(long blocks, int threads)
        : this(checked((uint)blocks), 1, 1, (uint)threads, 0)
    {
    }
}

/// <summary>Numbers of <c>CUdevice_attribute</c>.</summary>
internal enum DeviceAttribute
{
    Multiprocessors = 16,
    L2Bytes = 38,
    ComputeCapabilityMajor = 75,
    ComputeCapabilityMinor = 76,
    SharedBytesPerBlock = 97,
}
