using WorkerMesh.Grains.Time;

namespace WorkerMesh.Gateway.Hosting;

/// <summary>Counts and says, not too often, that clients are refused because this gateway is short of something.</summary>
internal sealed partial class Shortage(TimeProvider clock, ILogger<Shortage> logger)
{
    private readonly Pace warnings = new(TimeSpan.FromSeconds(10), clock);
    private long refusedConnections;
    private long refusedRequests;

    /// <summary>Connections of clients that were closed at once.</summary>
    public long RefusedConnections => Volatile.Read(ref refusedConnections);

    /// <summary>Requests that got 503 before anything was done for them.</summary>
    public long RefusedRequests => Volatile.Read(ref refusedRequests);

    public void OnRefusedConnection(string of)
    {
        Interlocked.Increment(ref refusedConnections);
        Warn(of);
    }

    public void OnRefusedRequest(string of)
    {
        Interlocked.Increment(ref refusedRequests);
        Warn(of);
    }

    public void Warn(string of)
    {
        if (warnings.IsDue())
        {
            LogShort(of, RefusedConnections, RefusedRequests);
        }
    }

    [LoggerMessage(3310, LogLevel.Warning,
        "This gateway is short of {Of}. So far {Connections} connections of clients were closed at once, and {Requests} requests "
        + "refused with 503. Raise the limit, or add gateways.")]
    private partial void LogShort(string of, long connections, long requests);
}
