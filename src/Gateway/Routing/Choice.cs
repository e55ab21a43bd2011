namespace WorkerMesh.Gateway.Routing;

/// <summary>What is chosen where every worker in good standing is excluded.</summary>
internal enum LastResort
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>One that is set aside, unless one in good standing is only at its limit: that is worth a wait.</summary>
    UnlessFull,

    /// <summary>One that is set aside: trying it costs less than refusing a request that it might answer by now.</summary>
    Any,
}

/// <summary>What a request needs of a worker.</summary>
/// <param name="snapshot">The route.</param>
/// <param name="tried">Workers that have failed this request.</param>
/// <param name="repeatable">Whether the request may go to another worker if the chosen one takes it and fails.</param>
/// <param name="affinity">The hash of the key that it wants to meet again, if it has one.</param>
/// <param name="lastResort">What to do where all are excluded.</param>
internal readonly ref struct Wish(
    RouteSnapshot snapshot,
    ReadOnlySpan<WorkerLink?> tried,
    bool repeatable,
    ulong? affinity = null,
    LastResort lastResort = LastResort.Any)
{
    public RouteSnapshot Snapshot { get; } = snapshot;

    public ReadOnlySpan<WorkerLink?> Tried { get; } = tried;

    public bool Repeatable { get; } = repeatable;

    public ulong? Affinity { get; } = affinity;

    public LastResort LastResort { get; } = lastResort;
}

/// <summary>A worker at which a place was taken, or why there is none.</summary>
/// <param name="Instance">The worker; the caller gives the place back with <see cref="WorkerLink.Leave"/>.</param>
/// <param name="Trial">
/// Whether the request finds out if a worker that failed is back (<see cref="WorkerLink.MayTry"/>).
/// </param>
/// <param name="Full">Where there is none: whether one in good standing has all its places taken.</param>
internal readonly record struct Choice(Instance? Instance, bool Trial = false, bool Full = false);
