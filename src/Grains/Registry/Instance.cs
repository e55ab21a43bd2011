using WorkerMesh.Grains.Identity;
using WorkerMesh.Grains.Workers;

namespace WorkerMesh.Grains.Registry;

/// <summary>
/// One worker as a registry holds it, or the memory of a removed one. A node of the table's list of changes.
/// </summary>
internal sealed class Instance(WorkerId id)
{
    public WorkerId Id { get; } = id;

    public long Incarnation { get; set; }

    public required Registration Registration { get; set; }

    public bool IsPrimary { get; set; }

    public bool Draining { get; set; }

    public bool Degraded { get; set; }

    public double Load { get; set; }

    public double AnnouncedLoad { get; set; }

    public int ActiveRequests { get; set; }

    /// <summary>Until when gateways should avoid it because one of them can't connect to it.</summary>
    public TimeSpan UnreachableUntil { get; set; }

    /// <summary>Whether that was announced last.</summary>
    public bool Unreachable { get; set; }

    public TimeSpan LeaseEnd { get; set; }

    /// <summary>Whether the lease ran out and nothing was heard since.</summary>
    public bool Lapsed { get; set; }

    public TimeSpan LapsedAt { get; set; }

    /// <summary>Whether it lapsed within the window that self-preservation looks at.</summary>
    public bool InLapseWindow { get; set; }

    /// <summary>Which of its entries in the queue of leases counts.</summary>
    public int LeaseEntry { get; set; }

    /// <summary>Whether it lapsed together with most others.</summary>
    public bool Suspected { get; set; }

    public bool Removed { get; set; }

    /// <summary>The state that was announced last.</summary>
    public WorkerState State { get; set; }

    public long AddedVersion { get; set; }

    /// <summary>The version at which the registration last changed: watchers from before it need it in full.</summary>
    public long RegisteredVersion { get; set; }

    public long Version { get; set; }

    public Instance? Older { get; set; }

    public Instance? Newer { get; set; }

    public WorkerState CurrentState() => WorkerLifecycle.StateOf(!Lapsed, Suspected, Draining, Degraded);

    /// <summary>The lease as a heartbeat renews it that comes here on another way than by the worker's grain.</summary>
    public HeldLease ToLease(int number, Heartbeat beat, TimeSpan now)
    {
        var next = new Liveness(now, Degraded, Load: Load, ActiveRequests: ActiveRequests, UnreachableUntil: UnreachableUntil)
            .After(beat, now);
        var state = WorkerLifecycle.StateOf(leaseRuns: true, suspected: false, Draining, next.Degraded);
        return new(
            number,
            next.ToRenewal(Id, Incarnation, now),
            new(HeartbeatOutcome.Renewed, Incarnation, state, Registration.Lease, []),
            ChangesState: state != State);
    }

    public InstanceChange ToChange(long from) => new(
        Id,
        Incarnation,
        Removed,
        State,
        Load,
        ActiveRequests,
        AddedVersion,
        Version,
        !Removed && RegisteredVersion > from ? Registration : null,
        Unreachable);
}
