using Grpc.Net.Client;

namespace WorkerMesh.Load.Etcd;

/// <summary>
/// Connections to one etcd by its v3 API over gRPC, which is what its own clients speak and takes it less than the JSON
/// over HTTP that it offers beside. Several, because one HTTP/2 connection keeps it from using all processors.
/// </summary>
internal sealed class EtcdClient : IDisposable
{
    private readonly GrpcChannel[] channels;

    public EtcdClient(Arguments arguments)
    {
        channels = [.. Enumerable.Range(0, arguments.Number("channels", 4)).Select(_ => GrpcChannel.ForAddress(arguments.Text("url")))];
        KeyValues = [.. channels.Select(c => new KV.KVClient(c))];
        Leases = [.. channels.Select(c => new Lease.LeaseClient(c))];
        Watches = new(channels[0]);
    }

    /// <summary>One for each connection, as the leases below.</summary>
    public KV.KVClient[] KeyValues { get; }

    public Lease.LeaseClient[] Leases { get; }

    public Watch.WatchClient Watches { get; }

    /// <summary>New leases of an hour.</summary>
    public async Task<long[]> GrantAsync(int count)
    {
        var leases = new long[count];
        for (var n = 0; n < count; n++)
        {
            leases[n] = (await Leases[n % Leases.Length].LeaseGrantAsync(new() { TTL = 3600 })).ID;
        }

        return leases;
    }

    public void Dispose()
    {
        foreach (var channel in channels)
        {
            channel.Dispose();
        }
    }
}
