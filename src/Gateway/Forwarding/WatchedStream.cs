namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// A stream whose bytes count as progress: a request's body as it is read from the client, or an answer's as it is read
/// from the worker. What is read is written on before the next read, so that a read that begins is progress as well.
/// </summary>
internal sealed class WatchedStream(Stream inner, ProgressWatch watch, bool fromClient) : Stream
{
    public override bool CanRead => inner.CanRead;

    public override bool CanSeek => false;

    /// <summary>After an upgrade both directions are one stream.</summary>
    public override bool CanWrite => inner.CanWrite;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        watch.OnProgress();
        if (!fromClient)
        {
            var received = await inner.ReadAsync(buffer, cancellationToken);
            watch.OnProgress();
            return received;
        }

        watch.OnReadingClient(begins: true);
        try
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            watch.OnProgress();
            // Reads of nothing only wait.
            if (read == 0 && buffer.Length > 0)
            {
                watch.OnRequestEnded();
            }

            return read;
        }
        finally
        {
            watch.OnReadingClient(begins: false);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await inner.WriteAsync(buffer, cancellationToken);
        watch.OnProgress();
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        // A client's body is the server's to end.
        if (disposing && !fromClient)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
