using WorkerMesh.Grains.Networking;

namespace WorkerMesh.Gateway.Forwarding;

/// <summary>A worker's connection, whose <see cref="FairReads"/> hold up nobody.</summary>
internal sealed class FairStream(Stream inner) : PassingStream(inner)
{
    private FairReads reads;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        reads.Count(Inner.ReadAsync(buffer, cancellationToken));
}
