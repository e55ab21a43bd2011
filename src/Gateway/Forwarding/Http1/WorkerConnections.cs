using System.Collections.Concurrent;
using System.Net.Sockets;
using WorkerMesh.Gateway.Hosting;
using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Forwarding.Http1;

/// <summary>The connections to all workers that are spoken to in HTTP/1.1 without TLS, by URL.</summary>
internal sealed class WorkerConnections : IDisposable
{
    private static readonly TimeSpan SweepInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan BetweenClosing = TimeSpan.FromMilliseconds(100);

    /// <summary>A URL that no request went to for so long is forgotten.</summary>
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, WorkerEndpoint?> endpoints = new(StringComparer.Ordinal);
    private readonly OpenFiles files;
    private readonly TimeProvider clock;
    private readonly ITimer sweeper;

    /// <summary>Not for each of the many requests that then come: it goes through all workers.</summary>
    private readonly Pace closing;

    public WorkerConnections(OpenFiles files, TimeProvider clock)
    {
        this.files = files;
        this.clock = clock;
        closing = new(BetweenClosing, clock);
        sweeper = clock.CreateTimer(static c => ((WorkerConnections)c!).Sweep(), this, SweepInterval, SweepInterval);
    }

    /// <summary>Where a URL leads; null where the scheme is another.</summary>
    public WorkerEndpoint? Find(string url, TimeSpan now)
    {
        if (!endpoints.TryGetValue(url, out var endpoint))
        {
            endpoint = endpoints.GetOrAdd(url, static (url, clock) => WorkerEndpoint.Of(url, clock), clock);
        }

        endpoint?.UsedAt = now;
        return endpoint;
    }

    /// <summary>Makes a connection.</summary>
    /// <exception cref="SocketException">It could not be made, or not in time.</exception>
    /// <exception cref="OperationCanceledException">The client went away.</exception>
    public async Task<WorkerConnection> Connect(WorkerEndpoint endpoint, TimeSpan limit, CancellationToken clientGone)
    {
        var socket = Open();
        try
        {
            using var timer = new CancellationTokenSource(limit, clock);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(clientGone, timer.Token);
            await socket.ConnectAsync(endpoint.EndPoint, either.Token);
            return new(socket, clock);
        }
        catch (OperationCanceledException) when (!clientGone.IsCancellationRequested)
        {
            socket.Dispose();
            throw new SocketException((int)SocketError.TimedOut);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        sweeper.Dispose();
        CloseResting();
    }

    /// <summary>Where there is no room for another connection, those that rest make it.</summary>
    private Socket Open()
    {
        try
        {
            return files.OpenToWorker();
        }
        catch (SocketException e) when (OpenFiles.AreUsedUp(e.SocketErrorCode) && closing.IsDue())
        {
            CloseResting();
            return files.OpenToWorker();
        }
    }

    private void CloseResting()
    {
        foreach (var endpoint in endpoints.Values)
        {
            endpoint?.Pool.Close();
        }
    }

    private void Sweep()
    {
        var now = clock.Elapsed();
        foreach (var (url, endpoint) in endpoints)
        {
            endpoint?.Pool.Sweep();
            if (endpoint is null || (now - endpoint.UsedAt > Forgotten && endpoint.Pool.IsEmpty))
            {
                endpoints.TryRemove(url, out _);
            }
        }
    }
}
