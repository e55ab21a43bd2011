using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>
/// The bytes of a worker's answer. Where the first of them are not there with the headers, the client is sent the headers
/// at once: the forwarder by itself holds them back until there is more, and a stream of events may begin with a long
/// silence. Where a watch is kept, bytes are progress; what is read is written on before the next read, so that a read
/// that begins is progress as well.
/// </summary>
/// <param name="inner">The worker's.</param>
/// <param name="early">Whose headers to send early; null where they may wait.</param>
/// <param name="watch">The watch, if one is kept.</param>
internal sealed class AnswerStream(Stream inner, HttpResponse? early, ProgressWatch? watch) : PassingStream(inner)
{
    private HttpResponse? early = early;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        watch?.OnProgress();
        var read = Inner.ReadAsync(buffer, cancellationToken);
        if (early is null && watch is null)
        {
            return read;
        }

        if (read.IsCompletedSuccessfully)
        {
            early = null;
            watch?.OnProgress();
            return read;
        }

        return Await(read, cancellationToken);
    }

    /// <summary>After an upgrade the client's bytes go to the worker through the same stream.</summary>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await Inner.WriteAsync(buffer, cancellationToken);
        watch?.OnProgress();
    }

    private async ValueTask<int> Await(ValueTask<int> read, CancellationToken cancellationToken)
    {
        if (early is not null)
        {
            // The forwarder waits for this read before it writes anything itself.
            await early.Body.FlushAsync(cancellationToken);
            early = null;
        }

        var received = await read;
        watch?.OnProgress();
        return received;
    }
}
