using System.Diagnostics.CodeAnalysis;
using WorkerMesh.Grains.Registry;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Gateway.Routing;

/// <summary>A worker on one route: what the registry said of it last, and this gateway's link to it.</summary>
internal sealed class Instance
{
    private const int NoLimit = 0;

    private InstanceInfo info;

    // What a choice reads of the above, which would cost it two more misses of the cache for each of two candidates
    // where there are thousands.
    private double load;
    private int weight;
    private int limit;

    public Instance(WorkerLink link, InstanceInfo info, RequestQueue? queue = null)
    {
        Link = link;
        Queue = queue;
        Update(info);
    }

    public WorkerLink Link { get; }

    /// <summary>Where requests of its route wait for a place; null where none can.</summary>
    public RequestQueue? Queue { get; }

    /// <summary>Where <see cref="RouteTiers"/> has put it; its own, under the route's lock.</summary>
    public int? Tier { get; set; }

    public int Place { get; set; }

    /// <summary>Immutable and replaced as a whole: a request reads it once.</summary>
    public InstanceInfo Info => Volatile.Read(ref info);

    /// <summary>The load it reported, 0 or more; like what follows as of <see cref="Info"/>, or a moment older.</summary>
    public double Load => Volatile.Read(ref load);

    public int Weight => Volatile.Read(ref weight);

    /// <summary>How many requests it takes at once; null where it does not say.</summary>
    public int? MaxConcurrency => Volatile.Read(ref limit) is var most and not NoLimit ? most : null;

    [MemberNotNull(nameof(info))]
    public void Update(InstanceInfo next)
    {
        Volatile.Write(ref info, next);
        Volatile.Write(ref load, next.Load);
        Volatile.Write(ref weight, next.Registration.Weight);
        Volatile.Write(ref limit, next.Registration.MaxConcurrency ?? NoLimit);
    }
}

/// <summary>What the registry says of an instance.</summary>
/// <param name="Incarnation">Its incarnation.</param>
/// <param name="Registration">Its registration.</param>
/// <param name="State">Its state.</param>
/// <param name="Load">The load it reported, 0 or more.</param>
/// <param name="ActiveRequests">The requests in flight that it reported, from all gateways.</param>
/// <param name="Version">The version at which it last changed.</param>
/// <param name="Unreachable">Whether some gateway can't connect to it.</param>
internal sealed record InstanceInfo(
    long Incarnation,
    Registration Registration,
    WorkerState State,
    double Load,
    int ActiveRequests,
    long Version,
    bool Unreachable = false)
{
    public static InstanceInfo From(InstanceChange change, Registration registration) =>
        new(change.Incarnation, registration, change.State, change.Load, change.ActiveRequests, change.Version,
            change.Unreachable);
}
