using WorkerMesh.Grains.Identity;

namespace WorkerMesh.Grains.Workers;

/// <summary>A renewed lease on its way to a registry. Ages, not times: clocks of two silos are not compared.</summary>
/// <param name="Id">The worker.</param>
/// <param name="Incarnation">The incarnation that was renewed.</param>
/// <param name="Degraded">Whether it says so or fails its check.</param>
/// <param name="Load">The load it reported.</param>
/// <param name="ActiveRequests">The requests in flight it reported.</param>
/// <param name="HeardAgo">How long ago the heartbeat came.</param>
/// <param name="UnreachableFor">
/// For how much longer gateways should avoid it because one of them can't connect to it; zero where none says so.
/// </param>
[GenerateSerializer, Immutable, Alias("mesh.Renewal")]
public readonly record struct Renewal(
    WorkerId Id,
    long Incarnation,
    bool Degraded,
    double Load,
    int ActiveRequests,
    TimeSpan HeardAgo,
    TimeSpan UnreachableFor = default);
