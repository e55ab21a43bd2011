using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Registry;

namespace WorkerMesh.Gateway.Routing;

/// <summary>What happened to an instance.</summary>
internal enum RouteEventKind
{
    Added,
    Changed,
    Removed,
}

/// <summary>One thing that happened on a route.</summary>
/// <param name="Version">The registry's version of it.</param>
/// <param name="Kind">What happened.</param>
/// <param name="Id">The worker.</param>
/// <param name="Info">The instance after it; for a removal, before it.</param>
internal sealed record RouteEvent(long Version, RouteEventKind Kind, WorkerId Id, InstanceInfo Info);

/// <summary>
/// The last events of a route, so that whoever follows it gets what is new at the cost of what is new. Bounded: who is
/// further behind starts over from a snapshot.
/// </summary>
internal sealed class RouteHistory
{
    private const int Capacity = 1024;

    private readonly Lock gate = new();
    private readonly Queue<RouteEvent> events = new();
    private RegistryVersion? latest;
    private long completeSince;

    public void Add(RouteEvent added)
    {
        lock (gate)
        {
            events.Enqueue(added);
            while (events.Count > Capacity)
            {
                completeSince = events.Dequeue().Version;
            }
        }
    }

    /// <summary>All events up to this version have been added.</summary>
    public void Advance(RegistryVersion version)
    {
        lock (gate)
        {
            if (latest?.Epoch != version.Epoch)
            {
                // Versions of another activation can't be told apart from these.
                events.Clear();
                completeSince = version.Version;
            }

            latest = version;
        }
    }

    /// <summary>What happened after a version, in order; null where that is no longer known.</summary>
    public IReadOnlyList<RouteEvent>? Since(long epoch, long version)
    {
        lock (gate)
        {
            return latest?.Epoch == epoch && version >= completeSince && version <= latest?.Version
                ? events.Where(e => e.Version > version).OrderBy(e => e.Version).ToList()
                : null;
        }
    }
}
