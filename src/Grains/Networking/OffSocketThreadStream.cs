namespace WorkerMesh.Grains.Networking;

/// <summary>
/// A network stream whose readers and writers go on in the thread pool, and never in the thread that hears of all sockets
/// (docs/decisions/0012). For TLS, whose handshakes take their time.
/// </summary>
public sealed class OffSocketThreadStream(Stream inner) : PassingStream(inner)
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = Inner.ReadAsync(buffer, cancellationToken);
        // What is there already goes on where it is.
        return read.IsCompletedSuccessfully ? read : Leave(read.AsTask());
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var write = Inner.WriteAsync(buffer, cancellationToken);
        return write.IsCompletedSuccessfully ? write : Leave(write.AsTask());
    }

    private static async ValueTask<int> Leave(Task<int> read)
    {
        await ((Task)read).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await PoolThread.Enter();
        return await read;
    }

    private static async ValueTask Leave(Task write)
    {
        await write.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await PoolThread.Enter();
        await write;
    }
}
