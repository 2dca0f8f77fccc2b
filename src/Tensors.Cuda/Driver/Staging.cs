namespace Lorikeet.Tensors.Cuda.Driver;

/// <summary>
/// Copies between host and GPU through page-locked memory: the host fills one part of a ring while the GPU still reads
/// others, and waits only when it has gone round.
/// </summary>
internal sealed unsafe class Staging : IDisposable
{
    private const int Parts = 4;
    private const long PartBytes = 4L << 20;
    private const long DownloadBytes = 1L << 20;
    private readonly CudaDriver _driver;
    private readonly nint _stream;
    private readonly nint _ring, _landing;
    private readonly nint[] _read = new nint[Parts];
    private readonly bool[] _pending = new bool[Parts];
    private int _part;
    private long _used;

    public Staging(CudaDriver driver, nint stream)
    {
        _driver = driver;
        _stream = stream;
        _ring = driver.AllocateHost(Parts * PartBytes);
        _landing = driver.AllocateHost(DownloadBytes + Fault.Bytes);
        for (int i = 0; i < Parts; i++)
        {
            _read[i] = driver.CreateEvent(timing: false);
        }
    }

    public void Upload(byte* source, long bytes, nint destination)
    {
        while (bytes > 0)
        {
            if (_used == PartBytes)
            {
                Turn();
            }

            long count = Math.Min(bytes, PartBytes - _used);
            byte* at = (byte*)_ring + (_part * PartBytes) + _used;
            Buffer.MemoryCopy(source, at, count, count);
            _driver.CopyToDevice(destination, (nint)at, count, _stream);
            _used += count;
            source += count;
            destination += (nint)count;
            bytes -= count;
        }
    }

    public void Download(nint source, Span<byte> destination, nint faults, ref Fault fault)
    {
        byte* landing = (byte*)_landing;
        _driver.CopyToHost((nint)(landing + DownloadBytes), faults, Fault.Bytes, _stream);
        bool waited = false;
        while (!destination.IsEmpty)
        {
            int count = (int)Math.Min(destination.Length, DownloadBytes);
            _driver.CopyToHost(_landing, source, count, _stream);
            _driver.Synchronize(_stream);
            waited = true;
            new ReadOnlySpan<byte>(landing, count).CopyTo(destination);
            destination = destination[count..];
            source += count;
        }

        if (!waited)
        {
            _driver.Synchronize(_stream);
        }

        fault = *(Fault*)(landing + DownloadBytes);
    }

    public void Dispose()
    {
        _driver.FreeHost(_ring);
        _driver.FreeHost(_landing);
        foreach (nint handle in _read)
        {
            _driver.DestroyEvent(handle);
        }
    }

    /// <summary>Goes on to the next part of the ring once the GPU has read what it held.</summary>
    private void Turn()
    {
        _driver.Record(_read[_part], _stream);
        _pending[_part] = true;
        _part = (_part + 1) % Parts;
        _used = 0;
        if (_pending[_part])
        {
            _driver.Await(_read[_part]);
            _pending[_part] = false;
        }
    }
}
