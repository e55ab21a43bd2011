using System.Diagnostics;
using System.Text.Json;
using Google.Protobuf;
using WorkerMesh.Load.Mesh;

namespace WorkerMesh.Load.Etcd;

/// <summary>The same of etcd.</summary>
internal static class EtcdCommands
{
    private const string Upstream = "http://127.0.0.1:9";

    /// <summary>
    /// Puts of what a worker registers, each call another key, with a lease. Each client's lease is granted before: that
    /// would be another durable write.
    /// </summary>
    public static async Task<Measurement> PutAsync(Arguments arguments)
    {
        using var etcd = new EtcdClient(arguments);
        var prefix = arguments.Text("prefix");
        var clients = arguments.Number("clients", 64);
        var leases = await etcd.GrantAsync(clients);
        return await ClosedLoop.RunAsync(clients, arguments.Duration, async (client, n) =>
            await etcd.KeyValues[client % etcd.KeyValues.Length].PutAsync(new()
            {
                Key = ByteString.CopyFromUtf8($"{prefix}-{client % 64}/{prefix}-{client}-{n}"),
                Value = UnsafeByteOperations.UnsafeWrap(MeshClient.Registration(Upstream, $"{prefix}-{client % 64}")),
                Lease = leases[client],
            }));
    }

    /// <summary>A number of keys below <c>{prefix}/</c>, each of so many bytes, for ranges to find.</summary>
    public static async Task<Measurement> FillAsync(Arguments arguments)
    {
        using var etcd = new EtcdClient(arguments);
        var prefix = arguments.Text("prefix");
        var value = ByteString.CopyFrom(new byte[arguments.Number("bytes", 300)].Select(_ => (byte)'x').ToArray());
        return await ClosedLoop.RunAsync(8, arguments.Number("workers", 100), async (client, n) =>
            await etcd.KeyValues[0].PutAsync(new() { Key = ByteString.CopyFromUtf8($"{prefix}/{client}-{n}"), Value = value }));
    }

    /// <summary>
    /// Lease keep-alives: streams, each with its own leases in turn and so many requests under way.
    /// </summary>
    public static async Task<Measurement> KeepAliveAsync(Arguments arguments)
    {
        using var etcd = new EtcdClient(arguments);
        var clients = arguments.Number("clients", 64);
        var depth = arguments.Number("depth", 1);
        var leases = await etcd.GrantAsync(arguments.Number("workers", 1000));
        var each = leases.Length / clients;
        var streams = Enumerable.Range(0, clients)
            .Select(client => new KeepAliveStream(
                etcd.Leases[client % etcd.Leases.Length].LeaseKeepAlive(), leases.AsMemory(client * each, each)))
            .ToArray();
        var measured = await ClosedLoop.RunAsync(clients, arguments.Duration, (client, _) => streams[client].RenewAsync(depth), depth);
        foreach (var stream in streams)
        {
            stream.Dispose();
        }

        return measured;
    }

    /// <summary>As <see cref="MeshCommands.WatchAsync"/>.</summary>
    public static async Task<Measurement> WatchAsync(Arguments arguments)
    {
        using var etcd = new EtcdClient(arguments);
        using var watch = etcd.Watches.Watch();
        var service = arguments.Text("service");
        await watch.RequestStream.WriteAsync(new()
        {
            CreateRequest = new()
            {
                Key = ByteString.CopyFromUtf8($"{service}/"),
                // The first key that does not begin so: '0' follows '/'.
                RangeEnd = ByteString.CopyFromUtf8($"{service}0"),
            },
        });
        return await Watching.RunAsync(arguments, async seen =>
        {
            while (await watch.ResponseStream.MoveNext(CancellationToken.None))
            {
                var now = Stopwatch.GetTimestamp();
                if (watch.ResponseStream.Current.Created)
                {
                    seen.Begin();
                }

                foreach (var happened in watch.ResponseStream.Current.Events)
                {
                    using var document = JsonDocument.Parse(happened.Kv.Value.Memory);
                    if (seen.Add(document.RootElement.GetProperty("capabilities").GetProperty("sent").GetInt64(), now))
                    {
                        return;
                    }
                }
            }
        });
    }

    /// <summary>As <see cref="MeshCommands.AnnounceAsync"/>.</summary>
    public static async Task<Measurement> AnnounceAsync(Arguments arguments)
    {
        using var etcd = new EtcdClient(arguments);
        var (prefix, service) = (arguments.Text("prefix"), arguments.Text("service"));
        var lease = (await etcd.GrantAsync(1))[0];
        return await Watching.AnnounceAsync(arguments, async (n, sent) => await etcd.KeyValues[0].PutAsync(new()
        {
            Key = ByteString.CopyFromUtf8($"{service}/{prefix}-{n}"),
            Value = UnsafeByteOperations.UnsafeWrap(MeshClient.Registration(Upstream, service, sent)),
            Lease = lease,
        }));
    }
}
