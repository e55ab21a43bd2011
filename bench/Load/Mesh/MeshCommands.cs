using System.Diagnostics;
using System.Text.Json;

namespace WorkerMesh.Load.Mesh;

/// <summary>What is measured of a gateway.</summary>
internal static class MeshCommands
{
    private const string Upstream = "http://127.0.0.1:9";

    /// <summary>
    /// Durable registrations: each call another worker, each client's in a service type of its own.
    /// </summary>
    public static async Task<Measurement> RegisterAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        var prefix = arguments.Text("prefix");
        return await ClosedLoop.RunAsync(
            arguments.Number("clients", 64),
            arguments.Duration,
            (client, n) => mesh.RegisterAsync(
                $"{prefix}-{client}-{n}", MeshClient.Registration(Upstream, $"{prefix}-{client % 64}")));
    }

    /// <summary>
    /// Registers a number of workers, so many in each service type: <c>{prefix}-{n}</c> in <c>{prefix}-{n / each}</c>, at
    /// the upstreams in turn.
    /// </summary>
    public static async Task<Measurement> FillAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        var prefix = arguments.Text("prefix");
        var clients = arguments.Number("clients", 64);
        var each = arguments.Number("each", int.MaxValue);
        var upstreams = arguments.Text("upstreams", Upstream).Split(',');
        return await ClosedLoop.RunAsync(clients, arguments.Number("workers", 1000), (client, n) =>
        {
            var number = client + (n * clients);
            return mesh.RegisterAsync(
                $"{prefix}-{number}", MeshClient.Registration(upstreams[number % upstreams.Length], $"{prefix}-{number / each}"));
        });
    }

    /// <summary>Heartbeats one by one, of workers that were registered by <see cref="FillAsync"/>.</summary>
    public static async Task<Measurement> HeartbeatAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        var prefix = arguments.Text("prefix");
        var clients = arguments.Number("clients", 64);
        var each = arguments.Number("workers", 1000) / clients;
        return await ClosedLoop.RunAsync(
            clients, arguments.Duration, (client, n) => mesh.HeartbeatAsync($"{prefix}-{(client * each) + (n % each)}"));
    }

    /// <summary>Heartbeats in batches, each client the same workers in each of its batches.</summary>
    public static async Task<Measurement> HeartbeatsAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        var prefix = arguments.Text("prefix");
        var clients = arguments.Number("clients", 4);
        var size = arguments.Number("batch", 500);
        var batches = Enumerable.Range(0, clients)
            .Select(client => MeshClient.Batch(Enumerable.Range(client * size, size).Select(n => $"{prefix}-{n}")))
            .ToArray();
        return await ClosedLoop.RunAsync(
            clients, arguments.Duration, (client, _) => mesh.HeartbeatsAsync(batches[client], size), size);
    }

    /// <summary>
    /// Heartbeats, or registrations that replace those of the same workers, that arrive at a rate beside what else is
    /// measured.
    /// </summary>
    public static async Task<Measurement> BackgroundAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        var prefix = arguments.Text("prefix");
        var workers = arguments.Number("workers", 1000);
        var upstreams = arguments.Text("upstreams", Upstream).Split(',');
        return await PacedLoop.RunAsync(
            arguments.Duration,
            (arguments.Number("heartbeats", 1000), n => mesh.HeartbeatAsync($"{prefix}-{n % workers}")),
            (arguments.Number("registrations", 100), n => mesh.RegisterAsync(
                $"{prefix}-{n % workers}",
                MeshClient.Registration(upstreams[n % workers % upstreams.Length], arguments.Text("service")))));
    }

    /// <summary>
    /// Says "ready" once it follows a service type, then counts registrations and how long after they were sent, by the
    /// time that <see cref="AnnounceAsync"/> put into them, it was told.
    /// </summary>
    public static async Task<Measurement> WatchAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        using var events = await mesh.FollowAsync(arguments.Text("service"));
        return await Watching.RunAsync(arguments, async seen =>
        {
            while (await events.ReadLineAsync() is { } line)
            {
                if (line.StartsWith("event: snapshot", StringComparison.Ordinal))
                {
                    seen.Begin();
                }
                else if (line.StartsWith("data: ", StringComparison.Ordinal) && seen.HasBegun)
                {
                    var now = Stopwatch.GetTimestamp();
                    using var document = JsonDocument.Parse(line.AsMemory(6));
                    if (document.RootElement.TryGetProperty("capabilities", out var capabilities)
                        && seen.Add(capabilities.GetProperty("sent").GetInt64(), now))
                    {
                        return;
                    }
                }
            }
        });
    }

    /// <summary>Registers a number of workers one after the other, a time apart, for watchers to see.</summary>
    public static async Task<Measurement> AnnounceAsync(Arguments arguments)
    {
        using var mesh = Connect(arguments);
        var (prefix, service) = (arguments.Text("prefix"), arguments.Text("service"));
        return await Watching.AnnounceAsync(
            arguments,
            (n, sent) => mesh.RegisterAsync($"{prefix}-{n}", MeshClient.Registration(Upstream, service, sent)));
    }

    private static MeshClient Connect(Arguments arguments) => new(new Uri(arguments.Text("url")));
}
