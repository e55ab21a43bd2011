using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>
/// What is known of a worker beyond its record. In memory only; times are of the holder's monotonic clock.
/// </summary>
/// <param name="HeardAt">When its lease was last renewed.</param>
/// <param name="ReportsDegraded">Whether its last heartbeat said so.</param>
/// <param name="FailsCheck">Whether its active health check fails.</param>
/// <param name="Load">The load it reported last.</param>
/// <param name="ActiveRequests">The requests in flight it reported last.</param>
/// <param name="UnreachableUntil">Until when gateways should avoid it (<see cref="Suspicion"/>).</param>
[GenerateSerializer, Immutable, Alias("mesh.Liveness")]
internal readonly record struct Liveness(
    TimeSpan HeardAt,
    bool ReportsDegraded = false,
    bool FailsCheck = false,
    double Load = 0,
    int ActiveRequests = 0,
    TimeSpan UnreachableUntil = default)
{
    public bool Degraded => ReportsDegraded || FailsCheck;

    public bool LeaseRuns(TimeSpan lease, TimeSpan now) => now - HeardAt < lease;

    public TimeSpan UnreachableFor(TimeSpan now) =>
        UnreachableUntil > now ? UnreachableUntil - now : TimeSpan.Zero;

    /// <summary>The same after a heartbeat: what that does not say stays as it was.</summary>
    public Liveness After(Heartbeat beat, TimeSpan now) => this with
    {
        HeardAt = now,
        ReportsDegraded = beat.Degraded ?? ReportsDegraded,
        Load = beat.CurrentLoad ?? Load,
        ActiveRequests = beat.ActiveRequests ?? ActiveRequests,
    };

    public Renewal ToRenewal(WorkerId id, long incarnation, TimeSpan now) =>
        new(id, incarnation, Degraded, Load, ActiveRequests, now - HeardAt, UnreachableFor(now));
}
