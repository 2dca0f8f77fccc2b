namespace Lorikeet.Nn.Weights;

/// <summary>A write-only window that lets exactly so many bytes through, so that no tensor can shift its neighbours.</summary>
internal sealed class ExactLengthStream(Stream inner, long length, string what) : Stream
{
    private long _written;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _written;

    public override long Position
    {
        get => _written;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (buffer.Length > length - _written)
        {
            throw new InvalidOperationException($"{what}: more than the {length} bytes of its shape were delivered.");
        }

        inner.Write(buffer);
        _written += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Checks that everything has come.</summary>
    public void Finish()
    {
        if (_written != length)
        {
            throw new InvalidOperationException($"{what}: {_written} bytes were delivered; its shape takes {length}.");
        }
    }

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
