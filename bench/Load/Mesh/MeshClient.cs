using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace WorkerMesh.Load.Mesh;

/// <summary>The gateway's API, over as many kept-alive connections as calls are under way.</summary>
internal sealed class MeshClient(Uri gateway) : IDisposable
{
    private const int LeaseSeconds = 3600;
    private const int MaxSaid = 300;
    private static readonly byte[] Beat = """{"current_load": 0.42, "active_requests": 3}"""u8.ToArray();

    private readonly ConcurrentBag<HttpConnection> idle = [];
    private readonly HttpClient events = new(new SocketsHttpHandler { UseProxy = false });

    public void Dispose()
    {
        events.Dispose();
        while (idle.TryTake(out var connection))
        {
            connection.Dispose();
        }
    }

    /// <summary>What is registered, and what etcd stores of it.</summary>
    /// <param name="url">Where the worker is.</param>
    /// <param name="service">Its one service type.</param>
    /// <param name="sent">A time that watchers are told, in ticks; 0 for none.</param>
    public static byte[] Registration(string url, string service, long sent = 0) => Encoding.UTF8.GetBytes($$"""
        {
          "url": "{{url}}", "services": ["{{service}}"], "lease_seconds": {{LeaseSeconds}},
          "capabilities": {"gpu": true, "vram": 24, "sent": {{sent}}}
        }
        """);

    /// <summary>Registers a worker durably, without a look at whether it can be reached.</summary>
    public Task RegisterAsync(string worker, byte[] registration) =>
        SendAsync("PUT", $"/api/workers/{worker}?check=false", registration);

    public Task HeartbeatAsync(string worker) => SendAsync("POST", $"/api/workers/{worker}/heartbeat", Beat);

    /// <summary>Renews many leases with one request; each must be renewed.</summary>
    public Task HeartbeatsAsync(byte[] batch, int workers) => SendAsync("POST", "/api/workers/heartbeats", batch, answer =>
    {
        using var document = JsonDocument.Parse(answer);
        return document.RootElement.GetProperty("renewed").GetInt32() == workers;
    });

    /// <summary>The body of a batch.</summary>
    public static byte[] Batch(IEnumerable<string> workers)
    {
        var beats = workers.Select(w => $$"""{"worker_id": "{{w}}", "current_load": 0.42, "active_requests": 3}""");
        return Encoding.UTF8.GetBytes($$"""{"workers": [{{string.Join(", ", beats)}}]}""");
    }

    /// <summary>The events of a service type, line by line.</summary>
    public async Task<StreamReader> FollowAsync(string service) =>
        new(await events.GetStreamAsync(new Uri(gateway, $"/api/services/{service}/events")));

    private async Task SendAsync(string method, string path, byte[] body, Predicate<ReadOnlyMemory<byte>>? isRight = null)
    {
        if (!idle.TryTake(out var connection))
        {
            connection = await HttpConnection.OpenAsync(gateway);
        }

        try
        {
            var (status, answer) = await connection.SendAsync(method, path, body);
            if (status is not (200 or 201) || isRight?.Invoke(answer) == false)
            {
                // Of a long one the end, where the sums are.
                var said = Encoding.UTF8.GetString(answer.Span[^Math.Min(answer.Length, MaxSaid)..]);
                throw new HttpRequestException($"{path}: {status} {said}");
            }
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            connection.Dispose();
            throw;
        }

        idle.Add(connection);
    }
}
